"""`ordain init`: from a file nobody has described to a sound repository, and never a lost edit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ordain.errors import UserError
from ordain.services.init import RECORD, Request, initialise, settle

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def somebody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person with a name and a key, and nothing of whoever runs the tests."""
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "key"], check=True)
    (home / ".gitconfig").write_text(
        f"[user]\n\tname = Ann Lee\n\temail = ann@x.example\n\tsigningkey = {home / 'key.pub'}\n"
    )
    for name in [each for each in os.environ if each.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


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
    assert "the task is binary and `Yes` counts as positive" in outcome.guessed
    assert (shop / "data/telco_churn.csv").is_file()
    assert (shop / ".ordain/local/collector").stat().st_mode & 0o077 == 0
    found = ordain(shop, "check", "--json")
    assert found.returncode == 0, found.stdout


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


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Request(policy=Path("/nowhere/policy.yaml")), "no such policy"),
        (Request(name="m", data=Path("/nowhere.csv"), target="y"), "no such data file"),
        (Request(name="M/..", data=Path(__file__), target="y"), "can't name a model"),
        (Request(name="m", data=ROOT / "data/telco_churn.csv", target="z"), "no column `z`"),
        (Request(name="m", data=ROOT / "pyproject.toml", target="z"), "can't be read|no column"),
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
