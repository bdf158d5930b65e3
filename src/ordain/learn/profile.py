"""Make the reference profile: counts over frozen cells, and means of products of coded columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ordain.core.artifacts.profile import (
    VERSION,
    Categories,
    Column,
    Dimension,
    Fold,
    Numbers,
    Profile,
    dimensions,
    pairs,
)
from ordain.core.artifacts.signature import Feature, Signature
from ordain.learn import coding

BINS = 10
MOST_CATEGORIES = 50
EXTREMES = (0.001, 0.999)


def profile(
    train: Mapping[str, NDArray[Any]],
    target: NDArray[Any],
    answers: NDArray[np.float64],
    signature: Signature,
) -> Profile:
    """What windows of the prediction log will be compared with.

    Args:
        train: the packed training rows.
        target: their class numbers, or true values.
        answers: on the holdout rows, which the model did not see; [M, answer columns].
        signature: names and places.
    """
    features: dict[str, Column] = {}
    codes: dict[str, coding.Codes] = {}
    for feature in signature.features:
        values, name = train[feature.tensor][:, feature.index], feature.name
        if feature.tensor == "strings":
            features[name], codes[name] = _categories(values, feature, signature.missing_string)
        else:
            features[name] = _numbers(values)
            codes[name] = coding.numbers(values, _numbers(values))
    open_ones = {each.name: features[each.name] for each in signature.features if not each.personal}
    return Profile(
        version=VERSION,
        rows=len(target),
        answer_rows=len(answers),
        features=features,
        answers={name: _numbers(answers[:, at]) for at, name in enumerate(signature.answer_columns)},
        target=_target(target, signature),
        coded=tuple(open_ones),
        joint=_joint(codes, dimensions(open_ones)),
    )


def _numbers(column: NDArray[Any]) -> Numbers:
    values = column.astype(np.float32).astype(np.float64)
    present = np.sort(values[~np.isnan(values)])
    missing = len(values) - len(present)
    if not len(present):
        return Numbers(edges=(), counts=(0,), missing=missing)
    low, high = (float(each) for each in np.quantile(present, EXTREMES, method="inverted_cdf"))
    made = Numbers(edges=_edges(present), counts=(), missing=missing, low=low, high=high)
    counts = np.bincount(coding.numbers(present, made), minlength=len(made.edges) + 1)
    return Numbers(
        edges=made.edges,
        counts=tuple(counts[: len(made.edges) + 1].tolist()),
        missing=missing,
        low=low,
        high=high,
        outside=int(coding.outside(present, made).sum()),
    )


def _edges(ascending: NDArray[np.float64]) -> tuple[float, ...]:
    """Between the values at the deciles and the next larger ones: no value lies on an edge.

    On an edge, the last digit of a float would decide the bin of every row that shares the value.
    """
    steps = np.arange(1, BINS) / BINS
    at = np.unique(np.quantile(ascending, steps, method="inverted_cdf"))
    after = np.searchsorted(ascending, at, side="right")
    inner = after < len(ascending)
    middles = (at[inner] + ascending[after[inner]]) / 2
    return tuple(float(each) for each in middles)


def _categories(values: NDArray[Any], feature: Feature, missing: str) -> tuple[Categories, coding.Codes]:
    text = pd.Series(values.astype(str))
    counts = text.value_counts()
    absent = int(counts.pop(missing)) if missing in counts.index else 0
    declared = dict.fromkeys(feature.categories or (), 0)
    seen = {str(name): int(count) for name, count in counts.items()}
    ranked = sorted(seen, key=lambda name: (name not in declared, -seen[name], name))
    kept = ranked if feature.categories is not None else ranked[:MOST_CATEGORIES]
    if feature.personal and feature.categories is None:
        kept = []  # the profile ships: what people wrote about themselves must not
    made = Categories(
        categories={**declared, **{name: seen[name] for name in kept}},
        missing=absent,
        other=sum(seen.values()) - sum(seen[name] for name in kept),
    )
    places = {name: place for place, name in enumerate(made.categories)} | {missing: len(made.categories) + 1}
    codes = text.map(places).fillna(len(made.categories)).to_numpy()
    return made, np.asarray(codes, dtype=np.int64)


def _target(target: NDArray[Any], signature: Signature) -> Column:
    if signature.classes is None:
        return _numbers(target)
    counts = np.bincount(target.astype(np.intp), minlength=len(signature.classes))
    return Categories(categories=dict(zip(signature.classes, counts.tolist(), strict=True)))


def _joint(codes: Mapping[str, coding.Codes], chosen: tuple[Dimension, ...]) -> tuple[Fold, Fold]:
    rows = coding.coded(codes, chosen)
    return _fold(rows[0::2]), _fold(rows[1::2])


def _fold(rows: NDArray[np.float64]) -> Fold:
    count = max(len(rows), 1)
    means, products = rows.sum(axis=0) / count, rows.T @ rows / count
    return Fold(
        rows=len(rows),
        means=tuple(np.round(means, 6).tolist()),
        products=tuple(round(float(products[pair]), 6) for pair in pairs(rows.shape[1])),
    )
