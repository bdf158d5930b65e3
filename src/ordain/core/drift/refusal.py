"""When performance may be estimated without labels, and when such a number would mislead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from ordain.core.drift.evidence import Finding, Kind
from ordain.core.drift.measured import Measurement
from ordain.core.gating.verdicts import Verdict

# What makes rows mean something else than those that the probabilities were checked on.
_BROKEN: frozenset[Kind] = frozenset({"schema-change", "missingness"})
STRANGE = 0.05  # share of rows beyond the reference in one column, above which too little is known of them
CALIBRATED = 0.05  # largest expected calibration error with which probabilities are believed


class Grounds(Struct, frozen=True, kw_only=True):
    """What an estimate would rest on.

    Attributes:
        gate: what the release's calibration gate said; None when that is not known.
        seen: calibration error on labelled predictions; None without enough of them.
        beyond: share of rows beyond the reference, by feature.
    """

    gate: Verdict | None
    seen: Measurement | None
    beyond: Mapping[str, float]

    @property
    def error(self) -> float:
        """The calibration error by labels, or on the gate's holdout; else the largest that is believed."""
        known = [each.value for each in (self.seen, self.gate) if each is not None]
        return min(CALIBRATED, next((value for value in known if value is not None), CALIBRATED))


def refusal(task: str, grounds: Grounds, findings: Sequence[Finding]) -> str:
    """Why no estimate is given; empty when there may be one."""
    if task != "binary":
        return "an estimate needs the probability of one of two classes"
    broken = sorted(
        {name for each in findings if each.alarm and each.kind in _BROKEN for name in each.columns}
    )
    if broken:
        return f"{', '.join(broken)} no longer hold what they held when the probabilities were checked"
    strange = sorted(name for name, share in grounds.beyond.items() if share > STRANGE)
    if strange:
        return f"too many rows lie where the probabilities were never checked: {', '.join(strange)}"
    return _uncalibrated(grounds.gate, grounds.seen)


def _uncalibrated(gate: Verdict | None, seen: Measurement | None) -> str:
    """Labels decide where they can, by the bound of the gate; else the gate itself."""
    if seen is not None and seen.value is not None:
        bound = CALIBRATED if gate is None or gate.bound is None else gate.bound
        if (seen.value if seen.interval is None else seen.interval[0]) > bound:
            return f"labels so far contradict the probabilities: calibration error {seen.value:.3f}"
        if seen.value <= bound:
            return ""
    if gate is None or gate.outcome != "pass":
        return "nothing shows that the probabilities are calibrated: no gate that passed, too few labels"
    return ""
