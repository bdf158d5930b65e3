"""What each gate says to a measurement: `pass`, `fail` or `insufficient`, and never `pass` by default.

The measuring is `learn`'s; here are only the rules, as values in and verdicts out.

- quality, calibration, parity, latency, size: `pass` within the bound, `fail` beyond it, `insufficient`
  when it was not measured or is NaN;
- non-inferiority: `pass` when even the worse end of the 95 % interval is within the margin, `fail` when
  even the better end is beyond it, `insufficient` between;
- fairness: `pass` when the upper bound, corrected for multiplicity, is within the maximum; `fail` when
  the measured disparity itself is beyond it; `insufficient` between, and when a group is too small.

"Between" means that the sample is too small to tell. It blocks exactly as `fail` does, but the cure is
more data instead of another model, so it has a word of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from ordain.core.canonical import rounded
from ordain.core.gating.statistics import Interval, Share, critical_value, difference, magnitude
from ordain.core.gating.verdicts import Outcome, Verdict
from ordain.core.specs.spec import FairnessGate, QualityGate

LEVEL = 0.95

# Which shares each of Fairlearn's metrics compares between groups.
COMPARED: Mapping[str, tuple[str, ...]] = {
    "demographic_parity_difference": ("selected",),
    "equal_opportunity_difference": ("true_positive",),
    "equalized_odds_difference": ("true_positive", "false_positive"),
}
FAIRNESS_WORDS: Mapping[Outcome, str] = {
    "pass": "even the corrected upper bound is within the maximum",
    "fail": "the measured disparity is above the maximum",
    "insufficient": "too few rows to show that the disparity is within the maximum",
}
ROWS_OF = {
    "selected": "rows",
    "true_positive": "rows with the positive label",
    "false_positive": "rows with another label",
}


class Group(NamedTuple):
    """What the decisions look like in one group of a sensitive column.

    Attributes:
        selected: rows given the positive label, of all rows.
        true_positive: of the rows whose true label is positive.
        false_positive: of the rows whose true label is not.
    """

    name: str
    selected: Share
    true_positive: Share
    false_positive: Share

    def share(self, kind: str) -> Share:
        """One of the three by its name."""
        chosen: Share = getattr(self, kind)
        return chosen


def finite(value: float | None) -> float | None:
    """The value rounded for a record, or None where there is no finite one."""
    return None if value is None or not math.isfinite(value) else rounded(value)


def ends(interval: Interval | None) -> tuple[float, float] | None:
    """The interval rounded for a record, or None where an end is missing or not finite."""
    if interval is None:
        return None
    low, high = finite(interval.low), finite(interval.high)
    return None if low is None or high is None else (low, high)


def quality(gate: QualityGate, value: float | None, interval: Interval | None) -> Verdict:
    """The metric's point value on the holdout against its bounds; the interval is kept beside it."""
    name, number = f"quality.{gate.metric}", finite(value)
    low, high = gate.min, gate.max
    bound = low if low is not None else high
    if value is None or number is None:
        detail = f"{gate.metric} could not be computed on the holdout"
        return Verdict(gate=name, outcome="insufficient", bound=bound, detail=detail)
    short = low is not None and value < low
    over = high is not None and value > high
    asked = " and ".join(
        text for text, limit in ((f"at least {low}", low), (f"at most {high}", high)) if limit is not None
    )
    return Verdict(
        gate=name,
        outcome="fail" if short or over else "pass",
        value=number,
        bound=high if over else bound,
        interval=ends(interval),
        detail=f"{gate.metric} on the holdout is {number:g}; {asked or 'no bound'} is asked",
    )


def at_most(name: str, value: float | None, bound: float, what: str) -> Verdict:
    """A measurement that must not be above a bound.

    Args:
        name: the gate: `calibration`, `parity` or `size`.
        value: what was measured; None or NaN where it could not be.
        bound: largest value that passes.
        what: the measurement in words, such as `the expected calibration error`.
    """
    if value is None or math.isnan(value):
        detail = f"{what} could not be measured"
        return Verdict(gate=name, outcome="insufficient", bound=bound, detail=detail)
    outcome: Outcome = "pass" if value <= bound else "fail"
    digits = significant(value) if math.isfinite(value) else None
    shown = f"{value:.3g}"
    return Verdict(
        gate=name, outcome=outcome, value=digits, bound=bound, detail=f"{what} is {shown}, at most {bound:g}"
    )


def significant(value: float) -> float:
    """Three significant digits: enough for tiny differences, which six decimals would make 0."""
    return float(f"{value:.3g}")


