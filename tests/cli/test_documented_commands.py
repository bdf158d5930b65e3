"""Every `ordain …` that a page or a help text shows is one that the program takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

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
