"""What there is to say of one decision of the ledger, for every form that shows it."""

from __future__ import annotations

from ordain.core.escaping import number, short
from ordain.core.ledger.history import Event
from ordain.core.reports.report import EVIDENCE


def place(event: Event) -> str:
    """What was decided about: `production/churn`, or the policy."""
    return "policy" if event.action == "policy" else f"{event.environment}/{event.model}"


def verdict(event: Event) -> str:
    """`approved`, or `refused: stale-approval`."""
    return "approved" if event.approved else f"refused: {event.reason}"


def facts(event: Event) -> list[tuple[str, str]]:
    """What the decision rests on, as pairs of a name and a value."""
    found = [("entry", f"{event.entry}, judged commit {short(event.source)}")]
    if event.detail:
        found.append(("because", event.detail))
    if event.release:
        score = f", {event.metric} {number(event.score)}" if event.metric else ""
        found.append(("artifact", f"{short(event.artifact)}{score}"))
    if event.data:
        found.append(("data", f"{short(event.data)}, {event.rows} rows"))
    found += [
        ("approved by", f"{each.person}, {EVIDENCE[each.kind]}, {each.key}") for each in event.approvers
    ]
    if event.contributors:
        found.append(("made by", ", ".join(event.contributors)))
    found += [("waived", each) for each in event.waivers]
    failing = ", ".join(f"{gate} {outcome}" for gate, outcome in event.gates.items() if outcome != "pass")
    if event.gates:
        passed = sum(outcome == "pass" for outcome in event.gates.values())
        found.append(("gates", f"{passed} of {len(event.gates)} pass" + (f"; {failing}" if failing else "")))
    return found
