"""What a hostile repository can make DVC do, and that Ordain neither does it nor lets DVC do it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from ordain.errors import UserError
from tests.services.test_run import Repo

HOOK = b"#!/bin/sh\ntouch ran-by-the-hook\n"


def stolen(repo: Repo, folder: str) -> Path:
    """Let a tracked path lead into `.git/hooks`; the hook that DVC could be made to write there."""
    hooks = repo.root / ".git/hooks"
    shutil.rmtree(hooks, ignore_errors=True)
    hooks.mkdir()
    place = repo.root / folder
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(hooks)
    return hooks / "pre-commit"


def output(repo: Repo, path: str) -> None:
    """A `.dvc` file, as an attacker commits it, that names an executable in a remote as its output."""
    digest = hashlib.md5(HOOK, usedforsecurity=False).hexdigest()
    stored = repo.root.parent / "remote/files/md5" / digest[:2] / digest[2:]
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(HOOK)
    declared = {"md5": digest, "hash": "md5", "size": len(HOOK), "isexec": True, "path": path}
    (repo.root / "evil.dvc").write_text(json.dumps({"outs": [declared]}))
    remote = f"[core]\n    remote = r\n['remote \"r\"']\n    url = {repo.root.parent}/remote\n"
    (repo.root / ".dvc/config").write_text(remote)


@pytest.fixture
def repo(ran: Repo, tmp_path: Path) -> Repo:
    return ran.copied(tmp_path / "repo")


@pytest.mark.slow
def test_dvc_itself_installs_and_arms_a_hook_through_a_symlink(repo: Repo) -> None:
    """The premise, with the pinned DVC: should it fail one day, DVC has been mended."""
    hook = stolen(repo, "elsewhere")
    output(repo, "elsewhere/pre-commit")
    repo.commit()
    assert repo.dvc("pull", "evil.dvc").returncode == 0
    assert hook.read_bytes() == HOOK
    (repo.root / "params.yaml").write_text((repo.root / "params.yaml").read_text() + "\n")
    repo.commit()
    assert (repo.root / "ran-by-the-hook").exists()


@pytest.mark.parametrize(
    "folder",
    [
        "pipelines/churn/data",
        "pipelines/churn/candidates",
        "pipelines/churn/artifact",
        "pipelines/churn",
        "pipelines",
    ],
)
def test_no_output_is_written_through_a_symlink(repo: Repo, folder: str) -> None:
    hook = stolen(repo, folder)
    with pytest.raises(UserError, match="symlink"):
        repo.run()
    assert list(hook.parent.iterdir()) == []


def test_a_hostile_dvc_file_and_config_are_neither_pulled_nor_run(repo: Repo) -> None:
    """`ordain run` restores its own settings, names its own stages, and pulls nothing."""
    hook = stolen(repo, "elsewhere")
    output(repo, "elsewhere/pre-commit")
    (repo.root / "evil").mkdir()
    (repo.root / "evil/dvc.yaml").write_text('{"stages": {"x": {"cmd": "touch ../ran-by-dvc"}}}')
    repo.commit()
    repo.tell("linear", score=0.9)
    repo.run()
    assert list(hook.parent.iterdir()) == []
    assert not (repo.root / "ran-by-dvc").exists()


def test_a_command_slipped_into_a_generated_pipeline_is_not_run(repo: Repo) -> None:
    for path in ("dvc.yaml", "pipelines/churn/dvc.yaml"):
        text = (repo.root / path).read_text()
        changed = re.sub(r"(?m)^( +)cmd: .*$", r"\1cmd: touch ../../ran-by-dvc ran-by-dvc", text)
        assert changed != text
        (repo.root / path).write_text(changed)
    repo.commit()
    checked = repo.ordain("check")
    assert checked.returncode == 1
    assert "pipelines/churn/dvc.yaml" in checked.stdout
    repo.tell("linear", score=0.9)
    repo.run()
    assert not list(repo.root.rglob("ran-by-dvc"))
