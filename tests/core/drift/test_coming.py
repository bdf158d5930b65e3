"""Gaps at the newest end of a log and of its labels, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.drift.coming import Due, Ebb, ebb, stopped
from ordain.core.drift.measured import Stopped


def days(*labelled: int, due: int = 100) -> list[Due]:
    """One window a day, oldest first."""
    return [
        Due(start=f"2026-11-{day:02d}T00:00:00Z", due=due, labelled=each)
        for day, each in enumerate(labelled, 1)
    ]


def test_two_windows_without_labels_are_a_gap_and_one_is_none() -> None:
    assert stopped(days(90, 92, 88, 91), 2) is None
    assert stopped(days(90, 92, 88, 0), 2) is None
    gap = stopped(days(90, 92, 88, 3, 0), 2)
    assert gap == Stopped(since="2026-11-04T00:00:00Z", due=200, labelled=3, usual=0.92)


def test_a_long_gap_does_not_become_the_custom() -> None:
    gap = stopped(days(90, 92, *[0] * 20), 2)
    assert gap is not None
    assert gap.since == "2026-11-03T00:00:00Z"


@pytest.mark.parametrize(
    "windows",
    [
        days(0, 0, 0),  # never any label: said otherwise
        days(4, 5, 0, 0, due=10),  # ten labels are missed, which may be chance
        days(60, 100, 55, 60),  # less than usual, and no gap
        [],
    ],
)
def test_what_is_no_gap(windows: list[Due]) -> None:
    assert stopped(windows, 2) is None


def test_few_predictions_a_day_make_a_gap_in_the_end() -> None:
    assert stopped(days(4, 5, *[0] * 3, due=10), 2) is None
    assert stopped(days(4, 5, *[0] * 4, due=10), 2) is not None


def test_a_probe_alone_is_an_ebb() -> None:
    assert ebb([600, 600, 580, 1]) == Ebb(since=1, rows=1, usual=590)
    assert ebb([600, 600, 600, 2, 0, 1]) == Ebb(since=3, rows=3, usual=600)
    assert ebb([600, 600, 600, 60]) is None  # a weekend
    assert ebb([90, 90, 90, 0]) is None  # too few to tell
    assert ebb([600, 600]) is None
    assert ebb([]) is None


@given(st.lists(st.integers(0, 1000), max_size=30))
def test_an_ebb_is_at_the_newest_end(rows: list[int]) -> None:
    found = ebb(rows)
    if found is not None:
        assert sum(rows[-found.since :]) == found.rows
        assert max(rows[-found.since :]) < 0.01 * found.usual
