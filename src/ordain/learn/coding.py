"""From a column's values to the codes that a reference profile counts: the same in training and watching."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ordain.core.artifacts.profile import Dimension, Numbers

Codes = NDArray[np.int64]
FEW = 32  # edges


def numbers(values: NDArray[Any], column: Numbers) -> Codes:
    """The bin of each value; NaN is missing.

    Args:
        values: 32-bit floats, as the graph takes them, so that equal values fall into equal bins.
    """
    return _codes(_wide(values), column)


def outside(values: NDArray[Any], column: Numbers) -> NDArray[np.bool_]:
    """Which values lie beyond the reference's own extremes; NaN does not."""
    return _beyond(_wide(values), column)


def placed(values: NDArray[Any], column: Numbers) -> tuple[Codes, NDArray[np.bool_]]:
    """Both of the above."""
    wide = _wide(values)
    return _codes(wide, column), _beyond(wide, column)


def _wide(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def _codes(wide: NDArray[np.float64], column: Numbers) -> Codes:
    if len(column.edges) > FEW:
        codes = np.searchsorted(np.asarray(column.edges), wide, side="left")
    else:  # comparing with each edge is five times as fast as a search, whose branches nothing predicts
        codes = np.zeros(len(wide), dtype=np.int8)
        for edge in column.edges:
            codes += wide > edge
    return np.where(np.isnan(wide), len(column.counts) + 1, codes).astype(np.int64, copy=False)


def _beyond(wide: NDArray[np.float64], column: Numbers) -> NDArray[np.bool_]:
    if column.low is None or column.high is None:
        return np.zeros(len(wide), dtype=np.bool_)
    return (wide < column.low) | (wide > column.high)


def coded(codes: Mapping[str, Codes], chosen: tuple[Dimension, ...]) -> NDArray[np.float64]:
    """Rows of dimensions, [N, dimensions].

    Args:
        codes: of every column that a dimension names.
        chosen: the dimensions.
    """
    if not chosen:
        return np.zeros((len(next(iter(codes.values()), ())), 0))
    return np.column_stack([np.asarray(each.values)[codes[each.column]] for each in chosen])
