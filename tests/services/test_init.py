"""`ordain init`: from a file nobody has described to a sound repository, and never a lost edit."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from ordain import dependencies
from ordain.adapters import package
from ordain.cli.init import Asked, command, complete
from ordain.core.canonical import bytes_digest
from ordain.core.setup import scaffold
from ordain.core.setup.automation import WORKFLOWS
from ordain.errors import UserError
from ordain.learn import columns, target
from ordain.services.setup import init_model
from ordain.services.setup.init import RECORD, Request, initialise, settle
from ordain.services.setup.init_forge import Around

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("somebody")


def ordain(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = "from ordain.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *words], cwd=folder, capture_output=True, text=True, check=False
    )


def first_model(tmp_path: Path) -> Request:
    return Request(name="churn", data=ROOT / "data/telco_churn.csv", target="churn")


def test_from_a_file_to_a_sound_repository_without_an_edit(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    outcome = initialise(shop, first_model(tmp_path))
    told = (
        "the task is binary and `Yes` counts as positive: it has two values, of which this is a word for yes"
    )
    assert told in outcome.guessed
    assert (shop / "data/telco_churn.csv").is_file()
    assert (shop / ".ordain/local/collector").stat().st_mode & 0o077 == 0
    found = ordain(shop, "check", "--json")
    assert found.returncode == 0, found.stdout


def test_data_that_is_too_large_for_git_is_left_to_dvc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(init_model, "GIT_LIMIT", 1000)
    shop = tmp_path / "shop"
    outcome = initialise(shop, first_model(tmp_path))
    assert any("`dvc add data/telco_churn.csv`" in each for each in outcome.notes)
    assert git(shop, "ls-files", "data") == ""
    subprocess.run(["dvc", "add", "-q", "data/telco_churn.csv"], cwd=shop, check=True)
    assert ordain(shop, "check").returncode == 0


def test_the_genesis_is_printed_and_pushed(tmp_path: Path) -> None:
    shop, origin = tmp_path / "shop", tmp_path / "shop.git"
    outcome = initialise(shop, Request(origin=origin))
    root = subprocess.run(
        ["git", "rev-list", "--max-parents=0", "main"], cwd=origin, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert outcome.notes[0].startswith(f"genesis {root}")
    listed = subprocess.run(["git", "ls-files"], cwd=shop, capture_output=True, text=True, check=True).stdout
    assert "policy.yaml" in listed
    assert ".ordain/local" not in listed


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    initialise(shop, first_model(tmp_path))
    outcome = initialise(shop, first_model(tmp_path))
    assert (outcome.written, outcome.kept) == ((), ())
    assert not subprocess.run(["git", "status", "--short"], cwd=shop, capture_output=True, check=True).stdout


def test_edits_are_kept_and_unedited_files_follow_the_version(tmp_path: Path) -> None:
    settle(tmp_path, {"mine.yaml": b"1"}, {"stage.py": b"old", "schema.json": b"old"})
    (tmp_path / "mine.yaml").write_bytes(b"edited")
    (tmp_path / "stage.py").write_bytes(b"edited")
    outcome = settle(tmp_path, {"mine.yaml": b"1"}, {"stage.py": b"new", "schema.json": b"new"})
    assert (outcome.written, outcome.kept) == (("schema.json",), ("stage.py",))
    assert (tmp_path / "mine.yaml").read_bytes() == (tmp_path / "stage.py").read_bytes() == b"edited"
    # An edited file stays kept in every later run, until it is deleted.
    assert settle(tmp_path, {}, {"stage.py": b"newer", "schema.json": b"new"}).kept == ("stage.py",)


def test_what_is_generated_no_more_goes_where_nobody_edited_it(tmp_path: Path) -> None:
    """A workflow that an earlier version wrote would run on, beside the one that took its place."""
    old, edited, mine = (f".github/workflows/{name}.yml" for name in ("old", "edited", "mine"))
    first = {old: b"x", edited: b"x", "stages/old.py": b"x", "stages/new.py": b"x"}
    settle(tmp_path, {}, first)
    (tmp_path / edited).write_text("mine")
    (tmp_path / mine).write_text("mine")
    record = json.loads((tmp_path / RECORD).read_text())
    (tmp_path / RECORD).write_text(json.dumps({**record, "models.yaml": bytes_digest(b"x")}))
    (tmp_path / "models.yaml").write_text("x")
    now = {"stages/new.py": b"x", ".github/workflows/new.yml": b"x"}
    outcome = settle(tmp_path, {}, now)
    assert (outcome.removed, outcome.outlived) == ((old, "stages/old.py"), (edited,))
    assert not (tmp_path / old).exists()
    for kept in (edited, mine, "models.yaml", "stages/new.py"):
        assert (tmp_path / kept).exists(), "whatever a record says, no file of people's goes"
    assert settle(tmp_path, {}, now).outlived == (edited,)
    (tmp_path / edited).unlink()
    assert settle(tmp_path, {}, now).outlived == ()
    assert edited not in json.loads((tmp_path / RECORD).read_text())
    del now[".github/workflows/new.yml"]
    assert settle(tmp_path, {}, now).removed == (), "a forge that is named no more takes no jobs along"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Request(policy=Path("/nowhere/policy.yaml")), "no such policy"),
        (Request(name="m", data=Path("/nowhere.csv"), target="y"), "no such data file"),
        (Request(name="M/..", data=Path(__file__), target="y"), "can't name a model"),
        (Request(name="m", data=ROOT / "data/telco_churn.csv", target="z"), "no column `z`"),
        (Request(name="m", data=ROOT / "pyproject.toml", target="z"), "no table"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, asked: Request, words: str) -> None:
    with pytest.raises(UserError, match=words):
        initialise(tmp_path / "shop", asked)
    if asked.name:
        assert not (tmp_path / "shop").exists()


def test_a_person_without_a_key_is_told_the_setting(tmp_path: Path) -> None:
    (tmp_path / "home/.gitconfig").write_text("[user]\n\tname = Ann\n\temail = a@x.example\n")
    with pytest.raises(UserError, match=r"user\.signingkey"):
        initialise(tmp_path / "shop", Request())


def test_a_broken_record_of_earlier_runs_is_named(tmp_path: Path) -> None:
    settle(tmp_path, {}, {"stage.py": b"old"})
    (tmp_path / RECORD).write_text("[]")
    with pytest.raises(UserError, match="not a record"):
        settle(tmp_path, {}, {"stage.py": b"new"})


def test_half_a_model_is_wrong_usage(tmp_path: Path) -> None:
    assert ordain(tmp_path, "init", "shop", "--name", "churn", "--yes").returncode == 64


def around(**asked: Any) -> Request:
    return Request(around=Around(**asked))


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_forge_brings_its_jobs_its_bot_and_its_remote(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    outcome = initialise(shop, around(
        forge="github", repository="acme/shop", registry="ghcr.io/acme/models", gitops="argocd",
        remote="s3://acme/dvc",
    ))  # fmt: skip
    assert {f".github/workflows/{name}.yml" for name in WORKFLOWS} < set(outcome.written)
    assert any("ORDAIN_COLLECTOR_KEY" in each for each in outcome.notes)
    policy = yaml.safe_load((shop / "policy.yaml").read_text())
    assert (policy["forge"], policy["repository"]) == ("github", "acme/shop")
    assert policy["people"]["ordain-bot"]["bot"] is True
    assert (shop / ".ordain/local/bot").stat().st_mode & 0o077 == 0
    models = yaml.safe_load((shop / "models.yaml").read_text())
    assert models["gitops"] == {"repository": "https://github.com/acme/shop", "branch": "live", "argocd": {}}
    assert "registry: ghcr.io/acme/models" in (shop / "environments/staging.yaml").read_text()
    assert "url = s3://acme/dvc" in (shop / ".dvc/config").read_text()
    remotes = subprocess.run(
        [sys.executable, "-m", "dvc", "remote", "list"], cwd=shop, capture_output=True, text=True, check=True
    )
    assert remotes.stdout.split() == ["storage", "s3://acme/dvc", "(default)"]
    assert ordain(shop, "check").returncode == 0
    assert "dvc-s3==" in dependencies.listed("training").read_text(), "which is what its jobs install"
    assert (shop / "requirements-training.txt").read_bytes() == package.jobs_lock()
    installed = importlib.util.find_spec("dvc_s3") is not None
    assert any("pip install dvc-s3" in each for each in outcome.notes) is not installed


def test_a_remote_whose_plug_in_is_absent_is_named(tmp_path: Path) -> None:
    if importlib.util.find_spec("dvc_gs") is not None:
        pytest.skip("dvc-gs is installed here")
    shop = tmp_path / "shop"
    initialise(shop, first_model(tmp_path))
    git(shop, "rm", "-q", "--cached", "data/telco_churn.csv")
    subprocess.run(["dvc", "add", "-q", "data/telco_churn.csv"], cwd=shop, check=True)
    initialise(shop, around(remote="gs://acme/dvc"))
    (shop / "data/telco_churn.csv").unlink()
    shutil.rmtree(shop / ".dvc/cache")
    found = ordain(shop, "data", "pull")
    assert found.returncode == 1
    assert "pip install dvc-gs" in found.stderr


def test_a_later_run_knows_the_forge_and_keeps_edited_jobs(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    initialise(shop, around(forge="github", repository="acme/shop", remote="s3://acme/dvc"))
    edited, old = shop / ".github/workflows/audit.yml", shop / ".github/workflows/retrain.yml"
    edited.write_text("# mine\n")
    record = yaml.safe_load((shop / RECORD).read_text())
    old.write_text("# of an older Ordain\n")
    record[".github/workflows/retrain.yml"] = bytes_digest(old.read_bytes())
    (shop / RECORD).write_text(json.dumps(record))
    outcome = initialise(shop, Request())
    assert (outcome.written, outcome.kept) == (
        (".github/workflows/retrain.yml",), (".github/workflows/audit.yml",)
    )  # fmt: skip
    assert edited.read_text() == "# mine\n"
    assert (outcome.guessed, outcome.notes) == ((), ())


@pytest.mark.parametrize(
    ("address", "forge", "name"),
    [
        ("git@github.com:acme/shop.git", "github", "acme/shop"),
        ("https://github.com/acme/shop", "github", "acme/shop"),
        ("https://gitlab.com/acme/ml/shop.git", "gitlab", "acme/ml/shop"),
        ("ssh://git@gitlab.com:22/acme/shop.git", "gitlab", "acme/shop"),
        ("https://git.example/acme/shop.git", "local", "local/shop"),
        ("/srv/git/shop.git", "local", "local/shop"),
    ],
)
def test_the_origin_says_which_forge(address: str, forge: str, name: str, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    git(shop, "init", "-q", "-b", "main")
    git(shop, "remote", "add", "origin", address)
    outcome = initialise(shop, Request())
    policy = yaml.safe_load((shop / "policy.yaml").read_text())
    assert (policy["forge"], policy["repository"]) == (forge, name)
    assert f"the forge is {forge}" in outcome.guessed
    assert any("no DVC remote" in each for each in outcome.notes) is (forge != "local")


def test_the_local_forge_keeps_data_beside_the_repository(tmp_path: Path) -> None:
    initialise(tmp_path / "shop", Request(origin=tmp_path / "shop.git"))
    assert f"url = {tmp_path / 'shop.dvc'}\n" in (tmp_path / "shop/.dvc/config").read_text()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"repository": "../x"}, "not that"),
        ({"registry": "Registry"}, "not that"),
        ({"registry": "ghcr.io/acme\n"}, "not that"),
        ({"remote": "s3://key:secret@bucket/x"}, "carries a credential"),
        ({"remote": "relative/folder"}, "can't be a DVC remote"),
        ({"remote": "/srv/dvc\n[core]"}, "can't be a DVC remote"),
        ({"remote": "s3://b/x\n['remote \"r\"']"}, "can't be a DVC remote"),
        ({"gitops": "flux"}, "an address that a cluster can read"),
    ],
)
def test_surroundings_that_are_none_are_refused(asked: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words) as caught:
        initialise(tmp_path / "shop", around(**asked))
    assert caught.value.where.startswith("--")
    assert "secret" not in str(caught.value)


def test_a_person_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("github\ngit@github.com:a/b.git\nghcr.io/a/m\n\n\ny\nchurn\nx.csv\nleft\n")
    )
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    found = complete(Asked(), ask=True)
    assert (found.forge, found.origin) == ("github", "git@github.com:a/b.git")
    assert (found.registry, found.gitops, found.remote) == ("ghcr.io/a/m", None, None)
    assert (found.name, found.data, found.target) == ("churn", Path("x.csv"), "left")


def test_a_person_who_upgrades_is_asked_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    initialise(tmp_path / "shop", Request())
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.chdir(tmp_path)
    command.main(["shop"], standalone_mode=False)


def test_nobody_is_asked_without_a_terminal() -> None:
    assert complete(Asked(forge="local"), ask=False) == Asked(forge="local")
    with pytest.raises(click.UsageError):
        complete(Asked(name="churn"), ask=False)


def test_the_page_names_the_rules_that_hold() -> None:
    text = " ".join((ROOT / "docs/init.md").read_text("utf-8").split())
    for said in (
        f"for at most {target.MAX_CLASSES} different whole ones",
        f"with at most {target.MAX_LABELS} classes",
        f"at most {columns.MAX_CATEGORIES} different texts",
        f"more than {columns.MAX_CATEGORIES} categories",
        f"more than {init_model.GIT_LIMIT // 2**20} MiB is not committed",
    ):
        assert said in text
    assert scaffold.STEP == 1 / 5
    assert "a fifth of the way from chance to perfect" in text
    flags = set(re.findall(r"`(--[a-z]+)`", text))
    assert flags <= {option for each in command.params for option in each.opts}
