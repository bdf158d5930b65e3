"""The ledger's history as one self-contained page for auditors."""

from __future__ import annotations

from collections.abc import Sequence

from ordain.core.escaping import hypertext
from ordain.core.ledger.history import Event
from ordain.core.reports.history_text import facts, place, verdict
from ordain.core.reports.report_html import document, table

COLUMNS = ("since", "until", "what", "decision", "release", "approved by")


def page(events: Sequence[Event], heading: str) -> str:
    """An overview with one row an event, oldest first, and below it what each rests on.

    Args:
        heading: what was asked for.
    """
    overview = table(COLUMNS, [_row(each) for each in events]) or '<p class="faint">nothing</p>'
    details = [part for each in events for part in _section(each)]
    return document("Ordain audit", [f"<h1>{hypertext(heading)}</h1>", overview, *details])


def _row(event: Event) -> tuple[str, ...]:
    people = ", ".join(each.person for each in event.approvers)
    decision = f"{event.action}, {verdict(event)}"
    return event.observed, event.until or "", place(event), decision, event.release or "", people


def _section(event: Event) -> tuple[str, str]:
    words = dict.fromkeys((place(event), event.action, event.release or ""))  # a policy's place is its action
    title = " ".join(each for each in words if each)
    return f"<h2>{hypertext(title)}, {hypertext(event.observed)}</h2>", table(("", ""), facts(event))
