"""`ordain check`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import ERROR, OK, Console, clone_options

if TYPE_CHECKING:
    from ordain.core.problems import Problem
    from ordain.services.checking.check import Checked


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github", "gitlab", "sarif"]),
    default="text",
    show_default=True,
    help="What forges show on the lines of a change: GitHub's workflow commands, for a job's log; GitLab's "
    "code quality report; SARIF.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write that there, print text.")
@clone_options
def command(*, form: str, out: Path | None, as_json: bool, quiet: bool, root: Path) -> int:
    """Report every problem in the declared state, and change nothing.

    Reads models.yaml, params.yaml, policy.yaml, environments/ and releases/; compares generated files
    with what their sources give, and records and manifests with what Git holds. Runs nothing, needs no
    network. Exits 1 when there is a problem. A note is about what is sound and still can't work, such
    as an image that is a placeholder.

    \b
    --json prints {"ok": bool, "problems": [...], "notes": [...], "files": n, "models": n,
    "environments": n, "releases": n}; a problem or note has file, line, column (both from 1, or 0 for
    the whole file), key, message, suggestion, and a code that stays the same between versions.

    \b
    Examples:
      ordain check
      ordain check --json -C ../other
      ordain check --format github
      ordain check --format gitlab --out gl-code-quality-report.json
    """
    import msgspec

    from ordain.services.checking.check import check

    checked = check(root)
    console = Console(as_json=as_json, quiet=quiet)
    if form != "text" and out is not None:
        console.save(out, formatted(checked, form))
    if form != "text" and out is None and not as_json:
        click.echo(formatted(checked, form))
    elif checked.problems and not as_json:
        click.echo("\n".join(told(checked)))  # problems are errors: --quiet keeps them
    else:
        body = {"ok": not checked.problems, **msgspec.to_builtins(checked)}
        console.result(body, "\n".join([f"no problems: {counts(checked)}", *_notes(checked)]))
    return ERROR if checked.problems else OK


def formatted(checked: Checked, form: str) -> str:
    """Problems and notes as `github`, `gitlab` or `sarif`."""
    import json

    from ordain._version import __version__
    from ordain.core.reports import annotations
    from ordain.core.reports.sarif import sarif

    told = (checked.problems, checked.notes)
    if form == "github":
        return "\n".join([*annotations.commands(*told), counts(checked)])
    body = annotations.code_quality(*told) if form == "gitlab" else sarif(told[0], __version__, told[1])
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False)


def told(checked: Checked) -> list[str]:
    """Every problem, file by file, and how many there are."""
    lines: list[str] = []
    for file, problems in groupby(checked.problems, key=lambda problem: problem.file):
        lines += [file, *(line for problem in problems for line in _lines(problem)), ""]
    number = len(checked.problems)
    return [*lines, f"{number} problem{'s' if number > 1 else ''} ({counts(checked)})", *_notes(checked)]


def counts(checked: Checked) -> str:
    """What was looked at."""
    amounts = {
        "file": checked.files,
        "model": checked.models,
        "environment": checked.environments,
        "release": checked.releases,
    }
    return ", ".join(f"{number} {name}{'' if number == 1 else 's'}" for name, number in amounts.items())


def _notes(checked: Checked) -> list[str]:
    """What is no problem of the declaration, and will be one in the cluster."""
    found = [_lines(each) for each in checked.notes]
    return [line for head, *more in found for line in (f"note: {head.strip()}", *more)]


def _lines(problem: Problem) -> list[str]:
    """A problem in one line, its cure in the next."""
    place = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    head = "  ".join(part for part in (place, problem.key, problem.message) if part)
    return [f"  {head}", *([f"      {problem.suggestion}"] if problem.suggestion else [])]
