"""The three states of every gate, as tables; whatever is missing or NaN never passes."""

from __future__ import annotations

import math
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.gating import gates
from ordain.core.gating.gates import Comparison, Group
from ordain.core.gating.statistics import Interval, Share
from ordain.core.specs.spec import FairnessGate, QualityGate

Metric = Literal["demographic_parity_difference", "equalized_odds_difference", "equal_opportunity_difference"]
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("low", "high", "value", "outcome", "bound"),
    [
        (0.8, None, 0.8, "pass", 0.8),
        (0.8, None, 0.79999999, "fail", 0.8),
        (None, 10.0, 10.0, "pass", 10.0),
        (None, 10.0, 10.00000001, "fail", 10.0),
        (0.5, 0.9, 0.95, "fail", 0.9),
        (0.5, 0.9, 0.4, "fail", 0.5),
        (None, None, 0.5, "pass", None),
        (0.8, None, None, "insufficient", 0.8),
        (0.8, None, NAN, "insufficient", 0.8),
        (None, 10.0, -INF, "insufficient", 10.0),
    ],
)
def test_quality(
    low: float | None, high: float | None, value: float | None, outcome: str, bound: float | None
) -> None:
    verdict = gates.quality(QualityGate(metric="roc_auc", min=low, max=high), value, Interval(0.1, 0.2))
    assert (verdict.outcome, verdict.bound, verdict.gate) == (outcome, bound, "quality.roc_auc")
    assert verdict.detail


def test_quality_keeps_its_interval_only_when_it_has_one() -> None:
    gate = QualityGate(metric="f1", min=0.1)
    assert gates.quality(gate, 0.5, Interval(0.25, 0.75)).interval == (0.25, 0.75)
    assert gates.quality(gate, 0.5, None).interval is None
    assert gates.quality(gate, 0.5, Interval(NAN, 0.75)).interval is None


@pytest.mark.parametrize(
    ("value", "outcome", "kept"),
    [
        (1e-5, "pass", 1e-5),
        (4.1723e-07, "pass", 4.17e-07),
        (1.0000001e-5, "fail", 1e-5),
        (INF, "fail", None),
        (NAN, "insufficient", None),
        (None, "insufficient", None),
    ],
)
def test_at_most(value: float | None, outcome: str, kept: float | None) -> None:
    verdict = gates.at_most("parity", value, 1e-5, "the largest difference")
    assert (verdict.outcome, verdict.value) == (outcome, kept)


@pytest.mark.parametrize(("p99", "outcome"), [(24.9, "pass"), (25.1, "fail"), (NAN, "insufficient")])
def test_latency_keeps_no_time(p99: float, outcome: str) -> None:
    verdict = gates.latency(p99, 25)
    assert verdict.outcome == outcome
    assert verdict.value is None
    assert str(p99) not in verdict.detail


def compared(low: float, high: float, *, greater: bool = True) -> Comparison:
    return Comparison("roc_auc", greater, (low + high) / 2, Interval(low, high), "churn@3")


@pytest.mark.parametrize(
    ("comparison", "outcome"),
    [
        (compared(-0.02, 0.01), "pass"),
        (compared(-0.021, 0.01), "insufficient"),
        (compared(-0.05, -0.021), "fail"),
        (compared(0.01, 0.05), "pass"),
        (compared(-0.01, 0.02, greater=False), "pass"),
        (compared(-0.01, 0.021, greater=False), "insufficient"),
        (compared(0.021, 0.05, greater=False), "fail"),
        (compared(NAN, 0.05), "insufficient"),
        (Comparison("roc_auc", True, NAN, Interval(0, 0), "churn@3"), "insufficient"),
    ],
)
def test_non_inferiority(comparison: Comparison, outcome: str) -> None:
    verdict = gates.non_inferiority(comparison, 0.02)
    assert verdict.outcome == outcome
    assert "churn@3" in verdict.detail


def test_no_baseline_is_said() -> None:
    verdict = gates.no_baseline("roc_auc", 0.02)
    assert verdict.outcome == "pass"
    assert "no baseline" in verdict.detail


