"""Performance without labels, from calibrated probabilities alone.

Where a probability of 0.8 means that four of five such rows are positive, a histogram of probabilities
says how many true and false answers to expect on either side of any threshold, and so every metric that is
made of these counts (confidence-based performance estimation; Guillory et al. 2021, Garg et al. 2022).
The interval is that of the metric which labels of these very rows would give: outcomes are drawn from the
probabilities, many times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

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


def estimated(fine: NDArray[np.int64], threshold: float) -> Estimate:
    """Every metric with its interval, from a histogram of probabilities of the positive class.

    Args:
        fine: rows by bin; bins of equal width from 0 to 1.
        threshold: from which the positive label is given.
    """
    bins = len(fine)
    middles, cut = (np.arange(bins) + 0.5) / bins, round(threshold * bins)
    expected = (fine * middles)[None, :]
    drawn = np.random.default_rng(SEED).binomial(fine, middles, size=(DRAWS, bins)).astype(np.float64)
    found = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, metric in METRICS.items():
            value = float(metric(expected, fine - expected, cut)[0])
            draws = metric(drawn, fine - drawn, cut)
            found[name] = Measurement(value=finite(value), interval=_interval(draws))
    return Estimate(rows=int(fine.sum()), metrics=found)


def _interval(draws: Floats) -> tuple[float, float] | None:
    if not np.isfinite(draws).all():
        return None
    low, high = np.percentile(draws, ENDS)
    return round(float(low), 6), round(float(high), 6)
