"""Measurements and the three-state verdicts that gates give on them."""

from __future__ import annotations

from typing import Literal

from ordain.core.specs.parts import Part

Outcome = Literal["pass", "fail", "insufficient"]


class Verdict(Part, frozen=True, kw_only=True):
    """What one gate says.

    Attributes:
        gate: `quality.roc_auc`, `non_inferiority.roc_auc`, `calibration`, `fairness.<column>`,
            `parity`, `latency`, `size`.
        outcome: `insufficient` blocks exactly like `fail`.
        value: the measured point estimate; None where it is not kept (latency) or could not be had.
        bound: the declared threshold.
        interval: 95 % interval (for fairness, corrected for multiplicity) where the gate has one.
        detail: one sentence for people: groups with counts, baseline used, why insufficient.
    """

    gate: str
    outcome: Outcome
    value: float | None = None
    bound: float | None = None
    interval: tuple[float, float] | None = None
    detail: str = ""
