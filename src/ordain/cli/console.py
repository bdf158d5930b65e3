"""What every verb shares: its three options, printing, and errors turned into exit codes."""

from __future__ import annotations

import json
import math
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from ordain.errors import RetryLater, UserError

OK, ERROR, CHANGES, USAGE, BUG, RETRY, INTERRUPTED = 0, 1, 2, 64, 70, 75, 130
# What every exit code means; docs/exit-codes.md has the same table, and a test holds them equal.
EXIT_CODES = {
    OK: "done; for `plan`: nothing to do",
    ERROR: "an error that a person can mend: what, where, and the next command are printed",
    CHANGES: "`plan`: something would change, run or be restored; `affected --exit-code`: something has to; "
    "`monitor --exit-code`: there is an alarm; `retrain --exit-code`: there is one that no request mends",
    USAGE: "wrong usage: an unknown option, a missing argument",
    BUG: "a bug in Ordain; the traceback is printed, please report it",
    RETRY: "somebody remote was busy or away; nothing was changed, try again later",
    INTERRUPTED: "interrupted",
}

Function = TypeVar("Function", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """Numbers within bounds; to click alone, `nan` is within any, and infinity within an open one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """A number from the command line."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no number of anything.", param, ctx)
        return number


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

    def line(self, value: Any, text: str) -> None:
        """One of many answers of a verb that goes on: as JSON on a line of its own, or `text` for people."""
        if self.as_json:
            click.echo(json.dumps(value, sort_keys=True, ensure_ascii=False))
        elif not self.quiet:
            click.echo(text)

    def failure(self, error: UserError | RetryLater) -> None:
        """What went wrong, where a verb goes on nevertheless."""
        if self.as_json:
            click.echo(json.dumps(error_of(error), sort_keys=True, ensure_ascii=False))
        else:
            click.echo(_told(error), err=True)

    def save(self, path: Path, text: str) -> None:
        """Write a text into a file, all of it or nothing, and say so."""
        from ordain.adapters.files import write_atomic

        write_atomic(path.absolute(), (text + "\n").encode("utf-8", "replace"))
        self.say(f"written to {path}")


def common_options(function: Function) -> Function:
    """Adds `--json`, `--quiet` and `-C DIR`; the verb receives `as_json`, `quiet` and `root`."""
    return _with_options(function, lambda _context, _option, folder: folder)


def clone_options(function: Function) -> Function:
    """The same for a verb that works in a clone, from wherever it is called in it: `root` is its top."""
    return _with_options(function, _top)


def _top(_: click.Context, __: click.Parameter, folder: Path) -> Path:
    from ordain.adapters.top import top_of

    return top_of(folder)


def _with_options(
    function: Function, where: Callable[[click.Context, click.Parameter, Path], Path]
) -> Function:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
        click.option(
            "-C",
            "root",
            type=click.Path(path_type=Path, file_okay=False),
            default=Path(),
            show_default=True,
            callback=where,
            help="The repository to work in, or a folder in it.",
        ),
    ):
        function = option(function)
    return function


def _as_text(error: UserError) -> str:
    lines = [f"error: {error}"]
    if error.fix:
        lines.append(f"  next: {error.fix}")
    return "\n".join(lines)


def _told(error: UserError | RetryLater) -> str:
    return _as_text(error) if isinstance(error, UserError) else f"try again later: {error.what}"


def error_of(error: UserError | RetryLater) -> dict[str, str]:
    """An error as a document has it."""
    more = (error.where, error.fix, error.reason) if isinstance(error, UserError) else ("", "", "")
    return dict(zip(("error", "where", "fix", "reason"), (error.what, *more), strict=True))


def _document(error: UserError | RetryLater) -> None:
    """An error as one JSON document on standard output."""
    click.echo(json.dumps(error_of(error), indent=2, sort_keys=True, ensure_ascii=False))


def _misused(error: click.UsageError, argv: list[str]) -> int:
    """Say what is wrong with the line that was typed."""
    if "--json" in argv:
        path = error.ctx.command_path if error.ctx else "ordain"
        _document(UserError(error.format_message(), fix=f"{path} --help"))
    else:
        error.show()
    return USAGE


def _fail(error: UserError | RetryLater, argv: list[str]) -> int:
    """Say what went wrong, as one JSON document on standard output or for people on standard error."""
    if "--json" in argv:
        _document(error)
    else:
        click.echo(_told(error), err=True)
    return worst([error])


def worst(errors: Sequence[UserError | RetryLater]) -> int:
    """The exit code of a verb that met these and went on: what nobody has to mend is the lesser."""
    if any(isinstance(each, UserError) for each in errors):
        return ERROR
    return RETRY if errors else OK


def _unusable(error: ImportError) -> UserError | None:
    """A package that is absent or does not load, as in another verb's image; None for a bug of ours."""
    package = (error.name or "").partition(".")[0]
    if package == "ordain":
        return None
    absent = isinstance(error, ModuleNotFoundError)
    what = f"the package `{package}` is not installed here" if absent else f"a package does not load: {error}"
    return UserError(
        what, fix="install all of Ordain (README.md), or run this in the image for it (docs/containers.md)"
    )


def run_command(command: click.Command, argv: list[str] | None) -> NoReturn:
    """Run a click command; exit with its code, or with the code of the error it met."""
    words = sys.argv[1:] if argv is None else argv
    try:
        code = command.main(args=words, prog_name="ordain", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.UsageError as error:
        sys.exit(_misused(error, words))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except (UserError, RetryLater) as error:
        sys.exit(_fail(error, words))
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug has an exit code of its own
        unusable = _unusable(error) if isinstance(error, ImportError) else None
        if unusable:
            sys.exit(_fail(unusable, words))
        traceback.print_exc()
        click.echo("this is a bug in Ordain: please report it with the lines above", err=True)
        sys.exit(BUG)
    sys.exit(code if isinstance(code, int) else OK)
