"""Whether the verdicts of a record are what its own numbers and the declared gates give.

A record is a file that somebody wrote. Its numbers are rounded, and rounding keeps order: a bound that is
rounded alike tells what a value may have been, and a value exactly there may have been on either side.
"""

from __future__ import annotations

from collections.abc import Iterator

from ordain.core.canonical import rounded
from ordain.core.gating.gates import significant
from ordain.core.gating.release import Release
from ordain.core.gating.verdicts import Outcome, Verdict
from ordain.core.metrics import METRICS
from ordain.core.specs.spec import FairnessGate, Gates, NonInferiorityGate, QualityGate

Possible = frozenset[Outcome]
NOTHING: Possible = frozenset()
UNMEASURED: Possible = frozenset({"insufficient"})
ANY: Possible = frozenset({"pass", "fail", "insufficient"})


def misstated(release: Release, gates: Gates) -> str | None:
    """The first gate whose verdict can't be true; None where each may be.

    Args:
        release: its verdicts may be incomplete: see `waivers.complete`.
        gates: as they were declared when it was made.
    """
    for verdict in release.verdicts:
        if not any(verdict.outcome in each for each in _possible(verdict, release, gates)):
            return verdict.gate
    return None


def _possible(verdict: Verdict, release: Release, gates: Gates) -> Iterator[Possible]:
    """What each declared gate of a verdict's name may have said to its value."""
    kind, _, of = verdict.gate.partition(".")
    if kind == "quality":
        yield from (_quality(verdict, gate, release) for gate in gates.quality if gate.metric == of)
    elif kind == "fairness":
        yield from (_fairness(verdict, gate) for gate in gates.fairness if gate.column == of)
    elif kind == "non_inferiority":
        gate = gates.non_inferiority
        yield _non_inferiority(verdict, gate, release) if gate and gate.metric == of else NOTHING
    elif verdict.gate == "latency":
        # The time is not kept, so there is nothing to hold the word against but the bound.
        declared = gates.latency and gates.latency.p99_ms
        yield ANY if declared is not None and verdict.bound == declared else NOTHING
    else:
        yield _at_most(verdict, _limits(gates).get(verdict.gate))


def _limits(gates: Gates) -> dict[str, float | None]:
    return {
        "calibration": gates.calibration.max if gates.calibration else None,
        "parity": gates.parity.max_difference,
        "size": gates.size.max_mb if gates.size else None,
    }  # fmt: skip


def _quality(verdict: Verdict, gate: QualityGate, release: Release) -> Possible:
    value, low, high = verdict.value, gate.min, gate.max
    if verdict.bound not in {low, high} or value != release.metrics.get(gate.metric):
        return NOTHING
    if value is None:
        return UNMEASURED
    over_low = low is None or value >= rounded(low)
    under_high = high is None or value <= rounded(high)
    short = low is not None and value <= rounded(low)
    over = high is not None and value >= rounded(high)
    return _words(passed=over_low and under_high, failed=short or over)


def _at_most(verdict: Verdict, bound: float | None) -> Possible:
    if bound is None or verdict.bound != bound:
        return NOTHING
    if verdict.value is None:  # not measured, or infinite
        return frozenset({"insufficient", "fail"})
    limit = significant(bound)
    return _words(passed=verdict.value <= limit, failed=verdict.value >= limit)


def _fairness(verdict: Verdict, gate: FairnessGate) -> Possible:
    value, ends, limit = verdict.value, verdict.interval, rounded(gate.max)
    if verdict.bound != gate.max:
        return NOTHING
    if value is None or ends is None:
        return UNMEASURED
    if not value <= ends[1]:
        return NOTHING
    between = value <= limit <= ends[1]
    return _words(passed=ends[1] <= limit, failed=value >= limit, between=between)


def _non_inferiority(verdict: Verdict, gate: NonInferiorityGate, release: Release) -> Possible:
    value, ends, baseline = verdict.value, verdict.interval, release.baseline
    if verdict.bound != gate.margin:
        return NOTHING
    if value is None or ends is None:
        return UNMEASURED
    if baseline is None or (baseline.difference, baseline.interval) != (value, ends):
        return NOTHING
    greater = gate.metric in METRICS and METRICS[gate.metric].greater_is_better
    worst, best = ends if greater else (-ends[1], -ends[0])
    failed, passed = best < -gate.margin, worst >= -gate.margin
    return _words(passed=passed, failed=failed, between=not (passed or failed))


def _words(*, passed: bool, failed: bool, between: bool = False) -> Possible:
    said: tuple[tuple[Outcome, bool], ...] = (
        ("pass", passed), ("fail", failed), ("insufficient", between),
    )  # fmt: skip
    return frozenset(word for word, may_be in said if may_be)
