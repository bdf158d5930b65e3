"""`ordain plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import CHANGES, OK, Console, clone_options
from ordain.cli.tables import colour

if TYPE_CHECKING:
    from ordain.core.plans.plan import Plan

_STYLES: dict[str, dict[str, object]] = {
    "good": {"fg": "green"},
    "bad": {"fg": "yellow"},
    "new": {"fg": "green"},
    "old": {"fg": "red"},
    "strong": {"bold": True},
    "faint": {"dim": True},
}


# What the ending of a --report says about its form.
FORMS = {".html": "html", ".md": "full", ".json": "json"}


def known_endings(_: click.Context, option: click.Parameter, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Refuse a file whose ending names no form."""
    for path in paths:
        if path.suffix not in FORMS:
            raise click.BadParameter(f"{path}: the ending is none of {', '.join(FORMS)}", param=option)
    return paths


reports_option = click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    callback=known_endings,
    help="Also write the full report there: a .html, .md or .json file. May be given more than once.",
)


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
@reports_option
@clone_options
def command(
    *,
    revision: str | None,
    base: str | None,
    form: str,
    out: Path | None,
    reports: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
    root: Path,
) -> int:
    """Show what merging would change, and why; change nothing.

    Compares desired state with the ledger of the base branch: for each model and environment the action,
    the keys that differ, metrics, gates and groups of the wanted release against the deployed one,
    approvals present and missing, and the manifest diff; for each pipeline that would run its stages down
    to the last, what it costs by past runs, and where its release would be pinned.

    A comment leaves out what a forge would not take; --report keeps everything.

    Exits 0 when there is nothing to do, 2 when something would change, run, or be put back after
    somebody edited manifests/, 1 on an error. --json follows
    src/ordain/schemas/plan.schema.json. Colour on a terminal only, and never with NO_COLOR.

    \b
    Examples:
      ordain plan
      ordain plan --rev origin/my-branch --format markdown --out comment.md --report plan.html
      ordain plan --json | jq '.items[] | select(.action != "none")'
    """
    from ordain.cli import wiring
    from ordain.services.reading.plan import plan

    made = plan(wiring.setting(root), revision, base)
    kind, console = "json" if as_json else form, Console(as_json=as_json, quiet=quiet)
    for path, each in [*((path, FORMS[path.suffix]) for path in reports), *([(out, kind)] if out else [])]:
        console.save(path, written(made, each, colour=False))
    if out is None and (as_json or not quiet):
        click.echo(written(made, kind, colour=colour()))
    return OK if made.empty else CHANGES


def written(plan: Plan, form: str, *, colour: bool) -> str:
    """The plan in one of its forms; `full` is the comment with nothing left out."""
    import json

    from ordain.core.reports import plan_document, report_html, report_markdown, report_text

    if form == "json":
        return json.dumps(plan_document.document(plan), indent=2, sort_keys=True, ensure_ascii=False)
    if form == "markdown":
        return report_markdown.comment(plan).rstrip("\n")
    if form == "full":
        return report_markdown.full(plan).rstrip("\n")
    if form == "html":
        from ordain.adapters.charts import drawer

        return report_html.page(plan, drawer()).rstrip("\n")
    return report_text.text(plan, paint if colour else report_text.plain_paint)


def paint(text: str, role: str) -> str:
    """Text in the colour of its role."""
    return click.style(text, **_STYLES[role])  # type: ignore[arg-type]
