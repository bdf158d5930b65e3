"""Every metric once, over a matrix of row weights.

A row of the matrix is one resample of the data (how often each row was drawn), so a bootstrap of a
thousand resamples is a handful of array operations and the plain metric is the special case of ones.
Definitions are scikit-learn's of the same names, and tests hold them equal to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 10
TINY = float(np.finfo(np.float64).eps)


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered on labelled rows.

    Attributes:
        task: `binary`, `multiclass` or `regression`.
        target: class numbers (of two, 1 is the positive one), or the true values; [N].
        output: probabilities [N, classes], or predictions [N, 1].
        threshold: probability from which the positive label is given.
    """

    task: str
    target: NDArray[Any]
    output: Floats
    threshold: float = 0.5

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class number given to each row."""
        if self.task == "binary":
            return (self.output[:, 1] >= self.threshold).astype(np.int64)
        return np.asarray(self.output.argmax(axis=1), dtype=np.int64)

    def take(self, places: NDArray[Any]) -> Answers:
        """The rows at these places (numbers or a mask)."""
        return Answers(
            task=self.task,
            target=self.target[places],
            output=self.output[places],
            threshold=self.threshold,
        )


Measure = Callable[[Answers, Floats], Floats]


def _mean(values: NDArray[Any], weights: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Floats = weights @ values.astype(np.float64) / weights.sum(axis=1)
    return mean


def _ratio(hits: NDArray[Any], base: NDArray[Any], weights: Floats) -> Floats:
    """Weighted share of `hits` among `base`; NaN where a resample has none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = weights @ (hits & base).astype(np.float64) / (weights @ base.astype(np.float64))
    return share


