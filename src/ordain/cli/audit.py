"""`ordain audit`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.core.ledger.history import Event
    from ordain.services.reading.audit import Audit


@click.command()
@click.option("--at", metavar="TIME|COMMIT", help="Only what ran then: a day, a time, or a revision.")
@click.option("--env", "environment", metavar="ENV", help="Only this environment.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "html", "vsa"]),
    default="table",
    show_default=True,
    help="csv is safe to open in a spreadsheet; html is one page without scripts; "
    "vsa is one signed SLSA verification summary a line.",
)
@clone_options
def command(
    *, at: str | None, environment: str | None, form: str, as_json: bool, quiet: bool, root: Path
) -> None:
    """Show what was decided when, by whom and on which evidence; or, with --at, what ran then.

    Reads the ledger of this clone alone, offline, and proves its chain and signatures first (`ordain
    verify` proves the rest). Refusals, waivers, rollbacks, retirements and changes of the policy are part
    of it. Times are those of the reconciler, which first saw the evidence; a day means its end, UTC.

    \b
    Examples:
      ordain audit
      ordain audit --at 2026-11-24 --env production
      ordain audit --format csv > audit.csv
      ordain audit --at HEAD~3 --format html > audit.html
      ordain audit --env production --format vsa > production.intoto.jsonl
    """
    import msgspec

    from ordain.core.ledger.history import as_csv
    from ordain.core.reports.history_html import page
    from ordain.services.reading.audit import audit, verification_summaries

    if form == "vsa":
        for each in verification_summaries(root, at, environment):
            click.echo(json.dumps(each, sort_keys=True))
        return
    found = audit(root, at, environment)
    if form in {"csv", "html"} and not as_json:
        text = as_csv(found.events) if form == "csv" else page(found.events, _title(found))
        click.echo(text, nl=False)
        return
    as_json = as_json or form == "json"
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(found), told(found))


def told(found: Audit) -> str:
    """One block an event, newest last."""
    if not found.events:
        return "nothing ran then" if found.at else "the ledger is empty: nothing was decided yet"
    return "\n".join([_title(found), *(line for event in found.events for line in _lines(event))])


def _title(found: Audit) -> str:
    from ordain.core.escaping import visible

    return f"what ran at {visible(found.at)}" if found.at else "every decision, oldest first"


def _lines(event: Event) -> list[str]:
    from ordain.core.escaping import visible
    from ordain.core.reports.history_text import facts, place, verdict

    until = f" until {event.until}" if event.until else ""
    head = "  ".join(
        each for each in (place(event), event.action, event.release or "", verdict(event)) if each
    )
    lines = ["", visible(f"{event.observed}{until}  {head}")]
    return [*lines, *(f"    {name:<12}{visible(value)}" for name, value in facts(event))]
