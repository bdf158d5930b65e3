"""Every `ordain …` that a page or a help text shows is one that the program takes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ordain.cli.console import BUG, EXIT_CODES
from ordain.cli.main import VERBS, ordain

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
_BLOCK = re.compile(r"^```(?:console|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TYPED = re.compile(r"^(?:[a-z]*\$ )?(?:.*(?:&&|\|) )?(ordain [a-z].*)", re.MULTILINE)
_INLINE = re.compile(r"`(ordain [a-z][^`]*)`")
# What ends the part of a line that is ours.
_END = re.compile(r"\s*(?:\||&&|;|>|\s#)(?:\s.*|$)", re.DOTALL)


def every_verb(
    group: click.Group, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command that does something, with the words that lead to it."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from every_verb(command, (*words, name))
        elif command is not None:
            yield (*words, name), command


ALL = dict(every_verb(ordain))


def shown() -> list[tuple[str, str]]:
    """Each line with where it stands: in console blocks, in running text, and in every `--help`."""
    lines = []
    for path in PAGES:
        text = path.read_text("utf-8")
        blocks = re.sub(r"\\\n *", "", "\n".join(_BLOCK.findall(text)))
        told = [*_TYPED.findall(blocks), *_INLINE.findall(text.replace("\n", " "))]
        lines += [(path.name, each) for each in told]
    for words, command in ALL.items():
        examples = re.findall(r"^ *(ordain .*)", re.sub(r"\\\n *", "", command.help or ""), re.MULTILINE)
        lines += [(" ".join(words), each) for each in examples]
    return lines


def takes(words: list[str]) -> None:
    """Parse, without running: verbs, options, choices and the number of arguments.

    Raises:
        click.UsageError: when the program would refuse the line.
    """
    for end in range(len(words), 0, -1):
        command = ALL.get(tuple(words[:end]))
        if command is not None:
            command.make_context("ordain", words[end:])
            return
    if words[0] not in VERBS:
        raise click.UsageError(f"there is no verb {words[0]}")


@pytest.mark.parametrize(("place", "line"), shown())
def test_the_line_would_be_taken(place: str, line: str) -> None:
    words = shlex.split(re.sub(r"[\[\]]|…", " ", _END.sub("", line)).replace("<", " ").replace(">", " "))[1:]
    try:
        takes(words)
    except (click.MissingParameter, click.BadOptionUsage):
        return  # a sentence names the verb or the option alone
    except click.exceptions.Exit:
        return
    except click.UsageError as error:
        if isinstance(error, click.BadParameter) and any(re.fullmatch("[A-Z]+", each) for each in words):
            return  # `N` or `MODEL` stands for a value
        pytest.fail(f"{place}: {line}: {error.format_message()}")


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_shares_its_options_and_shows_an_example(words: tuple[str, ...]) -> None:
    command = ALL[words]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--json", "--quiet", "-q", "-C"} <= options
    example = (command.help or "").partition("Example")[2]
    assert re.search(rf"\bordain {' '.join(words)}\b", example)
    undescribed = [each.name for each in command.params if isinstance(each, click.Option) and not each.help]
    assert undescribed == []


SAFE = [words for words in ALL if words != ("demo",)]  # which would play for minutes


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "ORDAIN_"))}
    environment = {**kept, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    program = [sys.executable, "-c", "from ordain.cli.main import main; main()", *words]
    return subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", SAFE, ids=" ".join)
def test_in_an_empty_folder_every_command_gives_one_document(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(tmp_path, *words, "--json")
    json.loads(done.stdout)
    assert done.returncode in EXIT_CODES
    assert done.returncode != BUG
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", SAFE, ids=" ".join)
def test_in_an_empty_folder_every_command_is_quiet(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(tmp_path, *words, "--quiet")
    if words != ("check",):  # whose problems are the errors
        assert done.stdout == ""
    assert done.returncode in EXIT_CODES
    assert bool(done.stderr) is (done.returncode != 0 and words != ("check",))
