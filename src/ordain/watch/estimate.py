"""Performance without labels, from calibrated probabilities alone.

Where a probability of 0.8 means that four of five such rows are positive, a histogram of probabilities
says how many true and false answers to expect on either side of any threshold, and so every metric that is
made of these counts (confidence-based performance estimation; Guillory et al. 2021, Garg et al. 2022).
The interval is that of the metric which labels of these very rows would give: outcomes are drawn from the
probabilities, many times. Probabilities are never quite right, so outcomes are also drawn from ones that are
too high, too low, too bold and too timid by the calibration error, and the interval holds all of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ordain.core.canonical import rounded
from ordain.core.drift.measured import Estimate, Measurement
from ordain.core.gating.gates import finite

Floats = NDArray[np.float64]
DRAWS = 400
SEED = 0
ENDS = (2.5, 97.5)


def _roc_auc(positive: Floats, negative: Floats, _: int) -> Floats:
    """Chance that a positive row has the higher probability, ties counting half; [draws, bins] in."""
    below = np.cumsum(negative, axis=1) - negative
    area: Floats = (positive * (below + negative / 2)).sum(axis=1)
    area /= positive.sum(axis=1) * negative.sum(axis=1)
    return area


def _accuracy(positive: Floats, negative: Floats, cut: int) -> Floats:
    right: Floats = positive[:, cut:].sum(axis=1) + negative[:, :cut].sum(axis=1)
    right /= (positive + negative).sum(axis=1)
    return right


def _precision(positive: Floats, negative: Floats, cut: int) -> Floats:
    hits: Floats = positive[:, cut:].sum(axis=1)
    given = hits + negative[:, cut:].sum(axis=1)
    share: Floats = hits / given
    return share


def _recall(positive: Floats, _: Floats, cut: int) -> Floats:
    share: Floats = positive[:, cut:].sum(axis=1) / positive.sum(axis=1)
    return share


METRICS: Mapping[str, Callable[[Floats, Floats, int], Floats]] = {
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
    "roc_auc": _roc_auc,
}


def estimated(fine: NDArray[np.int64], threshold: float, error: float) -> Estimate:
    """Every metric with its interval, from a histogram of probabilities of the positive class.

    Args:
        fine: rows by bin; bins of equal width from 0 to 1.
        threshold: from which the positive label is given.
        error: mean difference of probabilities and shares of positive rows, as far as it is known.
    """
    bins = len(fine)
    middles, cut = (np.arange(bins) + 0.5) / bins, round(threshold * bins)
    expected = (fine * middles)[None, :]
    ends: dict[str, list[Floats]] = {name: [] for name in METRICS}
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {name: float(metric(expected, fine - expected, cut)[0]) for name, metric in METRICS.items()}
        for chances in _curves(fine, middles, error):
            drawn = _drawn(fine, chances)
            for name, metric in METRICS.items():
                ends[name].append(np.percentile(metric(drawn, fine - drawn, cut), ENDS))
    found = {
        name: Measurement(value=finite(values[name]), interval=_interval(np.array(ends[name])))
        for name in METRICS
    }
    return Estimate(rows=int(fine.sum()), error=rounded(error), metrics=found)


def _drawn(fine: NDArray[np.int64], chances: Floats) -> Floats:
    """Positive rows by bin, drawn many times; [DRAWS, bins]."""
    return np.random.default_rng(SEED).binomial(fine, chances, size=(DRAWS, len(fine))).astype(np.float64)


def _curves(fine: NDArray[np.int64], middles: Floats, error: float) -> list[Floats]:
    """How likely a row of each bin may be positive: as its probability says, and in four ways beside that."""
    rows = max(1, int(fine.sum()))
    centre = float(fine @ middles) / rows
    spread = float(fine @ np.abs(middles - centre)) / rows
    share = error / spread if spread else 0.0
    curves = (
        middles + error,
        middles - error,
        *(middles + way * share * (middles - centre) for way in (1, -1)),
    )
    return [middles, *(np.clip(each, 0.0, 1.0) for each in curves if error)]


def _interval(ends: Floats) -> tuple[float, float] | None:
    """From the lowest to the highest end over all curves, [curves, 2]; None where a metric is undefined."""
    if not np.isfinite(ends).all():
        return None
    return round(float(ends[:, 0].min()), 6), round(float(ends[:, 1].max()), 6)
