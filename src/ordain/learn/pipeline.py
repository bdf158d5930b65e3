"""Preprocessing and estimator as one scikit-learn pipeline over packed matrices.

Every step here has an ONNX counterpart that agrees to the last bits of 32-bit floats (see
`learn.convert`): numbers are 32-bit before anything is fitted, nothing is ever sparse, and missing
strings are a category like any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ordain.core.artifacts.signature import Signature
from ordain.core.specs.spec import Candidate
from ordain.learn.estimators import build, needs_scaling

MOST_CATEGORIES = 50


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What to fit: a candidate for a signature, with a seed."""

    signature: Signature
    candidate: Candidate
    seed: int


class MissingFlags(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """1.0 where a number is missing. (Scikit-learn's own indicator has no ONNX counterpart.)"""

    def fit(self, x: Any, y: Any = None) -> MissingFlags:
        """Nothing to learn but the width."""
        self.n_features_in_ = x.shape[1]
        return self

    def transform(self, x: Any) -> NDArray[np.float32]:
        """The flags, float32, [N, F]."""
        return np.isnan(np.asarray(x, dtype=np.float32)).astype(np.float32)


def joined(tensors: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """Both matrices side by side, strings first, under the numbers 0, 1, 2, … that the steps select."""
    parts = []
    width = 0
    for name in ("strings", "floats"):
        if name in tensors:
            matrix = tensors[name]
            parts.append(pd.DataFrame(matrix, columns=range(width, width + matrix.shape[1])))
            width += matrix.shape[1]
    return pd.concat(parts, axis=1)


def assemble(recipe: Recipe, tensors: Mapping[str, NDArray[Any]]) -> Pipeline:
    """The unfitted pipeline.

    Args:
        recipe: what to fit.
        tensors: the packed training rows, from which undeclared categories are taken.
    """
    strings = recipe.signature.of("strings")
    nullable = [len(strings) + each.index for each in recipe.signature.of("floats") if each.nullable]
    numbers = [len(strings) + each.index for each in recipe.signature.of("floats")]
    steps: list[tuple[str, Any, list[int]]] = []
    if strings:
        encoder = OneHotEncoder(
            categories=categories(recipe.signature, tensors),
            handle_unknown="ignore",
            sparse_output=False,
            dtype=np.float32,
        )
        steps.append(("categories", encoder, list(range(len(strings)))))
    if numbers:
        steps.append(("numbers", _number_steps(needs_scaling(recipe.candidate)), numbers))
    if nullable:
        steps.append(("missing", MissingFlags(), nullable))
    prepare = ColumnTransformer(steps, sparse_threshold=0)
    estimator = build(recipe.candidate, recipe.signature.task, recipe.seed)
    return Pipeline([("prepare", prepare), ("estimator", estimator)])


def _number_steps(scaled: bool) -> Any:
    # Every number is imputed, nullable or not: a missing one then never makes the graph answer nonsense.
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return Pipeline([("impute", imputer), ("scale", StandardScaler())]) if scaled else imputer


def categories(signature: Signature, tensors: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """The categories of each string feature: the declared ones, else the most frequent of the rows.

    What is none of them is all zeros, in training as in the graph.
    """
    chosen = []
    for feature in signature.of("strings"):
        if feature.categories is not None:
            names = set(feature.categories) | ({signature.missing_string} if feature.nullable else set())
        else:
            counts = Counter(tensors["strings"][:, feature.index].tolist())
            ranked = sorted(counts, key=lambda each: (-counts[each], each))
            names = set(ranked[:MOST_CATEGORIES])
        chosen.append(np.array(sorted(names), dtype=object))
    return chosen


def fit(recipe: Recipe, tensors: Mapping[str, NDArray[Any]], target: NDArray[Any]) -> Pipeline:
    """The pipeline fitted on packed rows, on one thread.

    Args:
        recipe: what to fit.
        tensors: packed rows (`learn.packing.pack`).
        target: class numbers, or float64 for a regression.
    """
    pipeline = assemble(recipe, tensors)
    with threadpool_limits(limits=1):
        pipeline.fit(joined(tensors), target)
    return pipeline


def predict(pipeline: Pipeline, tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Probabilities [N, classes], or predictions [N, 1] of a regressor, on one thread."""
    frame = joined(tensors)
    with threadpool_limits(limits=1):
        if hasattr(pipeline, "predict_proba"):
            return np.asarray(pipeline.predict_proba(frame), dtype=np.float64)
        return np.asarray(pipeline.predict(frame), dtype=np.float64).reshape(-1, 1)
