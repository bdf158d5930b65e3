"""Whether predictions and their labels still come as they used to, and since when they do not."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import takewhile

from msgspec import Struct

from ordain.core.drift.measured import Stopped

HALF = 0.5  # of the usual coverage, below which labels are taken to be held up
EXPECTED = 20  # labels that a gap should have had, below which chance explains it
FEWEST = 3  # windows with predictions that say what is usual
EBB = 0.01  # of the usual predictions of a window, below which they have all but stopped
CROWD = 100  # usual predictions of a window, below which a hundredth is none


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


def ebb(rows: Sequence[int]) -> Ebb | None:
    """Whether predictions have all but stopped, as where only a probe still asks.

    Args:
        rows: predictions by window, oldest first.
    """
    busy = [each for each in rows if each]
    usual = int(statistics.median(busy)) if len(busy) >= FEWEST else 0
    if usual < CROWD:
        return None
    gap = list(takewhile(lambda each: each < EBB * usual, reversed(rows)))
    return Ebb(since=len(gap), rows=sum(gap), usual=usual) if gap else None
