"""From named columns to the graph's two matrices: the same packing in training, gates and scoring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ordain.core.artifacts.signature import Feature, Signature
from ordain.errors import UserError
from ordain.learn.faults import rows_text

EPOCH = pd.Timestamp(0)
Tensors = Mapping[str, NDArray[Any]]


def pack(frame: pd.DataFrame, signature: Signature) -> dict[str, NDArray[Any]]:
    """The graph's inputs for every row.

    Args:
        frame: a column for every feature; other columns are ignored.
        signature: which column goes where.

    Returns:
        `strings` (object, [N, S]; missing is the signature's token) and `floats` (float32, [N, F];
        missing is NaN); an input without features is absent.

    Raises:
        UserError: a missing column, a value of another type, or a number that 32 bits cannot hold
            (infinities included: a graph would answer them with confidence).
    """
    absent = [each.name for each in signature.features if each.name not in frame.columns]
    if absent:
        raise UserError(f"column `{absent[0]}` is missing", fix="give every feature of the signature")
    tensors: dict[str, NDArray[Any]] = {}
    if "strings" in signature.graph.inputs:
        columns = [_strings(frame[each.name], each, signature) for each in signature.of("strings")]
        tensors["strings"] = np.column_stack(columns)
    if "floats" in signature.graph.inputs:
        numbers = [_floats(frame[each.name], each) for each in signature.of("floats")]
        tensors["floats"] = np.column_stack(numbers)
    return tensors


def _strings(column: pd.Series[Any], feature: Feature, signature: Signature) -> NDArray[Any]:
    values = column.astype(object).where(column.notna(), signature.missing_string).to_numpy(dtype=object)
    wrong = [row for row, each in enumerate(values) if not isinstance(each, str)]
    if wrong:
        raise _unfit(feature, "not text", wrong)
    return values


def _floats(column: pd.Series[Any], feature: Feature) -> NDArray[np.float32]:
    try:
        if feature.type == "date":
            days = (pd.to_datetime(column) - EPOCH) / pd.Timedelta(days=1)
            wide = days.to_numpy(dtype="float64", na_value=np.nan)
        else:
            wide = column.to_numpy(dtype="float64", na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"column `{feature.name}` holds something else than {feature.type}s: {error}"
        ) from error
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    wrong = np.flatnonzero(np.isinf(narrow)).tolist()
    if wrong:
        raise _unfit(feature, "infinite, or too large for 32 bits", wrong)
    return narrow


def _unfit(feature: Feature, what: str, rows: list[int]) -> UserError:
    return UserError(
        f"column `{feature.name}` has {len(rows)} values that are {what}: {rows_text(rows, None)}",
        fix="correct the data, give the column in another unit, or leave it out with `feature: false`",
    )
