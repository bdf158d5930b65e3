"""The ledger as history: what was decided when, and what ran at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from ordain.core.decisions import Decision, Entry, EvidenceKind
from ordain.core.gating.release import Release
from ordain.core.reasons import Reason
from ordain.core.specs.identity import Target
from ordain.core.value import Value

# A spreadsheet reads a cell that begins with one of these as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


class Person(Value, frozen=True, kw_only=True):
    """Who approved, by which kind of evidence, with which key."""

    person: str
    kind: EvidenceKind
    key: str


class Event(Value, frozen=True, kw_only=True):
    """One decision, with what it rests on.

    Attributes:
        observed: when the reconciler first saw the evidence, by its own clock, ISO 8601 UTC; never before
            the entry before it.
        entry: sequence in the ledger. source: the judged commit.
        data, rows, holdout: digest of the data source and row counts, from the release record; None
            where the record is not at hand.
        gates: gate to outcome.
        until: when something else took its place; None for what still runs (and for refusals).
    """

    observed: str
    entry: int
    source: str
    environment: str
    model: str
    action: Literal["deploy", "change", "rollback", "retire", "policy"]
    approved: bool
    reason: Reason
    detail: str = ""
    release: str | None = None
    artifact: str | None = None
    data: str | None = None
    rows: int | None = None
    metric: str | None = None
    score: float | None = None
    approvers: tuple[Person, ...] = ()
    contributors: tuple[str, ...] = ()
    waivers: tuple[str, ...] = ()
    gates: dict[str, str] = {}
    until: str | None = None


Records = Mapping[str, Release]


def history(entries: Sequence[Entry], records: Records) -> tuple[Event, ...]:
    """Every decision of the ledger, oldest first.

    Args:
        entries: in the ledger's order.
        records: release records by the digest that an entry names.
    """
    events = [_event(entry, each, records) for entry in entries for each in entry.decisions]
    ends: dict[tuple[str, str], str] = {}
    closed = []
    for event in reversed(events):
        key = event.environment, event.model
        closed.append(replace(event, until=ends.get(key)) if event.approved else event)
        if event.approved:
            ends[key] = event.observed
    return tuple(reversed(closed))


def _event(entry: Entry, decision: Decision, records: Records) -> Event:
    ref = decision.release
    record = records.get(ref.record) if ref else None
    champion = record.champion if record else None
    return Event(
        observed=entry.observed,
        entry=entry.sequence,
        source=entry.source,
        environment=decision.transition.environment,
        model=decision.transition.model,
        action=decision.action,
        approved=decision.approved,
        reason=decision.reason,
        detail=decision.detail,
        release=ref.label if ref else None,
        artifact=ref.artifact if ref else None,
        data=record.data.source if record else None,
        rows=record.data.row_count if record else None,
        metric=champion.metric if champion else None,
        score=record.metrics.get(champion.metric) if record and champion else None,
        approvers=tuple(Person(person=a.person, kind=a.kind, key=a.key) for a in decision.approvals),
        contributors=decision.contributors,
        waivers=tuple(f"{w.gate} until {w.expires}: {w.reason}" for w in decision.waivers),
        gates={verdict.gate: verdict.outcome for verdict in record.verdicts} if record else {},
    )


def running(events: Sequence[Event]) -> tuple[Event, ...]:
    """The events whose effect stands after the last of them: one for each target that runs."""
    latest: dict[Target, Event] = {}
    for event in events:
        if event.approved and event.action != "policy":
            latest[Target(environment=event.environment, model=event.model)] = event
    return tuple(latest[target] for target in sorted(latest) if latest[target].action != "retire")


def selected(events: Sequence[Event], environment: str | None) -> tuple[Event, ...]:
    """The events of one environment; all of them for None. Changes of the policy concern them all."""
    if environment is None:
        return tuple(events)
    return tuple(each for each in events if each.environment == environment or each.action == "policy")


COLUMNS = (
    "observed", "until", "entry", "environment", "model", "action", "approved", "reason", "release",
    "artifact", "data", "rows", "metric", "score", "approvers", "contributors", "waivers", "source",
    "detail",
)  # fmt: skip


def as_csv(events: Sequence[Event]) -> str:
    """RFC 4180 CSV, one line an event; no cell can be read as a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for event in events:
        writer.writerow([cell(_flat(event, column)) for column in COLUMNS])
    return out.getvalue()


def _flat(event: Event, column: str) -> Any:
    value = getattr(event, column)
    if column == "approvers":
        return "; ".join(f"{each.person} ({each.kind}, {each.key})" for each in value)
    return "; ".join(value) if isinstance(value, tuple) else value


def cell(value: Any) -> str:
    """A value as a cell: text that a spreadsheet would run as a formula gets a leading apostrophe.

    The first character that counts is the first that is no white space, and full-width forms count too.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    head = value.lstrip()[:1]
    risky = value.startswith(_FORMULA) or head in ("=", "+", "-", "@", "＝", "＋", "－", "＠")
    return "'" + value if risky else value
