"""Bootstrap resamples and percentile intervals, seeded and vectorised."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ordain.core.gating.statistics import Interval
from ordain.learn.metrics import MEASURES, Answers

ROUNDS = 1000
CELLS = 1_000_000  # weights held at once: what stays in the processor's cache is twice as fast
MOST_DRAWS = 200_000_000  # rows times rounds; beyond it fewer rounds do, as intervals are narrow there
FEWEST_ROUNDS = 200
ENDS = (2.5, 97.5)


def resamples(rows: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Weight matrices [rounds, rows]: how often each row is drawn in each of the bootstrap's rounds."""
    source = np.random.default_rng(seed)
    left = int(np.clip(MOST_DRAWS // max(rows, 1), FEWEST_ROUNDS, ROUNDS))
    while left:
        some = min(left, max(1, CELLS // max(rows, 1)))
        drawn = source.integers(0, rows, size=(some, rows))
        flat = (drawn + np.arange(some)[:, None] * rows).ravel()
        yield np.bincount(flat, minlength=some * rows).reshape(some, rows).astype(np.float64)
        left -= some


def percentile(values: NDArray[np.float64]) -> Interval | None:
    """The 95 % percentile interval; None when a single resample has no value."""
    if not len(values) or not np.isfinite(values).all():
        return None
    low, high = np.percentile(values, ENDS)
    return Interval(float(low), float(high))


def intervals(answers: Answers, seed: int) -> dict[str, Interval | None]:
    """The interval of every metric of the task, from the same resamples."""
    measures = MEASURES[answers.task]
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in measures}
    for weights in resamples(len(answers.target), seed):
        for name, function in measures.items():
            found[name].append(function(answers, weights))
    return {name: percentile(np.concatenate(values)) for name, values in found.items()}