def group(name: str, selected: tuple[int, int], true: tuple[int, int], false: tuple[int, int]) -> Group:
    return Group(name, Share(*selected), Share(*true), Share(*false))


def gate(metric: Metric = "equal_opportunity_difference", most: float = 0.2, least: int = 50) -> FairnessGate:
    return FairnessGate(column="sex", metric=metric, max=most, min_group=least, rationale="because")


EQUAL = [
    group("f", (300, 1000), (250, 500), (50, 500)),
    group("m", (300, 1000), (250, 500), (50, 500)),
]


def test_equal_groups_pass_and_say_their_rates() -> None:
    verdict = gates.fairness(gate(), EQUAL, 1)
    assert (verdict.outcome, verdict.value) == ("pass", 0.0)
    assert "0.500 where sex is f" in verdict.detail


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ((50, 100), (45, 100), "pass"),  # difference 0.05, upper about 0.19
        ((50, 100), (35, 100), "insufficient"),  # 0.15 is within 0.2, its upper bound is not
        ((50, 100), (25, 100), "fail"),
        ((25, 49), (25, 50), "insufficient"),  # a group of 49
        ((0, 0), (25, 50), "insufficient"),
    ],
)
def test_fairness_states(first: tuple[int, int], second: tuple[int, int], outcome: str) -> None:
    groups = [group("f", (1, 1), first, (1, 1)), group("m", (1, 1), second, (1, 1))]
    verdict = gates.fairness(gate(), groups, 1)
    assert verdict.outcome == outcome


def test_a_wider_family_can_only_take_a_pass_away() -> None:
    groups = [group("f", (1, 1), (50, 100), (1, 1)), group("m", (1, 1), (45, 100), (1, 1))]
    assert gates.fairness(gate(), groups, 1).outcome == "pass"
    assert gates.fairness(gate(), groups, 20).outcome == "insufficient"


def test_one_group_compares_with_nothing() -> None:
    verdict = gates.fairness(gate(), EQUAL[:1], 1)
    assert verdict.outcome == "insufficient"
    assert "fewer than two groups" in verdict.detail


def test_equalized_odds_takes_the_larger_disparity() -> None:
    groups = [
        group("f", (1, 1), (250, 500), (50, 500)),
        group("m", (1, 1), (250, 500), (300, 500)),
    ]
    verdict = gates.fairness(gate("equalized_odds_difference"), groups, 2)
    assert (verdict.outcome, verdict.value) == ("fail", 0.5)
    assert "false positive rate" in verdict.detail


def test_small_groups_are_named_with_what_is_counted() -> None:
    groups = [group("f", (9, 900), (9, 9), (1, 891)), EQUAL[1]]
    detail = gates.fairness(gate(), groups, 1).detail
    assert detail == "sex f has 9 rows with the positive label; at least 50 are needed"


def test_the_family_counts_every_pair_of_every_gate() -> None:
    asked = [gate(), gate("equalized_odds_difference"), gate("demographic_parity_difference")]
    assert gates.comparisons(asked, {"sex": EQUAL}) == 1 + 2 + 1
    assert gates.comparisons(asked, {"sex": [*EQUAL, EQUAL[0]]}) == 3 + 6 + 3


counts = st.integers(0, 400).flatmap(lambda n: st.integers(0, n).map(lambda k: (k, n)))


@given(counts, counts, st.floats(0, 1), st.integers(1, 10))
@settings(max_examples=200, deadline=None)
def test_a_pass_is_always_earned(a: tuple[int, int], b: tuple[int, int], most: float, family: int) -> None:
    """Whatever the counts: a pass means two large enough groups and an upper bound within the maximum."""
    groups = [group("f", a, a, a), group("m", b, b, b)]
    verdict = gates.fairness(gate(most=most), groups, family)
    if verdict.outcome == "pass":
        assert min(a[1], b[1]) >= 50
        assert verdict.interval is not None
        assert verdict.interval[1] <= most + 1e-6
    if verdict.value is not None and not math.isclose(verdict.value, most, abs_tol=1e-6):
        assert (verdict.outcome == "fail") == (verdict.value > most)
