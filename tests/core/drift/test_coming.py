"""Gaps at the newest end of a log and of its labels, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.drift.coming import Due, Ebb, ebb, patience, stopped
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
    assert ebb([15, 15, 15, 0]) is None  # too few to tell
    assert ebb([90, 90, 90, 1]) is None  # a hundredth of them is none
    assert ebb([600, 600]) is None
    assert ebb([]) is None


WEEK = [600, 620, 610, 590, 600, 0, 0]  # Monday to Sunday


def test_a_weekend_is_no_ebb_where_weekends_are_known() -> None:
    for days in range(14, 29):  # from the end of the second week on
        assert ebb((WEEK * 4)[:days], 7) is None
    assert ebb(WEEK, 7) is not None  # nobody knows yet that it is one
    assert ebb([*(WEEK * 3)[:19], 0, 0]) is not None


def test_a_working_day_without_predictions_is_an_ebb() -> None:
    assert ebb([*WEEK * 2, 0], 7) == Ebb(since=1, rows=0, usual=600)
    assert ebb([*WEEK * 2, 3, 2], 7) == Ebb(since=2, rows=5, usual=610)
    # A weekend within a gap belongs to it, and one before it does not.
    assert ebb([*WEEK * 2, *WEEK[:4], 0, 0, 0, 0], 7) == Ebb(since=4, rows=0, usual=600)
    assert ebb([*WEEK * 2, *WEEK[:5], 0, 0, 0], 7) == Ebb(since=1, rows=0, usual=600)


def test_a_batch_once_a_week_is_missed_on_its_day_alone() -> None:
    weekly = [1000, 0, 0, 0, 0, 0, 0]
    for days in range(8, 29):
        assert ebb((weekly * 4)[:days], 7) is None
    assert ebb([*weekly * 2, 0], 7) == Ebb(since=1, rows=0, usual=1000)
    assert ebb([*weekly * 2, 0, 0, 0], 7) == Ebb(since=3, rows=0, usual=1000)


def test_few_predictions_a_season_are_missed_in_the_end() -> None:
    few = [4, 5, 4, 5, 4, 0, 0]
    assert ebb([*few * 2, 0, 0], 7) is None
    assert ebb([*few * 2, 0, 0, 0, 0, 0], 7) == Ebb(since=5, rows=0, usual=4)


def test_a_season_without_any_prediction_is_silence_whatever_is_usual() -> None:
    assert patience([5, 5, 5]) == 1
    assert patience(WEEK, 7) == 1  # it is not older than a season
    assert patience(WEEK * 2, 7) == 7
    assert patience([0] * 9, 7) == 1
    assert patience([], 7) == 1


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=9), st.integers(2, 4))
def test_what_repeats_each_season_is_no_ebb(rows: list[int], times: int) -> None:
    assert ebb(rows * times, len(rows)) is None
    assert 1 <= patience(rows * times, len(rows)) <= len(rows)


@given(st.lists(st.integers(0, 1000), max_size=30))
def test_an_ebb_is_at_the_newest_end(rows: list[int]) -> None:
    found = ebb(rows)
    if found is not None:
        assert sum(rows[-found.since :]) == found.rows
        assert max(rows[-found.since :]) < 0.01 * found.usual