def _tie_groups(scores: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order that sorts scores ascending, and where each group of equal ones starts."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    return order, starts


def _area(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> Floats:
    """Area under the ROC curve: the chance that a positive row outranks another, ties counting half."""
    order, starts = _tie_groups(scores)
    weighed = weights[:, order]
    ones = np.add.reduceat(weighed * positive[order], starts, axis=1)
    zeros = np.add.reduceat(weighed * ~positive[order], starts, axis=1)
    below = np.cumsum(zeros, axis=1) - zeros
    with np.errstate(invalid="ignore", divide="ignore"):
        area: Floats = (ones * (below + zeros / 2)).sum(axis=1) / (ones.sum(axis=1) * zeros.sum(axis=1))
    return area


def roc_auc(answers: Answers, weights: Floats) -> Floats:
    """Area under the ROC curve; for several classes the mean of one against the rest."""
    if answers.task == "binary":
        return _area(answers.target == 1, answers.output[:, 1], weights)
    classes = range(answers.output.shape[1])
    areas = [_area(answers.target == each, answers.output[:, each], weights) for each in classes]
    return np.asarray(np.mean(areas, axis=0), dtype=np.float64)


def average_precision(answers: Answers, weights: Floats) -> Floats:
    """Precision at every threshold, weighted by the recall it adds."""
    positive = answers.target == 1
    order, starts = _tie_groups(answers.output[:, 1])
    weighed = weights[:, order]
    ones = np.add.reduceat(weighed * positive[order], starts, axis=1)[:, ::-1]
    every = np.add.reduceat(weighed, starts, axis=1)[:, ::-1]
    found = np.cumsum(ones, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.nan_to_num(found / np.cumsum(every, axis=1))
        mean: Floats = (ones * precision).sum(axis=1) / found[:, -1]
    return mean


def log_loss(answers: Answers, weights: Floats) -> Floats:
    """Mean negative logarithm of the probability given to the true class."""
    clipped = np.clip(answers.output, TINY, 1 - TINY)
    clipped = clipped / clipped.sum(axis=1, keepdims=True)
    return _mean(-np.log(clipped[np.arange(len(answers.target)), answers.target]), weights)


def brier(answers: Answers, weights: Floats) -> Floats:
    """Mean squared difference of probability and outcome."""
    return _mean((answers.output[:, 1] - (answers.target == 1)) ** 2, weights)


def accuracy(answers: Answers, weights: Floats) -> Floats:
    """Share of rows that get their true label."""
    return _mean(answers.labels == answers.target, weights)


def balanced_accuracy(answers: Answers, weights: Floats) -> Floats:
    """Mean recall of the classes."""
    right = answers.labels == answers.target
    recalls = [_ratio(right, answers.target == each, weights) for each in range(answers.output.shape[1])]
    return np.asarray(np.mean(recalls, axis=0), dtype=np.float64)


def precision(answers: Answers, weights: Floats) -> Floats:
    """Share of true positives among the rows given the positive label."""
    return _ratio(answers.target == 1, answers.labels == 1, weights)


def recall(answers: Answers, weights: Floats) -> Floats:
    """Share of the positive rows that are found."""
    return _ratio(answers.labels == 1, answers.target == 1, weights)


def _f1(answers: Answers, weights: Floats, each: int) -> Floats:
    given, true = answers.labels == each, answers.target == each
    both = weights @ (given & true).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        score: Floats = 2 * both / (weights @ given.astype(np.float64) + weights @ true.astype(np.float64))
    return score


def f1(answers: Answers, weights: Floats) -> Floats:
    """Harmonic mean of precision and recall."""
    return _f1(answers, weights, 1)


def f1_macro(answers: Answers, weights: Floats) -> Floats:
    """Mean F1 of the classes."""
    scores = [_f1(answers, weights, each) for each in range(answers.output.shape[1])]
    return np.asarray(np.mean(scores, axis=0), dtype=np.float64)


def calibration_bins(scores: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The order that sorts scores, and where each of ten bins of equal count starts."""
    order = np.argsort(scores, kind="stable")
    count = min(BINS, len(scores))
    starts = np.array([len(part) for part in np.array_split(order, count)]).cumsum()
    return order, np.r_[0, starts[:-1]]


def calibration_error(answers: Answers, weights: Floats) -> Floats:
    """Expected calibration error: mean gap between confidence and frequency over ten equal-count bins.

    For several classes, confidence is the largest probability and frequency is accuracy. The bins of the
    whole sample are kept in every resample.
    """
    if answers.task == "binary":
        scores, hits = answers.output[:, 1], answers.target == 1
    else:
        scores, hits = answers.output.max(axis=1), answers.labels == answers.target
    order, starts = calibration_bins(scores)
    gaps = (weights * (scores - hits))[:, order]
    error: Floats = np.abs(np.add.reduceat(gaps, starts, axis=1)).sum(axis=1) / weights.sum(axis=1)
    return error


def _errors(answers: Answers) -> Floats:
    errors: Floats = answers.output[:, 0] - answers.target
    return errors


def rmse(answers: Answers, weights: Floats) -> Floats:
    """Root of the mean squared error, in the target's units."""
    root: Floats = np.sqrt(_mean(_errors(answers) ** 2, weights))
    return root


def mae(answers: Answers, weights: Floats) -> Floats:
    """Mean absolute error, in the target's units."""
    return _mean(np.abs(_errors(answers)), weights)


def r2(answers: Answers, weights: Floats) -> Floats:
    """Share of the target's variance that the predictions explain."""
    target = answers.target.astype(np.float64)
    target = target - target.mean()  # keeps the difference of large squares exact
    spread = _mean(target**2, weights) - _mean(target, weights) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        explained: Floats = 1 - _mean(_errors(answers) ** 2, weights) / spread
    return explained


MEASURES: dict[str, dict[str, Measure]] = {
    "binary": {
        "roc_auc": roc_auc,
        "average_precision": average_precision,
        "log_loss": log_loss,
        "brier": brier,
        "accuracy": accuracy,
        "balanced_accuracy": balanced_accuracy,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "calibration_error": calibration_error,
    },
    "multiclass": {
        "roc_auc": roc_auc,
        "log_loss": log_loss,
        "accuracy": accuracy,
        "balanced_accuracy": balanced_accuracy,
        "f1_macro": f1_macro,
        "calibration_error": calibration_error,
    },
    "regression": {"rmse": rmse, "mae": mae, "r2": r2},
}


def measure(name: str, answers: Answers) -> float:
    """One metric on the rows as they are; NaN where it is undefined."""
    ones = np.ones((1, len(answers.target)))
    return float(MEASURES[answers.task][name](answers, ones)[0])