def latency(p99_ms: float | None, bound: float) -> Verdict:
    """The verdict alone: a time differs from run to run, so it must stay out of every record."""
    verdict = at_most("latency", p99_ms, bound, "the latency")
    words = {
        "pass": f"99 % of single-row calls take at most {bound:g} ms",
        "fail": f"more than 1 % of single-row calls take longer than {bound:g} ms",
        "insufficient": "single-row calls could not be timed",
    }
    return Verdict(gate="latency", outcome=verdict.outcome, bound=bound, detail=words[verdict.outcome])


class Comparison(NamedTuple):
    """A champion against a baseline on the same rows.

    Attributes:
        metric: which one; greater_is_better: its direction.
        value: new minus old, in the metric's units; interval: its 95 % interval (paired bootstrap).
        baseline: such as `churn@3`.
    """

    metric: str
    greater_is_better: bool
    value: float
    interval: Interval
    baseline: str


def non_inferiority(compared: Comparison, margin: float) -> Verdict:
    """Whether the champion is, with 95 % confidence, at most `margin` worse than the baseline."""
    name = f"non_inferiority.{compared.metric}"
    limits = ends(compared.interval)
    value = finite(compared.value)
    if limits is None or value is None:
        detail = f"the difference from {compared.baseline} could not be computed"
        return Verdict(gate=name, outcome="insufficient", bound=margin, detail=detail)
    worst, best = limits if compared.greater_is_better else (-limits[1], -limits[0])
    outcome: Outcome = "pass" if worst >= -margin else "fail" if best < -margin else "insufficient"
    words = {
        "pass": f"not worse than {compared.baseline} by more than {margin:g}",
        "fail": f"worse than {compared.baseline} by more than {margin:g}",
        "insufficient": f"too few rows to tell whether it is worse than {compared.baseline} by {margin:g}",
    }
    return Verdict(
        gate=name, outcome=outcome, value=value, bound=margin, interval=limits, detail=words[outcome]
    )


def no_baseline(metric: str, margin: float) -> Verdict:
    """Nothing is deployed, so there is nothing to be worse than; said out loud, as a pass."""
    return Verdict(
        gate=f"non_inferiority.{metric}",
        outcome="pass",
        bound=margin,
        detail="no baseline: no release of this model is deployed yet",
    )


def comparisons(gates: Sequence[FairnessGate], groups: Mapping[str, Sequence[Group]]) -> int:
    """How many pairs of shares all fairness gates compare together: what Bonferroni divides by."""
    return sum(len(COMPARED[gate.metric]) * math.comb(len(groups[gate.column]), 2) for gate in gates)


def fairness(gate: FairnessGate, groups: Sequence[Group], family: int) -> Verdict:
    """One disparity by Fairlearn's definition, with an interval that holds for all gates together.

    The disparity is the largest difference of a share between two groups; for equalized odds the
    larger one of the two shares' disparities.

    Args:
        gate: column, metric, maximum and smallest group.
        groups: every group of the column, those without rows included.
        family: see `comparisons`.
    """
    name, kinds = f"fairness.{gate.column}", COMPARED[gate.metric]
    small = _small(gate, groups)
    if small or len(groups) < 2:
        detail = small or f"`{gate.column}` has fewer than two groups"
        return Verdict(gate=name, outcome="insufficient", bound=gate.max, detail=detail)
    z = critical_value(LEVEL, family)
    pairs = [
        (a.share(kind), b.share(kind), _described(gate.column, kind, a, b))
        for kind in kinds
        for a, b in combinations(groups, 2)
    ]
    value, described = max((abs(a.rate - b.rate), text) for a, b, text in pairs)
    each_pair = [magnitude(difference(a, b, z)) for a, b, _ in pairs]
    interval = Interval(max(each.low for each in each_pair), max(each.high for each in each_pair))
    outcome: Outcome = "pass" if interval.high <= gate.max else "fail" if value > gate.max else "insufficient"
    return Verdict(
        gate=name,
        outcome=outcome,
        value=finite(value),
        bound=gate.max,
        interval=ends(interval),
        detail=f"{described}; {FAIRNESS_WORDS[outcome]}",
    )


def _described(column: str, kind: str, a: Group, b: Group) -> str:
    """Such as `true positive rate 0.475 where senior_citizen is false, 0.673 where it is true`."""
    rates = (
        f"{a.share(kind).rate:.3f} where {column} is {a.name}, {b.share(kind).rate:.3f} where it is {b.name}"
    )
    return f"{kind.replace('_', ' ')} rate {rates}"


def _small(gate: FairnessGate, groups: Sequence[Group]) -> str:
    """Which groups have too few rows for the metric, or an empty string."""
    few = [
        f"{gate.column} {group.name} has {group.share(kind).total} {ROWS_OF[kind]}"
        for kind in COMPARED[gate.metric]
        for group in groups
        if group.share(kind).total < gate.min_group
    ]
    return f"{'; '.join(few)}; at least {gate.min_group} are needed" if few else ""
