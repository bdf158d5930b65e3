"""The same data in every process: 30 correlated columns, drifting or not. Needs only NumPy."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

NUMBERS, CATEGORIES = 24, 6
SHARES = (0.5, 0.3, 0.15, 0.04, 0.01)
NAMES = ("a", "b", "c", "d", "rare")
LOADING = 0.6  # of the common factor: any two columns correlate with 0.36
NUMBER_NAMES = [f"x{place}" for place in range(NUMBERS)]
CATEGORY_NAMES = [f"c{place}" for place in range(CATEGORIES)]


class Drift(NamedTuple):
    """What changes: `shift` of x0 in standard deviations; `rare` is the share of c0's rarest category."""

    shift: float = 0.0
    rare: float = SHARES[-1]


class Table(NamedTuple):
    """`numbers` [N, 24] floats, `categories` [N, 6] places among NAMES."""

    numbers: Any
    categories: Any


NONE = Drift()


def table(rows: int, seed: int, drift: Drift = NONE) -> Table:
    """Rows of the population, or of a drifted one."""
    source = np.random.default_rng(seed)
    common = source.standard_normal((rows, 1), dtype=np.float32)
    own = source.standard_normal((rows, NUMBERS + CATEGORIES), dtype=np.float32)
    latent = LOADING * common + np.float32(np.sqrt(1 - LOADING**2)) * own
    numbers = latent[:, :NUMBERS].copy()
    numbers[:, 0] += np.float32(drift.shift)
    ranks = _normal_below(latent[:, NUMBERS:])
    categories = np.searchsorted(np.cumsum(SHARES)[:-1], ranks)
    scale = (1 - drift.rare) / (1 - SHARES[-1])
    cuts = np.cumsum([each * scale for each in SHARES[:-1]])
    categories[:, 0] = np.searchsorted(cuts, ranks[:, 0])
    return Table(numbers, categories)


def _normal_below(values: Any) -> Any:
    """The normal distribution function (Abramowitz and Stegun 26.2.17; error below 1e-7)."""
    t = 1 / (1 + 0.2316419 * np.abs(values))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = np.exp(-(values**2) / 2) / np.sqrt(2 * np.pi) * poly
    return np.where(values >= 0, 1 - tail, tail)


SHIFTS = (0.1, 0.2, 0.3, 0.5, 1.0)
RARES = (0.02, 0.03, 0.05)
SIZES = (50, 100, 500, 1_000, 10_000, 100_000)
POWER_SIZES = (100, 1_000, 10_000)
REFERENCE = 10_000
