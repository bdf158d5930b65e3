"""Verdicts that a record lists against the gates that are declared and the numbers beside them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.gating import gates as rules
from ordain.core.gating.claims import misstated
from ordain.core.gating.gates import Comparison, Group
from ordain.core.gating.release import Baseline
from ordain.core.gating.statistics import Interval, Share
from ordain.core.gating.verdicts import Outcome, Verdict
from ordain.core.specs.spec import (
    CalibrationGate,
    FairnessGate,
    Gates,
    LatencyGate,
    NonInferiorityGate,
    QualityGate,
    SizeGate,
)
from tests.core.fleet import ARTIFACT, record

FAIR = FairnessGate(column="sex", metric="equal_opportunity_difference", max=0.2, rationale="It is fair.")
GATES = Gates(
    quality=(QualityGate(metric="roc_auc", min=0.8), QualityGate(metric="brier", min=0.01, max=0.2)),
    non_inferiority=NonInferiorityGate(metric="roc_auc", margin=0.02),
    calibration=CalibrationGate(max=0.08),
    fairness=(FAIR,),
    latency=LatencyGate(p99_ms=25.0),
    size=SizeGate(max_mb=20.0),
)
BASELINE = Baseline(release="churn@1", artifact=ARTIFACT, difference=0.01, interval=(-0.01, 0.03))


def lie(verdict: Verdict, gates: Gates = GATES, **changes: Any) -> str | None:
    metrics = {"roc_auc": 0.84, "brier": 0.1}
    made = record("churn", **{"verdicts": (verdict,), "metrics": metrics, "baseline": BASELINE, **changes})
    return misstated(made, gates)


def said(gate: str, outcome: Outcome, value: float | None, bound: float, **more: Any) -> Verdict:
    return Verdict(gate=gate, outcome=outcome, value=value, bound=bound, **more)


def test_what_could_not_be_computed_is_insufficient() -> None:
    verdict = said("quality.roc_auc", "insufficient", None, 0.8)
    assert lie(verdict, metrics={}) is None
    assert lie(replace(verdict, outcome="pass"), metrics={}) == verdict.gate


@pytest.mark.parametrize(
    "verdict",
    [
        said("quality.roc_auc", "pass", 0.84, 0.8),
        said("quality.brier", "pass", 0.1, 0.01),
        said("calibration", "pass", 0.08, 0.08),
        said("calibration", "fail", 0.08, 0.08),
        said("calibration", "insufficient", None, 0.08),
        said("size", "fail", None, 20.0),
        said("latency", "pass", None, 25.0),
        said("latency", "fail", None, 25.0),
        said("parity", "pass", 1e-6, 1e-5),
        said("fairness.sex", "pass", 0.1, 0.2, interval=(0.0, 0.2)),
        said("fairness.sex", "fail", 0.21, 0.2, interval=(0.1, 0.3)),
        said("fairness.sex", "insufficient", 0.1, 0.2, interval=(0.0, 0.3)),
        said("fairness.sex", "insufficient", None, 0.2),
        said("non_inferiority.roc_auc", "pass", 0.01, 0.02, interval=(-0.01, 0.03)),
        said("non_inferiority.roc_auc", "insufficient", None, 0.02),
    ],
    ids=str,
)
def test_what_may_be_true(verdict: Verdict) -> None:
    assert lie(verdict) is None


@pytest.mark.parametrize(
    "verdict",
    [
        said("quality.roc_auc", "fail", 0.84, 0.8),
        said("quality.roc_auc", "pass", 0.84, 0.7),
        said("quality.roc_auc", "pass", 0.9, 0.8),
        said("quality.roc_auc", "pass", None, 0.8),
        said("quality.roc_auc", "insufficient", 0.84, 0.8),
        said("quality.f1", "pass", 0.84, 0.8),
        said("calibration", "pass", 0.09, 0.08),
        said("calibration", "pass", 0.05, 0.09),
        said("calibration", "fail", 0.05, 0.08),
        said("calibration", "pass", None, 0.08),
        said("latency", "pass", None, 90.0),
        said("parity", "pass", 1e-4, 1e-5),
        said("unheard", "pass", 0.0, 1.0),
        said("fairness.age", "pass", 0.1, 0.2, interval=(0.0, 0.2)),
        said("fairness.sex", "pass", 0.1, 0.3, interval=(0.0, 0.2)),
        said("fairness.sex", "pass", 0.1, 0.2, interval=(0.0, 0.3)),
        said("fairness.sex", "pass", 0.3, 0.2, interval=(0.0, 0.1)),
        said("fairness.sex", "insufficient", 0.3, 0.2, interval=(0.0, 0.5)),
        said("fairness.sex", "pass", 0.1, 0.2),
        said("non_inferiority.brier", "pass", 0.01, 0.02, interval=(-0.01, 0.03)),
        said("non_inferiority.roc_auc", "pass", 0.01, 0.9, interval=(-0.01, 0.03)),
        said("non_inferiority.roc_auc", "pass", 0.5, 0.02, interval=(0.4, 0.6)),
        said("non_inferiority.roc_auc", "fail", 0.01, 0.02, interval=(-0.01, 0.03)),
        said("non_inferiority.roc_auc", "pass", None, 0.02),
    ],
    ids=str,
)
def test_what_cannot_be_true_is_named(verdict: Verdict) -> None:
    assert lie(verdict) == verdict.gate


def test_gates_that_are_not_declared_said_nothing() -> None:
    bare = Gates(quality=GATES.quality)
    for gate in ("calibration", "size", "latency", "non_inferiority.roc_auc"):
        assert lie(said(gate, "pass", 0.01, 0.02, interval=(-0.01, 0.03)), bare) == gate
    passed = said("non_inferiority.roc_auc", "pass", 0.01, 0.02, interval=(-0.01, 0.03))
    assert lie(passed, baseline=None) == passed.gate


measurements = st.floats(-2, 2, allow_nan=False)
limits = st.floats(0, 1, allow_nan=False)


@given(measurements, limits, limits)
def test_no_measured_quality_is_a_lie(value: float, low: float, high: float) -> None:
    for gate in (QualityGate(metric="r2", min=low), QualityGate(metric="r2", max=high),
                 QualityGate(metric="r2", min=low, max=high)):  # fmt: skip
        verdict = rules.quality(gate, value, None)
        gates = replace(GATES, quality=(gate,))
        assert lie(verdict, gates, metrics={"r2": rules.finite(value)}) is None


@given(st.floats(0, 2, allow_nan=False) | st.just(float("inf")) | st.none(), limits)
def test_no_measurement_that_must_not_be_above_a_bound_is_a_lie(value: float | None, bound: float) -> None:
    gates = replace(GATES, calibration=CalibrationGate(max=bound))
    assert lie(rules.at_most("calibration", value, bound, "it"), gates) is None
    assert lie(rules.latency(value, 25.0)) is None


@given(st.lists(st.tuples(st.integers(2, 400), st.integers(0, 400)), min_size=2, max_size=4), limits)
def test_no_measured_disparity_is_a_lie(counts: list[tuple[int, int]], bound: float) -> None:
    gate = replace(FAIR, max=bound, min_group=2)
    shares = [Share(min(hits, total), total) for total, hits in counts]
    groups = [Group(str(n), each, each, each) for n, each in enumerate(shares)]
    verdict = rules.fairness(gate, groups, rules.comparisons([gate], {"sex": groups}))
    assert lie(verdict, replace(GATES, fairness=(gate,))) is None


@given(st.sampled_from(["roc_auc", "log_loss"]), st.tuples(measurements, measurements, measurements), limits)
def test_no_comparison_is_a_lie(metric: str, found: tuple[float, float, float], margin: float) -> None:
    low, value, high = sorted(found)
    compared = Comparison(metric, metric == "roc_auc", value, Interval(low, high), "churn@1")
    verdict = rules.non_inferiority(compared, margin)
    assert verdict.value is not None
    assert verdict.interval is not None
    baseline = replace(BASELINE, difference=verdict.value, interval=verdict.interval)
    gates = replace(GATES, non_inferiority=NonInferiorityGate(metric=metric, margin=margin))
    assert lie(verdict, gates, baseline=baseline) is None
