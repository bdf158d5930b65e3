"""Tail probabilities against SciPy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ordain.core.drift.tails import (
    Draw,
    chi_square_above,
    hypergeometric_above,
    normal_below,
    normal_two_sided,
)


@given(st.floats(0, 3000), st.integers(1, 2000))
def test_chi_square(x: float, degrees: int) -> None:
    assert chi_square_above(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-7, abs=1e-12)


@given(st.floats(-40, 40))
def test_normal(z: float) -> None:
    assert normal_two_sided(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)
    assert normal_below(z) == pytest.approx(stats.norm.cdf(z), rel=1e-9)


@given(st.integers(1, 3000), st.integers(1, 3000), st.data())
def test_fisher(drawn: int, rest: int, data: st.DataObject) -> None:
    first = Draw(data.draw(st.integers(0, drawn)), drawn)
    second = Draw(data.draw(st.integers(0, rest)), rest)
    expected = stats.hypergeom.sf(first.hits - 1, drawn + rest, first.hits + second.hits, drawn)
    assert hypergeometric_above(first, second) == pytest.approx(expected, rel=1e-6, abs=1e-11)


def test_fisher_at_its_ends() -> None:
    assert hypergeometric_above(Draw(0, 10), Draw(3, 10)) == 1
    assert hypergeometric_above(Draw(10, 10), Draw(10, 10)) == 1
    assert hypergeometric_above(Draw(100_000, 100_000), Draw(0, 100_000)) == 0
