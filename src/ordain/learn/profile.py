"""The reference profile for drift: what inputs and answers looked like when the model was made.

Bin edges are frozen here. Drift that is measured with edges from the reference and the current rows
together vanishes when a single outlier widens them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ordain.core.canonical import rounded
from ordain.core.signature import Feature, Signature

BINS = 10
MOST_CATEGORIES = 50


def profile(
    train: Mapping[str, NDArray[Any]], answers: NDArray[np.float64], signature: Signature
) -> dict[str, Any]:
    """The mapping of `profile.json`.

    Args:
        train: the packed training rows, for the features.
        answers: on the holdout rows, which the model did not see, for the answers.
        signature: names and places.

    Returns:
        per feature, `missing` and either `edges` and `counts` (bin i holds values above edge i-1 up to
        edge i; one more count than edges) or `categories` and `other`; per answer column the same.
    """
    rows = len(next(iter(train.values())))
    features = {}
    for feature in signature.features:
        column = train[feature.tensor][:, feature.index]
        if feature.tensor == "strings":
            features[feature.name] = _categories(column, feature, signature.missing_string)
        else:
            features[feature.name] = _numbers(column)
    columns = {
        name: _histogram(answers[:, place].astype(np.float64))
        for place, name in enumerate(signature.answer_columns)
    }
    return {
        "version": 1,
        "rows": rows,
        "features": features,
        "answers": {"rows": len(answers), "columns": columns},
    }


def _numbers(column: NDArray[Any]) -> dict[str, Any]:
    values = column.astype(np.float64)
    present = values[~np.isnan(values)]
    found: dict[str, Any] = {"kind": "number", "missing": int(np.isnan(values).sum())}
    return {**found, **_histogram(present)}


def _histogram(values: NDArray[np.float64]) -> dict[str, Any]:
    """Quantile edges (values that occur), counts, and the quantiles' own figures."""
    if not len(values):
        return {"edges": [], "counts": [0]}
    steps = np.arange(1, BINS) / BINS
    edges = np.unique(np.quantile(values, steps, method="inverted_cdf"))
    edges = np.unique([rounded(float(each)) for each in edges if each < values.max()])
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "mean": rounded(float(values.mean())),
        "deviation": rounded(float(values.std())),
    }


def _categories(column: NDArray[Any], feature: Feature, missing: str) -> dict[str, Any]:
    counts = pd.Series(column.astype(str)).value_counts()
    absent = int(counts.pop(missing)) if missing in counts.index else 0
    declared = dict.fromkeys(feature.categories or (), 0)
    seen = {str(name): int(count) for name, count in counts.items()}
    ranked = sorted(seen, key=lambda name: (name not in declared, -seen[name], name))
    kept = ranked if feature.categories is not None else ranked[:MOST_CATEGORIES]
    if feature.personal and feature.categories is None:
        kept = []  # the profile ships: what people wrote about themselves must not
    return {
        "kind": "category",
        "missing": absent,
        "categories": {**declared, **{name: seen[name] for name in kept}},
        "other": sum(seen.values()) - sum(seen[name] for name in kept),
    }
