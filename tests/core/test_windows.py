"""Windows, seasons and horizons: what is read of words, and what does not fit together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.specs.windows import FARTHEST, SEASONS, Cut, alarm_of, window_of

DAY, HOUR = 86_400.0, 3600.0
lengths = st.sampled_from([60.0, HOUR, 6 * HOUR, DAY, 7 * DAY])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6h", (6 * HOUR, 0)), ("1d", (DAY, 0)), ("2w", (14 * DAY, 0)), ("90m", (5400.0, 0)),
        ("1000rows", (0.0, 1000)), ("0d", None), ("d", None), ("1", None), ("1d\n", None), ("1 d", None),
        ("", None), ("123456789d", None), ("-1d", None),
    ],
)  # fmt: skip
def test_a_window_in_words(text: str, expected: tuple[float, int] | None) -> None:
    assert window_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2/3", (2, 3)), ("1/1", (1, 1)), ("99/99", (99, 99)), ("3/2", None), ("0/3", None), ("2/3\n", None),
     ("2", None), ("", None)],
)  # fmt: skip
def test_an_alarm_in_words(text: str, expected: tuple[int, int] | None) -> None:
    assert alarm_of(text) == expected


@given(st.text())
def test_no_text_is_a_surprise(text: str) -> None:
    window_of(text)
    alarm_of(text)


def test_the_horizon_is_a_month_unless_labels_or_seasons_need_more() -> None:
    assert Cut(length=DAY, windows=3).horizon == 30
    assert Cut(length=DAY, windows=3, delay=30 * DAY).horizon == 60
    assert Cut(length=HOUR, windows=3, season=7 * DAY).horizon == 3 + SEASONS * 168
    assert Cut(length=6 * HOUR, windows=3, season=7 * DAY).horizon == 3 + SEASONS * 28
    assert Cut(length=DAY, windows=3, season=7 * DAY, asked=12).horizon == 12
    assert Cut(length=0, rows=100, windows=3, delay=DAY).horizon == 30


@pytest.mark.parametrize(
    ("cut", "key"),
    [
        (Cut(length=DAY, windows=3, season=1.5 * DAY), "season"),
        (Cut(length=0, rows=100, windows=3, season=DAY), "season"),
        (Cut(length=HOUR, windows=3, season=7 * DAY, asked=30), "horizon"),
        (Cut(length=DAY, windows=3, season=7 * DAY, asked=9), "horizon"),
        (Cut(length=60, windows=3, season=7 * DAY), "horizon"),
        (Cut(length=3000 * DAY, windows=3), "window"),
    ],
)
def test_what_does_not_fit(cut: Cut, key: str) -> None:
    found = cut.misfit()
    assert found is not None
    assert found[0] == key


@given(lengths, st.integers(1, 99), st.integers(0, 500), st.none() | st.integers(1, FARTHEST))
def test_what_fits_has_a_season_before_each_window(
    length: float, windows: int, step: int, asked: int | None
) -> None:
    cut = Cut(length=length, windows=windows, season=step * length, asked=asked)
    if cut.misfit() is None and step:
        assert cut.horizon - windows - cut.step >= 0
    if asked is None and windows + SEASONS * step <= FARTHEST:
        assert cut.misfit() is None
