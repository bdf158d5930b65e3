"""What a plan says of two releases in numbers: metrics, gates, groups, curves; and the files behind them."""

from __future__ import annotations

from collections.abc import Mapping

from ordain.core.decisions import Decision
from ordain.core.gating.release import Baseline, Release
from ordain.core.pipelines.changes import Change, Slice
from ordain.core.pipelines.pipeline import is_code_path
from ordain.core.plans.plan import CurveLine, GateLine, GroupLine, MetricDelta, RateDelta
from ordain.core.releasing.measured import Group, Measured


def metric_deltas(
    old: Release | None, new: Release | None, measured: Measured | None = None
) -> tuple[MetricDelta, ...]:
    """Each metric of either release, sorted by name; nothing when nothing shall run.

    A difference is that of two values on the same rows. Where the releases were measured on different
    holdouts, only the metric by which both were judged on the wanted one's has it.

    Args:
        old: what runs. new: what is wanted. measured: of the wanted release, where it is proven.
    """
    if new is None:
        return ()
    deployed, elsewhere = old.metrics if old else {}, other_holdout(old, new)
    found = []
    for metric in sorted({*deployed, *new.metrics}):
        ends = measured.intervals.get(metric) if measured else None
        first, second = deployed.get(metric), new.metrics.get(metric)
        judged = _judged(metric, old, new)
        plain = None if first is None or second is None else round(second - first, 6)
        found.append(
            MetricDelta(
                metric=metric,
                deployed=first,
                proposed=second,
                difference=plain if not elsewhere else judged.difference if judged else None,
                interval=judged.interval if judged else None,
                proposed_interval=(ends.low, ends.high) if ends else None,
                other_holdout=elsewhere and first is not None,
            )
        )
    return tuple(found)


def other_holdout(old: Release | None, new: Release | None) -> bool:
    """Whether two releases were measured on different rows, so that their values can't be compared."""
    return old is not None and new is not None and old.data.holdout != new.data.holdout


def _judged(metric: str, old: Release | None, new: Release) -> Baseline | None:
    """The comparison with the very release that runs, where this metric was compared."""
    same = old is not None and new.baseline is not None and new.baseline.artifact == old.artifact
    named = any(each.gate == f"non_inferiority.{metric}" for each in new.verdicts)
    return new.baseline if same and named else None


def gate_lines(release: Release | None, decision: Decision) -> tuple[GateLine, ...]:
    """The verdicts of the wanted release, each with the waiver that the decision rests on."""
    if release is None:
        return ()
    waivers = {each.gate: f"{each.reason} (until {each.expires})" for each in decision.waivers}
    return tuple(
        GateLine(
            gate=each.gate,
            outcome=each.outcome,
            value=each.value,
            bound=each.bound,
            interval=each.interval,
            detail=each.detail,
            waived=waivers.get(each.gate, "") if each.outcome != "pass" else "",
        )
        for each in release.verdicts
    )


def group_lines(old: Measured | None, new: Measured | None) -> tuple[GroupLine, ...]:
    """Every group of every sensitive column, beside what the release that runs does to it."""
    if new is None:
        return ()
    return tuple(
        _group_line((column, name), group, old.groups.get(column, {}).get(name) if old else None)
        for column, groups in sorted(new.groups.items())
        for name, group in sorted(groups.items())
    )


def _group_line(of: tuple[str, str], new: Group, old: Group | None) -> GroupLine:
    column, name = of
    return GroupLine(
        column=column, group=name, rows=new.rows,
        **{kind: _rate(kind, new, old) for kind in ("selected", "true_positive", "false_positive")},
    )  # fmt: skip


def _rate(kind: str, new: Group, old: Group | None) -> RateDelta | None:
    rate, before = getattr(new, kind), getattr(old, kind, None)
    if rate is None:
        return None
    ends = (rate.low, rate.high)
    return RateDelta(proposed=rate.rate, interval=ends, deployed=before.rate if before else None)


def curve_lines(old: Measured | None, new: Measured | None) -> tuple[CurveLine, ...]:
    """Each curve of the wanted release, beside that of the one that runs where it is known."""
    if new is None:
        return ()
    return tuple(
        CurveLine(curve=curve, deployed=old.curves.get(curve, ()) if old else (), proposed=points)
        for curve, points in sorted(new.curves.items())
    )


def input_changes(old: Measured | None, new: Measured | None) -> tuple[Change, ...]:
    """Every file of data or code that differs between what two releases were made from, by its path."""
    if old is None or new is None:
        return ()
    changed = sorted(
        path for path in {*old.inputs, *new.inputs} if old.inputs.get(path) != new.inputs.get(path)
    )
    return tuple(
        Change(slice=_slice(path), key=path, before=_sum(old.inputs, path), after=_sum(new.inputs, path))
        for path in changed
    )


def _slice(path: str) -> Slice:
    return "code" if is_code_path(path) else "data"


def _sum(inputs: Mapping[str, str], path: str) -> str | None:
    return f"md5:{inputs[path]}" if path in inputs else None
