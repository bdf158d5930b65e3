"""`ordain data pull` in a hostile clone: DVC fetches what is declared, to where it is, and runs nothing.

Each attack is shown to work against DVC itself where it does, so that a refusal here is no accident.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ordain.errors import UserError
from ordain.services.training.data_pull import pull
from tests.services.test_run import Repo, make

HOOK = b"#!/bin/sh\ntouch ran-by-the-hook\n"
MD5 = hashlib.md5(HOOK, usedforsecurity=False).hexdigest()
SOURCE = "data/rows.csv"
OUT = {"md5": MD5, "size": len(HOOK), "hash": "md5", "isexec": True}
REMOTE = "[core]\n    remote = r\n['remote \"r\"']\n    url = {}\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A clone whose data file only DVC holds; the remote has an executable under every name asked for."""
    found = make(tmp_path / "clone")
    stored = tmp_path / "remote/files/md5" / MD5[:2] / MD5[2:]
    stored.parent.mkdir(parents=True)
    stored.write_bytes(HOOK)
    (found.root / ".dvc").mkdir()
    (found.root / ".dvc/config").write_text(REMOTE.format(tmp_path / "remote"))
    shutil.rmtree(found.root / ".git/hooks")
    (found.root / ".git/hooks").mkdir()
    (found.root / SOURCE).unlink()
    declare(found, path="rows.csv")
    return found


def declare(repo: Repo, **changes: Any) -> None:
    """Commit the data file's `.dvc` file with another output."""
    top = {key: changes.pop(key) for key in ("wdir", "deps", "frozen") if key in changes}
    (repo.root / f"{SOURCE}.dvc").write_text(json.dumps({"outs": [{**OUT, **changes}], **top}))


def fetch(repo: Repo) -> tuple[str, ...]:
    return pull(repo.root, ["churn"], "run", lambda _: None).fetched


def hooks(repo: Repo) -> list[str]:
    return sorted(each.name for each in (repo.root / ".git/hooks").iterdir())


def test_what_is_declared_soundly_is_fetched(repo: Repo) -> None:
    assert fetch(repo) == (SOURCE,)
    assert (repo.root / SOURCE).read_bytes() == HOOK


def through_a_symlink(repo: Repo) -> None:
    (repo.root / "data/elsewhere").symlink_to("../.git/hooks")
    declare(repo, path="elsewhere/pre-commit")


def through_another_folder(repo: Repo) -> None:
    (repo.root / "elsewhere").symlink_to(".git/hooks")
    declare(repo, path="pre-commit", wdir="../elsewhere")


@pytest.mark.parametrize("armed", [through_a_symlink, through_another_folder])
def test_a_tracked_file_that_leads_through_a_symlink(repo: Repo, armed: Callable[[Repo], None]) -> None:
    armed(repo)
    with pytest.raises(UserError, match=r"rows\.csv\.dvc") as caught:
        fetch(repo)
    assert caught.value.reason == "hostile-object"
    assert hooks(repo) == []
    assert repo.dvc("pull", "--force", f"{SOURCE}.dvc").returncode == 0
    assert hooks(repo) == ["pre-commit"], "the premise: DVC itself follows"


@pytest.mark.parametrize(
    "change",
    [
        {"path": "../policy.yaml"},
        {"path": "/tmp/x"},
        {"path": "s3://bucket/rows.csv"},
        {"path": "other.csv"},
        {"path": "rows.csv", "wdir": ".."},
        {"path": "rows.csv", "deps": [{"path": "x", "repo": {"url": "ext::sh -c 'touch x'"}}]},
        {"path": "rows.csv", "deps": [{"path": "https://evil.example/x"}]},
        {"path": "rows.csv", "cloud": {}},
        {"path": "rows.csv", "md5": "../../x"},
        {"path": ["rows.csv"]},
    ],
    ids=str,
)
def test_a_tracked_file_that_declares_anything_else(repo: Repo, change: dict[str, Any]) -> None:
    declare(repo, **change)
    policy = (repo.root / "policy.yaml").read_bytes()
    with pytest.raises(UserError, match=r"rows\.csv\.dvc"):
        fetch(repo)
    assert (repo.root / "policy.yaml").read_bytes() == policy
    assert not (repo.root / SOURCE).exists()


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch ran-by-yaml']",
        "outs: &a [*a]",
        "outs: " + "[" * 100_000,
        "outs: []",
        "[]",
        "\0",
    ],
    ids=lambda text: text[:12],
)
def test_a_tracked_file_that_is_none(repo: Repo, text: str) -> None:
    (repo.root / f"{SOURCE}.dvc").write_text(text)
    with pytest.raises(UserError, match=r"rows\.csv\.dvc"):
        fetch(repo)
    assert not list(repo.root.rglob("ran-by-yaml"))


