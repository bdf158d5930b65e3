"""What a canary's analysis measures: the pods of the new intent alone, against the error budget."""

from __future__ import annotations

import json
from decimal import Decimal

from ordain.core.rendering.objectives import (
    BURNS,
    LATENCY_SHARE,
    Objectives,
    decimal,
    error_share,
    shown,
    slow_share,
)
from ordain.core.value import Value

# Whatever the objective: half of all requests failing is a failed canary.
_WORST = Decimal("0.5")


class Measurement(Value, frozen=True, kw_only=True):
    """One metric of a canary's analysis; a query without an answer neither passes nor fails."""

    name: str
    query: str
    success: str
    failure: str


def canary_measurements(of: Objectives) -> tuple[Measurement, ...]:
    """Errors and slowness of the pods of the new intent alone, against the error budget."""
    info = f"ordain_model_info{{{of.series},intent={json.dumps(of.intent)}}}"
    among = f" * on(namespace, pod) group_left() {info}"
    return (
        _measurement("errors", error_share(of, "5m", among), 1 - decimal(of.availability)),
        _measurement("slow", slow_share(of, "5m", among), 1 - LATENCY_SHARE),
    )


def _measurement(name: str, query: str, budget: Decimal) -> Measurement:
    limit = shown(min(budget * BURNS[0].factor, _WORST))
    there = "len(result) > 0 && !isNaN(result[0])"
    return Measurement(
        name=name,
        query=query,
        success=f"{there} && result[0] <= {limit}",
        failure=f"{there} && result[0] > {limit}",
    )
