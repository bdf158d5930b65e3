"""Points of the ROC and calibration curves, thinned to what a plot can show."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ordain.core.canonical import rounded
from ordain.learn.metrics import Answers, calibration_bins

MOST_POINTS = 200
ROC_COLUMNS = ("label", "false_positive_rate", "true_positive_rate")
CALIBRATION_COLUMNS = ("predicted", "observed", "rows")


class Points(NamedTuple):
    """Rows of one plot file, and the order of its columns."""

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]


def curve_files(answers: Answers, classes: tuple[str, ...] | None) -> dict[str, Points]:
    """The plot files of a model: `calibration.csv` and `roc.csv` for two classes, else none."""
    if answers.task != "binary":
        return {}
    return {
        "calibration.csv": Points(CALIBRATION_COLUMNS, calibration_points(answers)),
        "roc.csv": Points(ROC_COLUMNS, roc_points(answers, classes)),
    }


def roc_points(answers: Answers, classes: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """False and true positive rate at up to 200 thresholds, per class against the rest.

    Of two classes only the positive one is drawn; a regression has no curve (an empty list).
    """
    if classes is None:
        return []
    first = 1 if answers.task == "binary" else 0
    points = []
    for place in range(first, len(classes)):
        for false, true in _roc(answers, place):
            points.append({"label": classes[place], ROC_COLUMNS[1]: false, ROC_COLUMNS[2]: true})
    return points


def _roc(answers: Answers, place: int) -> list[tuple[float, float]]:
    scores = answers.output[:, place]
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], (answers.target == place)[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    true, false = np.cumsum(hits)[last], np.cumsum(~hits)[last]
    if not len(last) or not true[-1] or not false[-1]:
        return []
    x, y = np.r_[0.0, false / false[-1]], np.r_[0.0, true / true[-1]]
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
    return [(rounded(float(x[each])), rounded(float(y[each]))) for each in kept]


def calibration_points(answers: Answers) -> list[dict[str, Any]]:
    """Mean prediction against mean outcome in ten bins of equal count.

    For several classes, the largest probability against the share of right labels; for a regression,
    predicted against true values.
    """
    if answers.task == "binary":
        scores, outcome = answers.output[:, 1], (answers.target == 1).astype(np.float64)
    elif answers.task == "multiclass":
        scores, outcome = answers.output.max(axis=1), (answers.labels == answers.target).astype(np.float64)
    else:
        scores, outcome = answers.output[:, 0], answers.target.astype(np.float64)
    order, starts = calibration_bins(scores)
    points = []
    for part in np.split(order, starts[1:]):
        means = (rounded(float(scores[part].mean())), rounded(float(outcome[part].mean())), len(part))
        points.append(dict(zip(CALIBRATION_COLUMNS, means, strict=True)))
    return points
