"""What evidence is about, apart from how much and when: by this a new finding is told from one known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ordain.core.drift.evidence import BREACHES, DRIFTS
from ordain.core.escaping import visible

# Kind of a finding, and the column or gate it names; no name is all of that kind.
Concern = tuple[str, str]
MOST = 20  # names of one kind, beyond which it is all of the kind: marks have to stay small
SHORT = 60
# What a joint shift rests on is another few columns at each look.
_WHOLE = frozenset({"joint-shift"})


class Found(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of a finding that says what it is about."""

    kind: str
    alarm: bool = False
    columns: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    gate: str = ""


class About(Struct, frozen=True, kw_only=True):
    """The part of a document that says what it is about."""

    request: Annotated[str, Meta(pattern="^(draft|open)$")]
    findings: tuple[Found, ...]


def concerns(evidence: Any) -> frozenset[Concern]:
    """What the alarms of a monitor's evidence are about.

    Nothing for other evidence, nor for an alert of Prometheus, which names no column.
    """
    try:
        found = msgspec.convert(evidence, About).findings
    except msgspec.ValidationError:
        return frozenset()
    alarms = [each for each in found if each.alarm and each.kind in BREACHES | DRIFTS]
    return widened((each.kind, name) for each in alarms for name in _names(each))


def kept(told: Iterable[Concern]) -> list[dict[str, Any]]:
    """Findings that are about this, and say nothing else."""
    return [
        {"kind": kind, "alarm": True, **({"columns": [name]} if name else {})} for kind, name in sorted(told)
    ]


def widened(told: Iterable[Concern]) -> frozenset[Concern]:
    """The same, with all of a kind for many names of it."""
    names: dict[str, set[str]] = {}
    for kind, name in told:
        names.setdefault(kind, set()).add(name)
    whole = {kind for kind, each in names.items() if "" in each or len(each) > MOST}
    return frozenset(
        (kind, name) for kind, each in names.items() for name in ({""} if kind in whole else each)
    )


def news(wanted: frozenset[Concern], told: Iterable[Concern]) -> frozenset[Concern]:
    """What was not told before."""
    known = widened(told)
    return frozenset(each for each in wanted - known if (each[0], "") not in known)


def _names(found: Found) -> tuple[str, ...]:
    affected = (*found.columns, *found.groups) or (found.gate,)
    names = () if found.kind in _WHOLE else affected
    return tuple(visible(each, SHORT)[:SHORT] for each in names) or ("",)  # so that a mark reads the same