@pytest.mark.parametrize("name", ["sitecustomize.py", "usercustomize.py", "dvc/__init__.py", "yaml.py"])
def test_no_module_of_the_clone_is_imported(repo: Repo, name: str) -> None:
    """Stages need `src/`; a fetch does not, and it runs where the remote's credentials are."""
    for place in ("", "src", "stages"):
        module = repo.root / place / name
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text("import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n")
    (repo.root / "src/ordain").mkdir(parents=True, exist_ok=True)
    (repo.root / "src/ordain/__init__.py").write_text("")
    assert fetch(repo) == (SOURCE,)
    assert not list(repo.root.rglob("*.ran"))


@pytest.mark.parametrize(
    "line",
    [
        "['remote \"r\"']\n    bearer_token_command = touch ran-by-the-remote",
        "['remote \"r\"']\n    configpath = aws.ini",
        "['remote \"r\"']\n    credentialpath = key.json",
        "['remote \"r\"']\n    keyfile = key",
        "[cache]\n    dir = ../elsewhere",
        "[core]\n    site_cache_dir = ../elsewhere",
        "[core]\n    autostage = true",
        "[hydra]\n    plugins_path = .",
        "[core]\r    autostage = true",
        "['remote \"r\"']\n    url = x\r    credentialpath = key.json",
        "['remote \"r\"']\n    url = '''x\n    keyfile = y'''",
        "[core]\n    [[remote]]\n    keyfile = y",
        "['machine \"x\"']\n    startup_script = x",
        "[studio]\n    url = https://evil.example",
        "[db]\n    x = y",
    ],
    ids=ascii,
)
def test_settings_of_dvc_that_lead_elsewhere(repo: Repo, line: str, tmp_path: Path) -> None:
    (repo.root / ".dvc/config").write_text(f"{REMOTE.format(tmp_path / 'remote')}{line}\n")
    with pytest.raises(UserError, match=r"\.dvc/config"):
        fetch(repo)
    assert not list(tmp_path.rglob("ran-by*"))
    assert not (tmp_path / "elsewhere").exists()


def test_a_committed_private_configuration(repo: Repo, tmp_path: Path) -> None:
    """Whoever works here may have one; a clone that brings one is armed."""
    (repo.root / ".dvc/config.local").write_text(f"[cache]\n    dir = {tmp_path}/elsewhere\n")
    assert fetch(repo) == (SOURCE,)
    shutil.rmtree(repo.root / ".dvc/cache", ignore_errors=True)
    (repo.root / SOURCE).unlink()
    repo.git("add", "-f", ".dvc/config.local")
    with pytest.raises(UserError, match=r"\.dvc/config\.local"):
        fetch(repo)


@pytest.mark.parametrize("place", [".dvc/cache", ".dvc/tmp", ".dvc/cache/files", ".ordain/local/dvc"])
def test_no_local_folder_comes_with_the_clone(repo: Repo, place: str, tmp_path: Path) -> None:
    """As a symlink it leads DVC elsewhere; as a folder it holds databases that DVC unpickles."""
    outside = tmp_path / "outside"
    outside.mkdir()
    target = repo.root / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(outside)
    repo.git("add", "-f", place)
    with pytest.raises(UserError) as caught:
        fetch(repo)
    assert caught.value.reason == "hostile-object"
    target.unlink()
    target.mkdir(parents=True)
    (target / "cache.db").write_bytes(b"pickled")
    repo.git("add", "-f", place)
    with pytest.raises(UserError, match="no place in Git"):
        fetch(repo)
    assert list(outside.iterdir()) == []


def test_the_configuration_is_no_symlink(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes((repo.root / ".dvc/config").read_bytes())
    (repo.root / ".dvc/config").unlink()
    (repo.root / ".dvc/config").symlink_to(tmp_path / "config")
    with pytest.raises(UserError, match="symlink"):
        fetch(repo)
