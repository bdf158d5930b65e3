"""Whether a spec's gates still hold by late labels, in the three states of the gates themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from ordain.core.drift.measured import Measurement
from ordain.core.gating import gates
from ordain.core.gating.gates import Group
from ordain.core.gating.verdicts import Outcome, Verdict
from ordain.core.specs.bounds import Bounds
from ordain.core.specs.spec import FairnessGate, QualityGate

NAMED = 5  # groups that were met
UNSURE = "the disparity seems to be above the maximum, which so few rows do not show"


def quality(gate: QualityGate, measured: Measurement | None) -> Verdict:
    """A quality gate under uncertainty: `fail` only when the whole 95 % interval is beyond a bound.

    A release is judged once, on a holdout that is large enough; a monitor looks every day, and a point
    value would cross a near bound by chance soon enough.
    """
    name, bound = f"quality.{gate.metric}", gate.min if gate.min is not None else gate.max
    if measured is None or measured.value is None or measured.interval is None:
        detail = f"{gate.metric} cannot be told from these labels"
        return Verdict(gate=name, outcome="insufficient", bound=bound, detail=detail)
    low, high = measured.interval
    asked = [] if gate.min is None else [(f"at least {gate.min:g}", high < gate.min, low >= gate.min)]
    asked += [] if gate.max is None else [(f"at most {gate.max:g}", low > gate.max, high <= gate.max)]
    failed, held = any(fails for _, fails, _ in asked), all(holds for _, _, holds in asked)
    outcome: Outcome = "fail" if failed else "pass" if held else "insufficient"
    words = " and ".join(text for text, _, _ in asked) or "no bound"
    return Verdict(
        gate=name,
        outcome=outcome,
        value=measured.value,
        bound=bound,
        interval=measured.interval,
        detail=f"{gate.metric} is {measured.value:.4f} ({low:.4f} to {high:.4f}); {words} is asked",
    )


def fairness(gate: FairnessGate, groups: Sequence[Group], family: int) -> Verdict:
    """A fairness gate under uncertainty: `fail` only when the whole interval is above the maximum, as in
    `quality`; and where groups are too small, it is said what was met.

    A disparity is the largest of all pairs of groups. So one that two groups show with certainty is a breach,
    however few rows others have, such as the few whose group nobody wrote down.

    Args:
        gate, groups, family: as for `gates.fairness`.
    """
    large = [each for each in groups if _rows(gate, each) >= gate.min_group]
    known = _by_interval(gate, large, family)
    if len(large) < len(groups) and known.outcome == "fail":
        left = ", ".join(f"{gate.column} {each.name}" for each in groups if each not in large)
        return replace(known, detail=f"{known.detail}; left out, since too small: {left}")
    return _by_interval(gate, groups, family)


def _rows(gate: FairnessGate, group: Group) -> int:
    """Rows of the smallest share of a group that its gate compares."""
    return min(group.share(kind).total for kind in gates.COMPARED[gate.metric])


def _by_interval(gate: FairnessGate, groups: Sequence[Group], family: int) -> Verdict:
    verdict = gates.fairness(gate, groups, family)
    if verdict.outcome == "fail" and verdict.interval and verdict.interval[0] <= gate.max:
        detail = verdict.detail.removesuffix(gates.FAIRNESS_WORDS["fail"]) + UNSURE
        return replace(verdict, outcome="insufficient", detail=detail)
    met = {each.name: each.selected.total for each in groups if each.selected.total}
    if verdict.outcome == "insufficient" and len(met) < len(groups):
        shown = [f"{name} ({rows})" for name, rows in sorted(met.items(), key=lambda each: -each[1])[:NAMED]]
        words = f"; of {gate.column} these were met: {', '.join(shown) or 'none'}"
        return replace(verdict, detail=verdict.detail + words)
    return verdict


def verdicts(
    declared: Bounds, measured: Mapping[str, Measurement], groups: Mapping[str, Sequence[Group]]
) -> Iterator[Verdict]:
    """Every gate that labels can speak about.

    Args:
        measured: by metric; empty with too few labels.
        groups: of each sensitive column that the labels or the log tell.
    """
    for gate in declared.quality:
        yield quality(gate, measured.get(gate.metric))
    known = [each for each in declared.fairness if each.column in groups]
    family = max(1, gates.comparisons(known, groups))
    for fair in declared.fairness:
        if fair.column in groups:
            yield fairness(fair, groups[fair.column], family)
        else:
            yield Verdict(
                gate=f"fairness.{fair.column}",
                outcome="insufficient",
                bound=fair.max,
                detail=f"neither labels nor log tell `{fair.column}` in at most 50 groups: its fairness is "
                "not watched; give it as a column of the labels",
            )
