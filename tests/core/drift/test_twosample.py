"""Comparisons of two samples: against SciPy, against chance, and at their ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ordain.core.drift.tails import Draw
from ordain.core.drift.twosample import adjusted, distance, distribution, location, share

Cells = list[tuple[int, int]]
LARGE: st.SearchStrategy[Cells] = st.lists(
    st.tuples(st.integers(20, 500), st.integers(20, 500)), min_size=2, max_size=12
)


@given(LARGE)
def test_any_difference_is_pearsons_test(cells: Cells) -> None:
    first, second = ([int(x) for x in side] for side in zip(*cells, strict=True))
    found = distribution(first, second, ordered=False)
    expected = stats.chi2_contingency([first, second], correction=False)
    if (expected.expected_freq >= 5).all():
        assert found is not None
        assert found.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)


@given(LARGE)
def test_location_is_the_rank_sum_test_with_ties(cells: Cells) -> None:
    first, second = ([int(x) for x in side] for side in zip(*cells, strict=True))
    found = location(first, second)
    rows = [np.repeat(np.arange(len(cells)), side) for side in (first, second)]
    expected = stats.mannwhitneyu(*rows, use_continuity=False, method="asymptotic")
    assert found is not None
    ours, theirs = (stats.norm.isf(max(p, 1e-300) / 2) for p in (found.p, expected.pvalue))
    assert ours == pytest.approx(theirs, rel=0.02, abs=0.05)


def test_cells_with_few_rows_are_pooled() -> None:
    """A chi-square over cells in which one row is expected would cry wolf."""
    rare = [2] * 300
    found = distribution([5000, *rare], [500, *([0] * 250), *([1] * 50)], ordered=False)
    assert found is not None
    assert found.p > 0.01
    ordered = distribution([1, 1000, 1, 1000, 1], [1, 100, 0, 100, 1], ordered=True)
    assert ordered is not None
    assert ordered.p > 0.1
    assert distribution([1, 1], [1, 1], ordered=True) is None


def test_nothing_to_compare() -> None:
    assert distribution([0, 0], [5, 5], ordered=True) is None
    assert distribution([5, 5], [0, 0], ordered=False) is None
    assert distribution([500], [500], ordered=True) is None
    assert location([0], [5]) is None
    assert location([5, 0], [5, 0]) is None
    assert share(Draw(0, 0), Draw(1, 5), rise=True) is None
    assert share(Draw(0, 5), Draw(0, 5), rise=True) is None


def test_the_effect_of_a_shift_is_the_shift_and_has_no_sample_size_in_it() -> None:
    edges = stats.norm.ppf(np.arange(1, 10) / 10)
    for shift in (0.1, 0.2, 0.5):
        for rows in (10_000, 10_000_000):
            shares = [
                np.diff(stats.norm.cdf([-np.inf, *edges, np.inf], loc=each)) * rows for each in (0, shift)
            ]
            one, two = (each.round().astype(int).tolist() for each in shares)
            assert distance(one, two) == pytest.approx(shift, rel=0.25)
            found = location(one, two)
            assert found is not None
            assert found.effect == pytest.approx(shift, rel=0.1)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=20))
def test_effects_stay_within_their_range(cells: Cells) -> None:
    first, second = ([int(x) for x in side] for side in zip(*cells, strict=True))
    for found in (
        distribution(first, second, ordered=True),
        distribution(first, second, ordered=False),
        location(first, second),
        share(Draw(first[0], sum(first)), Draw(second[0], sum(second)), rise=False),
    ):
        assert found is None or (0 <= found.p <= 1 and 0 <= found.effect <= 2 + 1e-12)


def test_a_category_that_was_never_seen_counts_only_when_it_appears() -> None:
    appears = share(Draw(0, 5000), Draw(5, 100), rise=True)
    vanishes = share(Draw(50, 5000), Draw(0, 100), rise=True)
    assert appears is not None
    assert vanishes is not None
    assert appears.p < 1e-6
    assert vanishes.p == 1
    both = share(Draw(500, 5000), Draw(0, 100), rise=False)
    assert both is not None
    assert both.p < 1e-3


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_adjustment_is_that_of_benjamini_and_yekutieli(p_values: list[float]) -> None:
    expected = stats.false_discovery_control(p_values, method="by")
    assert [min(1.0, each) for each in adjusted(p_values)] == pytest.approx(list(expected))


def test_adjusting_nothing_gives_nothing() -> None:
    assert adjusted([]) == []
