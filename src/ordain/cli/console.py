"""What every verb shares: its three options, printing, and errors turned into exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from ordain.errors import RetryLater, UserError

OK, ERROR, CHANGES, USAGE, RETRY, BUG, INTERRUPTED = 0, 1, 2, 64, 75, 70, 130

Function = TypeVar("Function", bound=Callable[..., Any])


class Console:
    """Prints for people, or one JSON document for machines; never both."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet

    def say(self, text: str = "") -> None:
        """A line for people, unless they asked for silence or for JSON."""
        if not (self.quiet or self.as_json):
            click.echo(text)

    def result(self, value: Any, text: str | None = None) -> None:
        """The command's answer: `value` as JSON, or `text` for people."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))
        elif text is not None and not self.quiet:
            click.echo(text)


def common_options(function: Function) -> Function:
    """Adds `--json`, `--quiet` and `-C DIR`; the verb receives `as_json`, `quiet` and `root`."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
        click.option(
            "-C",
            "root",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path(),
            show_default=True,
            help="The repository to work in.",
        ),
    ):
        function = option(function)
    return function


def _as_text(error: UserError) -> str:
    lines = [f"error: {error}"]
    if error.fix:
        lines.append(f"  next: {error.fix}")
    return "\n".join(lines)


def _fail(error: Exception, argv: list[str]) -> int:
    as_json = "--json" in argv
    if isinstance(error, UserError):
        if as_json:
            body = {
                "error": error.what,
                "where": error.where,
                "fix": error.fix,
                "reason": error.reason,
            }
            click.echo(json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False))
        else:
            click.echo(_as_text(error), err=True)
        return ERROR
    if isinstance(error, RetryLater):
        click.echo(f"try again later: {error.what}", err=True)
        return RETRY
    raise error


def run_command(command: click.Command, argv: list[str] | None) -> NoReturn:
    """Run a click command; exit with its code, or with the code of the error it met."""
    words = sys.argv[1:] if argv is None else argv
    try:
        code = command.main(args=words, prog_name="ordain", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except (UserError, RetryLater) as error:
        sys.exit(_fail(error, words))
    sys.exit(code if isinstance(code, int) else OK)
