"""`ordain plan`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import CHANGES, OK, Console, common_options

if TYPE_CHECKING:
    from ordain.core.plan import Plan

_STYLES: dict[str, dict[str, object]] = {
    "good": {"fg": "green"},
    "bad": {"fg": "yellow"},
    "new": {"fg": "green"},
    "old": {"fg": "red"},
    "strong": {"bold": True},
    "faint": {"dim": True},
}


@click.command()
@click.option("--rev", "revision", metavar="REV", help="A commit; default: the working tree as it lies here.")
@click.option("--base", metavar="REV", help="Compare with this; default: the base branch, fetched.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html"]),
    default="text",
    show_default=True,
    help="markdown is one comment for a pull request; html is one self-contained page.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write there instead.")
@common_options
def command(
    *,
    revision: str | None,
    base: str | None,
    form: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    root: Path,
) -> int:
    """Show what merging would change, and why; change nothing.

    Compares desired state with the ledger of the base branch: for each model and environment the action,
    the keys that differ, metrics and gates of the wanted release against the deployed one, approvals
    present and missing, the manifest diff, and the pipelines that would run.

    Exits 0 when there is nothing to do, 2 when something would change or run, 1 on an error. --json
    follows src/ordain/schemas/plan.schema.json. Colour on a terminal only, and never with NO_COLOR.

    \b
    Examples:
      ordain plan
      ordain plan --rev origin/my-branch --format markdown --out comment.md
      ordain plan --json | jq '.items[] | select(.action != "none")'
    """
    from ordain.cli import wiring
    from ordain.services.plan import plan

    made = plan(wiring.setting(root), revision, base)
    told = written(made, "json" if as_json else form, colour=out is None and _colour())
    if out is not None:
        from ordain.adapters.files import write_atomic

        write_atomic(out.absolute(), (told + "\n").encode("utf-8", "replace"))
        Console(as_json=False, quiet=quiet or as_json).say(f"written to {out}")
    elif as_json or not quiet:
        click.echo(told)
    return OK if made.empty else CHANGES


def written(plan: Plan, form: str, *, colour: bool) -> str:
    """The plan in one of its forms."""
    import json

    from ordain.core import plan_document, report_html, report_markdown, report_text

    if form == "json":
        return json.dumps(plan_document.document(plan), indent=2, sort_keys=True, ensure_ascii=False)
    if form == "markdown":
        return report_markdown.comment(plan).rstrip("\n")
    if form == "html":
        return report_html.page(plan).rstrip("\n")
    return report_text.text(plan, paint if colour else report_text.plain_paint)


def paint(text: str, role: str) -> str:
    """Text in the colour of its role."""
    return click.style(text, **_STYLES[role])  # type: ignore[arg-type]


def _colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
