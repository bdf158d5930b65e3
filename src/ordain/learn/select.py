"""Choose the champion by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ordain.core.metrics import METRICS
from ordain.errors import UserError


def select(reports: Mapping[str, Mapping[str, Any]], metric: str) -> list[dict[str, Any]]:
    """Rank the candidates, best first; equal scores by name.

    Args:
        reports: each candidate's `metrics.json` (six digits, so noise in the last bits decides nothing).
        metric: decides.

    Returns:
        one mapping a candidate: `candidate`, `score`, `interval` (its own, 95 %; None where undefined).

    Raises:
        UserError: no candidate, an unknown metric, or one that is undefined for a candidate.
    """
    if not reports:
        raise UserError("there is no candidate to choose from", fix="add one to params.yaml")
    scores = {name: _score(name, reports[name], metric) for name in sorted(reports)}
    sign = -1.0 if METRICS[metric].greater_is_better else 1.0
    return [
        {"candidate": name, "score": scores[name], "interval": _interval(reports[name], metric)}
        for name in sorted(scores, key=lambda name: (sign * scores[name], name))
    ]


def _score(name: str, report: Mapping[str, Any], metric: str) -> float:
    metrics = report["metrics"]
    if metric not in metrics:
        raise UserError(
            f"`{metric}` is not a metric of this task",
            where="models.yaml",
            fix=f"set `selection.metric` to one of {', '.join(sorted(metrics))}",
        )
    if metrics[metric] is None:
        raise UserError(
            f"`{metric}` of candidate `{name}` is undefined on the training side",
            where=f"candidates/{name}/metrics.json",
            fix="select by another metric, or look at the labels in data/contract.json",
        )
    return float(metrics[metric])


def _interval(report: Mapping[str, Any], metric: str) -> list[float] | None:
    ends = report["intervals"][metric]
    return None if ends is None else [ends["low"], ends["high"]]
