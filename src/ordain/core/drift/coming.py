"""Whether predictions and their labels still come as they used to, and since when they do not."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import takewhile

from msgspec import Struct

from ordain.core.drift.measured import Stopped

HALF = 0.5  # of the usual coverage, below which labels are taken to be held up
EXPECTED = 20  # labels or predictions that a gap should have had, below which chance explains it
FEWEST = 3  # windows with predictions that say what is usual
EBB = 0.01  # of the usual predictions of a window, below which they have all but stopped


class Due(Struct, frozen=True, kw_only=True):
    """One window's predictions that are old enough for a label, and those that have one; RFC 3339."""

    start: str
    due: int
    labelled: int


def stopped(windows: Sequence[Due], needed: int) -> Stopped | None:
    """The gap at the newest end, if there is one: windows covered by less than half of what is usual.

    Usual is the upper quartile of the windows that have any label, so that a long gap does not become the
    custom.

    Args:
        windows: with predictions, oldest first. needed: windows that make a gap.
    """
    shares = [each.labelled / each.due for each in windows if each.labelled]
    if not shares:
        return None
    usual = sorted(shares)[len(shares) * 3 // 4]
    gap = list(takewhile(lambda each: each.labelled < HALF * usual * each.due, reversed(windows)))
    due = sum(each.due for each in gap)
    if len(gap) < needed or usual * due < EXPECTED:
        return None
    labelled = sum(each.labelled for each in gap)
    return Stopped(since=gap[-1].start, due=due, labelled=labelled, usual=round(usual, 4))


class Ebb(Struct, frozen=True, kw_only=True):
    """Windows at the newest end with next to no predictions.

    Attributes:
        since: the oldest of them, counted from the newest, which is 1. rows: in all of them.
        usual: predictions of a window.
    """

    since: int
    rows: int
    usual: int


def ebb(rows: Sequence[int], season: int = 0) -> Ebb | None:
    """Whether predictions have all but stopped, as where only a probe still asks.

    Args:
        rows: predictions by window, oldest first. season: windows after which the past repeats; 0 for none.
    """
    first, young = beginning(rows), _young(rows)
    places = range(len(rows) - 1, -1, -1)
    newest = ((rows[at], _usual(_before(rows, at, season, first), young)) for at in places)
    gap = list(takewhile(lambda each: not each[0] or each[0] < EBB * each[1], newest))
    while gap and not gap[-1][1]:
        gap.pop()  # nothing came, as always then: the gap began later
    if sum(usual for _, usual in gap) < EXPECTED:
        return None
    usual = statistics.median(usual for _, usual in gap if usual)
    return Ebb(since=len(gap), rows=sum(here for here, _ in gap), usual=int(usual))


def patience(rows: Sequence[int], season: int = 0) -> int:
    """Windows without any prediction after which a log is silent, whatever is usual.

    With a season, `ebb` knows which windows may be empty, once the log is older than one; but no season
    passes without a prediction.

    Args:
        rows, season: as for `ebb`.
    """
    return season if _before(rows, len(rows) - 1, season, beginning(rows)) else 1


def _usual(before: Sequence[int], young: int) -> float:
    """Predictions that a window usually has: as seasons before, else as windows of a young log."""
    return statistics.median(before) if before else young


def _young(rows: Sequence[int]) -> int:
    """What is usual while there is no season before; 0 where that can't be said."""
    busy = [each for each in rows if each]
    return int(statistics.median(busy)) if len(busy) >= FEWEST else 0


def _before(rows: Sequence[int], at: int, season: int, first: int) -> list[int]:
    """Predictions of the windows one, two, … seasons before one, back to the first that the log has."""
    return [rows[place] for place in range(at - season, first - 1, -season)] if season else []


def beginning(rows: Sequence[int]) -> int:
    """The first window with a prediction; their number where there is none."""
    return next((place for place, each in enumerate(rows) if each), len(rows))
