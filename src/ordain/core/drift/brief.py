"""Evidence short enough for a forge's event: the least telling parts go first; what is left is evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from ordain.core.drift.evidence import Evidence, Reading

# GitHub takes 65,535 characters of payload, in which the evidence is a string: quotes count twice.
LIMIT = 60_000
MOST = 20
LONGEST = 300
Row = TypeVar("Row")
_NAMED = ("other_models", "other_versions", "absent", "mistyped", "extra")


def brief(evidence: Evidence, limit: int = LIMIT) -> str:
    """One line of JSON that stays within a limit as a JSON string.

    Args:
        limit: characters. What everything else was cut from is about two thousand long.
    """
    text = _line(evidence)
    for shorter in _STEPS:
        if _size(text) <= limit:
            break
        evidence = shorter(evidence)
        text = _line(evidence)
    return text


def _alarmed(evidence: Evidence) -> Evidence:
    """Without what is only for the record."""
    return replace(
        evidence,
        columns=tuple(each for each in evidence.columns if each.alarms or each.spread),
        findings=tuple(each for each in evidence.findings if each.alarm),
    )


def _ungrouped(evidence: Evidence) -> Evidence:
    """Without performance by group and by version; the verdicts stay."""
    measured = evidence.performance
    whole = measured and replace(measured, groups=(), versions=(), omitted=())
    return replace(evidence, performance=whole)


def _few(evidence: Evidence) -> Evidence:
    """With the distributions of the first columns alone, and short lists."""
    reading = {name: dict(_first(sorted(getattr(evidence.reading, name).items()))) for name in _NAMED}
    return replace(
        evidence,
        columns=_first(evidence.columns),
        findings=tuple(
            replace(
                each, detail=each.detail[:LONGEST], columns=_first(each.columns), groups=_first(each.groups)
            )
            for each in _first(evidence.findings)
        ),
        causes=tuple(replace(each, because=each.because[:LONGEST]) for each in evidence.causes),
        reading=replace(evidence.reading, **reading),
        windows=evidence.windows[-MOST:],
    )


def _bare(evidence: Evidence) -> Evidence:
    """Findings, causes and windows alone."""
    reading = _counts(evidence.reading)
    return replace(evidence, columns=(), jointly=(), performance=None, estimate=None, reading=reading)


def _counts(reading: Reading) -> Reading:
    return replace(reading, **{name: {} for name in _NAMED})


def _first(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(rows[:MOST])


_STEPS: tuple[Callable[[Evidence], Evidence], ...] = (_alarmed, _ungrouped, _few, _bare)


def _line(evidence: Evidence) -> str:
    return msgspec.json.encode(evidence, order="sorted").decode()


def _size(text: str) -> int:
    return len(msgspec.json.encode(text))
