"""The evidence for the parity gate: what the training pipeline itself answers, row by row.

The rows are every holdout row (inputs only) and probes made from some of them: what a holdout rarely
shows and a served model surely meets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ordain.core.artifacts.signature import Feature, Signature

KIND = "_kind"
PROBED_ROWS = 10
UNSEEN = ("never seen before", "Ünsëen ✓", " ")


def inputs(holdout: pd.DataFrame, signature: Signature) -> pd.DataFrame:
    """Every holdout row and the probes, with `_kind` `holdout` or `probe`.

    Probes: each string feature unseen and missing, each number missing and at the contract's limits,
    in turn and all at once, on up to ten rows each.
    """
    names = [each.name for each in signature.features]
    rows = holdout[names].reset_index(drop=True)
    some = rows.head(PROBED_ROWS)
    probes = []
    for feature in signature.features:
        for value in probe_values(feature):
            changed = some.copy()
            changed[feature.name] = pd.Series([value] * len(some), dtype=rows[feature.name].dtype)
            probes.append(changed)
    every = some.head(1).copy()
    for feature in signature.features:
        every[feature.name] = pd.Series([None], dtype=rows[feature.name].dtype)
    joined = pd.concat([rows, *probes, every], ignore_index=True)
    joined[KIND] = ["holdout"] * len(rows) + ["probe"] * (len(joined) - len(rows))
    return joined


def probe_values(feature: Feature) -> list[Any]:
    """Values worth trying in a column: missing, unseen, at the limits."""
    if feature.type == "string":
        return [None, *UNSEEN]
    limits = [each for each in (feature.min, feature.max) if each is not None]
    if feature.type == "integer":
        return [None, *(int(each) for each in limits)]
    return [None, *limits]


def with_answers(rows: pd.DataFrame, answers: NDArray[np.float64], signature: Signature) -> pd.DataFrame:
    """The frame of `reference.parquet`: inputs, `_kind`, and the training pipeline's own answers."""
    columns = [f"reference_{each}" for each in signature.answer_columns]
    return pd.concat([rows, pd.DataFrame(answers, columns=columns)], axis=1)


def reference_answers(reference: pd.DataFrame, signature: Signature) -> NDArray[np.float64]:
    """The answers in a `reference.parquet`."""
    return reference[[f"reference_{each}" for each in signature.answer_columns]].to_numpy(dtype="float64")


def largest_difference(ours: NDArray[Any], reference: NDArray[np.float64], task: str) -> float:
    """How far the graph is from the training pipeline at its worst; NaN when either answered NaN.

    For probabilities the absolute difference; for a regression relative to the larger of the answer and
    the answers' standard deviation, so that neither units nor answers near 0 decide.
    """
    if ours.shape != reference.shape or not len(ours):
        return float("nan")
    gap = np.abs(ours.astype(np.float64) - reference)
    if task == "regression":
        scale = np.maximum(np.abs(reference), reference.std())
        with np.errstate(divide="ignore"):
            gap = np.divide(gap, scale, out=np.zeros_like(gap), where=gap != 0)  # NaN is not 0: it stays
    return float(gap.max())
