"""The metrics that a spec may name: for which tasks, which way is better, and what each one means.

`ordain.learn.metrics` computes exactly these; a test holds the two tables equal.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Metric(Struct, frozen=True, kw_only=True):
    """One metric.

    Attributes:
        tasks: the tasks that it is defined for.
        greater_is_better: False for errors.
        meaning: one line for people.
    """

    tasks: tuple[str, ...]
    greater_is_better: bool
    meaning: str


_BINARY, _CLASSES, _NUMBERS = ("binary",), ("binary", "multiclass"), ("regression",)


def _score(tasks: tuple[str, ...], meaning: str) -> Metric:
    return Metric(tasks=tasks, greater_is_better=True, meaning=meaning)


def _error(tasks: tuple[str, ...], meaning: str) -> Metric:
    return Metric(tasks=tasks, greater_is_better=False, meaning=meaning)


METRICS: Mapping[str, Metric] = {
    "accuracy": _score(_CLASSES, "share of rows given the right label"),
    "average_precision": _score(_BINARY, "area under the precision-recall curve, as a step function"),
    "balanced_accuracy": _score(_CLASSES, "mean over the classes of the share of their rows found"),
    "brier": _error(_BINARY, "mean squared difference between probability and outcome"),
    "calibration_error": _error(
        _CLASSES, "expected calibration error: probability against observed share, ten equal-count bins"
    ),
    "f1": _score(_BINARY, "harmonic mean of precision and recall"),
    "f1_macro": _score(("multiclass",), "mean over the classes of F1"),
    "log_loss": _error(_CLASSES, "mean negative log-probability of the true label"),
    "mae": _error(_NUMBERS, "mean absolute error, in the units of the target"),
    "precision": _score(_BINARY, "share of rows given the positive label that have it"),
    "r2": _score(_NUMBERS, "share of the target's variance that is explained"),
    "recall": _score(_BINARY, "share of positive rows given the positive label"),
    "rmse": _error(_NUMBERS, "root mean squared error, in the units of the target"),
    "roc_auc": _score(
        _CLASSES, "area under the ROC curve; for more than two classes, mean of one class against the rest"
    ),
}


def metrics_of(task: str) -> tuple[str, ...]:
    """The names of a task's metrics, sorted."""
    return tuple(name for name, metric in sorted(METRICS.items()) if task in metric.tasks)
