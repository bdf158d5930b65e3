"""Gates by late labels: what a monitor that looks each day may call a breach."""

from __future__ import annotations

import numpy as np
import pytest

from ordain.core.drift.breach import fairness
from ordain.core.gating.gates import Group
from ordain.core.gating.statistics import Share
from ordain.core.specs.spec import FairnessGate

GATE = FairnessGate(
    column="female", metric="demographic_parity_difference", max=0.1, min_group=50, rationale="x"
)


def groups(**shares: tuple[int, int]) -> list[Group]:
    return [
        Group(name=name, selected=Share(*each), true_positive=Share(*each), false_positive=Share(*each))
        for name, each in shares.items()
    ]


@pytest.mark.parametrize("rows", [50, 200, 1000])
def test_quiet_looks_at_fairness_are_no_breach(rows: int) -> None:
    """Of 200 looks without any disparity, by chance alone at most a few are beyond."""
    source = np.random.default_rng(0)
    drawn = source.binomial(rows, 0.5, (200, 2)).tolist()
    found = [fairness(GATE, groups(false=(a, rows), true=(b, rows)), 1).outcome for a, b in drawn]
    assert found.count("fail") <= 1


def test_a_disparity_that_is_beyond_chance_is_a_breach() -> None:
    assert fairness(GATE, groups(false=(500, 1000), true=(700, 1000)), 1).outcome == "fail"
    unsure = fairness(GATE, groups(false=(50, 100), true=(65, 100)), 1)
    assert unsure.outcome == "insufficient"
    assert unsure.detail.endswith(
        "the disparity seems to be above the maximum, which so few rows do not show"
    )
    assert fairness(GATE, groups(false=(5000, 10000), true=(5000, 10000)), 1).outcome == "pass"


def test_a_group_that_is_missing_is_told_beside_what_was_met() -> None:
    told = {"false": (0, 0), "true": (0, 0), "f": (100, 200), "m": (150, 300)}
    verdict = fairness(GATE, groups(**told), 1)
    assert verdict.outcome == "insufficient"
    assert verdict.detail.endswith("; of female these were met: m (300), f (200)")
    assert fairness(GATE, groups(false=(0, 0), true=(0, 0)), 1).detail.endswith("were met: none")
    small = fairness(GATE, groups(false=(9, 20), true=(9, 20)), 1)
    assert "met" not in small.detail


def test_a_disparity_of_large_groups_is_a_breach_whatever_others_there_are() -> None:
    """One row whose group nobody wrote down, or that is of none that is known, hides nothing."""
    clear = {"false": (500, 1000), "true": (700, 1000)}
    found = fairness(GATE, groups(**clear, missing=(0, 1), x=(1, 3)), 6)
    assert (found.outcome, found.value) == ("fail", 0.2)
    assert found.detail.endswith("; left out, since too small: female missing, female x")
    calm = fairness(GATE, groups(false=(500, 1000), true=(500, 1000), missing=(0, 1)), 3)
    assert calm.outcome == "insufficient"
    assert "female missing has 1 rows" in calm.detail
    assert fairness(GATE, groups(false=(700, 1000), missing=(0, 1)), 1).outcome == "insufficient"
    equal = FairnessGate(column="female", metric="equalized_odds_difference", max=0.1, rationale="x")
    few = Group("few", Share(90, 99), true_positive=Share(0, 0), false_positive=Share(90, 99))
    assert fairness(equal, [*groups(**clear), few], 6).outcome == "fail"
