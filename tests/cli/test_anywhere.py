"""Verbs that work in a clone work from any folder of it, as Git does; init makes none inside another."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from ordain.adapters.git import find_repository
from ordain.adapters.top import top_of
from ordain.cli.main import VERBS, ordain
from ordain.errors import UserError

# They work on a folder or a file that need not be in a clone.
ELSEWHERE = {"init", "serve", "score", "pull", "receive", "compact", "completion", "demo"}
ROOT = Path(__file__).parents[2]


def callbacks() -> dict[str, set[str]]:
    import importlib

    import click

    found: dict[str, set[str]] = {}
    for verb, (module, _) in VERBS.items():
        command = importlib.import_module(f"ordain.cli.{module}").command
        commands = command.commands.values() if isinstance(command, click.Group) else [command]
        found[verb] = {
            option.callback.__name__
            for each in commands for option in each.params if "-C" in option.opts and option.callback
        }  # fmt: skip
    return found


def test_every_verb_but_those_that_need_no_clone_finds_the_top() -> None:
    told = callbacks()
    assert {verb for verb, names in told.items() if names == {"_top"}} == VERBS.keys() - ELSEWHERE


def test_the_top_is_the_one_that_git_finds(tmp_path: Path) -> None:
    inner = tmp_path / "a/b/c"
    inner.mkdir(parents=True)
    assert top_of(inner) == inner
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert top_of(inner) == tmp_path == find_repository(inner).folder
    assert top_of(tmp_path) == tmp_path


def test_a_worktree_has_a_top_of_its_own(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    (tmp_path / "x").mkdir()
    assert top_of(tmp_path / "x") == tmp_path


@pytest.mark.parametrize("words", [("check",), ("affected",), ("status",), ("data", "check")])
def test_verbs_answer_the_same_from_a_folder_below(words: tuple[str, ...]) -> None:
    told = [
        CliRunner().invoke(ordain, [*words, "--json", "-C", str(ROOT / place)]).output
        for place in (".", "pipelines/churn")
    ]
    assert json.loads(told[0]) == json.loads(told[1])


@pytest.mark.parametrize("name", [".", "new"])
def test_init_makes_no_repository_inside_another(tmp_path: Path, name: str) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "below").mkdir()
    done = CliRunner().invoke(ordain, ["init", name, "--yes", "-C", str(tmp_path / "below")])
    assert isinstance(done.exception, UserError)
    assert f"ordain init {tmp_path}" in done.exception.fix
    assert list((tmp_path / "below").iterdir()) == []
