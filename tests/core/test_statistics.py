"""Intervals of shares: known values, bounds, and coverage where the usual interval fails."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.gating.statistics import Interval, Share, critical_value, difference, magnitude, wilson

Z = critical_value(0.95)


def test_critical_values_are_the_normal_ones() -> None:
    assert pytest.approx(1.959964, abs=1e-6) == Z
    assert critical_value(0.95, 5) == pytest.approx(2.575829, abs=1e-6)  # as for 99 %


def test_wilson_gives_the_published_example() -> None:
    """Newcombe 1998: 81 of 263 gives 0.2553 to 0.3662."""
    low, high = wilson(Share(81, 263), Z)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_newcombe_gives_the_published_example() -> None:
    """Newcombe 1998, method 10: 56 of 70 against 48 of 80 gives 0.0524 to 0.3339."""
    low, high = difference(Share(56, 70), Share(48, 80), Z)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


shares = st.integers(1, 500).flatmap(lambda n: st.integers(0, n).map(lambda k: Share(k, n)))


@given(shares, shares)
@settings(max_examples=200, deadline=None)
def test_intervals_hold_their_estimate_and_stay_in_range(a: Share, b: Share) -> None:
    low, high = wilson(a, Z)
    assert 0 <= low <= a.rate + 1e-12
    assert a.rate - 1e-12 <= high <= 1
    low, high = difference(a, b, Z)
    assert -1 <= low <= a.rate - b.rate + 1e-12
    assert a.rate - b.rate - 1e-12 <= high <= 1
    swapped = difference(b, a, Z)
    assert math.isclose(swapped.low, -high, abs_tol=1e-12)
    assert math.isclose(swapped.high, -low, abs_tol=1e-12)


@given(shares, shares)
@settings(max_examples=100, deadline=None)
def test_more_comparisons_never_narrow_an_interval(a: Share, b: Share) -> None:
    narrow, wide = difference(a, b, Z), difference(a, b, critical_value(0.95, 6))
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (Interval(-0.1, 0.3), (0.0, 0.3)),
        (Interval(-0.4, 0.3), (0.0, 0.4)),
        (Interval(0.1, 0.3), (0.1, 0.3)),
        (Interval(-0.3, -0.1), (0.1, 0.3)),
    ],
)
def test_magnitude(interval: Interval, expected: tuple[float, float]) -> None:
    assert magnitude(interval) == expected


def test_small_groups_near_zero_are_covered() -> None:
    """At 3 of 60 the normal interval covers about 80 %; this one must keep at least 93 %."""
    source = random.Random(5)
    held = 0
    for _ in range(2000):
        a = Share(sum(source.random() < 0.05 for _ in range(60)), 60)
        b = Share(sum(source.random() < 0.05 for _ in range(60)), 60)
        low, high = difference(a, b, Z)
        held += low <= 0 <= high
    assert held / 2000 >= 0.93


def test_a_share_of_nothing_has_no_rate() -> None:
    with pytest.raises(ZeroDivisionError):
        Share(0, 0).rate  # noqa: B018
