"""Intervals for shares and their differences, in closed form: exact to repeat and cheap for any group.

Shares near 0 or 1 and small groups are exactly where a fairness gate must not fool itself, and there the
usual normal interval is far too narrow. Hence Wilson's score interval for one share (Wilson 1927) and
Newcombe's hybrid score interval for a difference of two independent ones (Newcombe 1998, method 10).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """Lower and upper end, both finite."""

    low: float
    high: float


class Share(NamedTuple):
    """`hits` of `total` rows, such as found leavers of all leavers."""

    hits: int
    total: int

    @property
    def rate(self) -> float:
        """Hits by total, in 0 to 1.

        Raises:
            ZeroDivisionError: for a share of nothing, which has no rate.
        """
        return self.hits / self.total


def critical_value(level: float, comparisons: int = 1) -> float:
    """Standard normal quantile for two-sided intervals that hold together.

    Args:
        level: joint coverage, such as 0.95.
        comparisons: how many intervals are to hold at once (Bonferroni).
    """
    return NormalDist().inv_cdf(1 - (1 - level) / (2 * comparisons))


def wilson(share: Share, z: float) -> Interval:
    """Wilson's score interval of a share, within 0 to 1.

    Args:
        share: hits of a total of at least 1.
        z: see `critical_value`.
    """
    n, p = share.total, share.rate
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z / scale * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def difference(first: Share, second: Share, z: float) -> Interval:
    """Newcombe's hybrid score interval of `first.rate - second.rate`, within -1 to 1."""
    d = first.rate - second.rate
    a, b = wilson(first, z), wilson(second, z)
    low = d - ((first.rate - a.low) ** 2 + (b.high - second.rate) ** 2) ** 0.5
    high = d + ((a.high - first.rate) ** 2 + (second.rate - b.low) ** 2) ** 0.5
    return Interval(max(-1.0, low), min(1.0, high))


def magnitude(interval: Interval) -> Interval:
    """The interval of an absolute value, from the interval of the value."""
    low, high = interval
    if low <= 0 <= high:
        return Interval(0.0, max(-low, high))
    return Interval(min(abs(low), abs(high)), max(abs(low), abs(high)))
