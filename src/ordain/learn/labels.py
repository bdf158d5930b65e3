"""Labels: how a target's values become text, and in which order a model's classes stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ordain.core.specs.spec import Data
from ordain.errors import UserError

FALSE_TRUE = ("false", "true")


def labels_of(column: pd.Series[Any]) -> list[str]:
    """Each value as a label: text as it is, whole numbers without a point, booleans in lower case."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return [FALSE_TRUE[bool(each)] if not pd.isna(each) else "" for each in column]
    if pd.api.types.is_float_dtype(column.dtype):
        return [str(int(each)) if float(each).is_integer() else repr(float(each)) for each in column]
    return [str(each) for each in column]


def classes_of(task: str, data: Data, seen: Sequence[str]) -> tuple[str, ...]:
    """Every class, in the order of the model's output: sorted, but of two the positive one last.

    Args:
        task: `binary` or `multiclass`.
        data: names the target, its categories and the positive label.
        seen: the labels that occur.

    Raises:
        UserError: a binary target that does not have two labels, the positive one among them.
    """
    declared = data.columns[data.target].categories
    classes = sorted(declared if declared is not None else set(seen))
    if task != "binary":
        return tuple(classes)
    if len(classes) != 2:
        listed = ", ".join(f"`{each}`" for each in classes[:6])
        raise UserError(
            f"a binary target has two labels, and `{data.target}` has {len(classes)}: {listed}",
            fix="set `task: multiclass`, or correct the data",
        )
    positive = positive_of(data, classes)
    return (*(each for each in classes if each != positive), positive)


def positive_of(data: Data, classes: Sequence[str]) -> str:
    """The positive label; `1` and `0` are understood for a boolean target.

    Raises:
        UserError: when it is none of the classes.
    """
    positive = data.positive or ""
    if data.columns[data.target].type == "boolean":
        positive = {"1": "true", "0": "false"}.get(positive, positive.lower())
    if positive not in classes:
        listed = ", ".join(f"`{each}`" for each in classes)
        raise UserError(
            f"the positive label `{positive}` is none of {listed}",
            fix=f"set `data.positive` to a label of `{data.target}` in models.yaml",
        )
    return positive


def encoded(labels: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Each label's place among the classes.

    Raises:
        UserError: for a label that is no class.
    """
    places = {each: place for place, each in enumerate(classes)}
    strange = sorted(set(labels) - set(classes))
    if strange:
        raise UserError(
            f"the label `{strange[0]}` is none of the model's classes", fix="run `ordain run` again"
        )
    return np.fromiter((places[each] for each in labels), dtype=np.int64, count=len(labels))
