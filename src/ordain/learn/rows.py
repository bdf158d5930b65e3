"""Packed training rows, and the signature that they are packed by."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ordain.core.artifacts.signature import Signature, Task, build
from ordain.core.specs.spec import Data
from ordain.learn.ingest import ID
from ordain.learn.labels import classes_of, encoded, labels_of
from ordain.learn.packing import pack


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Packed rows with their targets.

    Attributes:
        ids: `_id` of each row.
        tensors: see `learn.packing.pack`.
        target: class numbers (int64), or float64 for a regression; [N].
    """

    ids: list[str]
    tensors: dict[str, NDArray[Any]]
    target: NDArray[Any]

    def take(self, places: NDArray[Any]) -> Rows:
        """The rows at these places (numbers or a mask)."""
        numbers = np.arange(len(self.ids))[places]
        return Rows(
            ids=[self.ids[place] for place in numbers],
            tensors={name: matrix[numbers] for name, matrix in self.tensors.items()},
            target=self.target[numbers],
        )


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's declaration says that training needs."""

    name: str = msgspec.field(name="model")
    task: Task
    data: Data
    threshold: float = 0.5


def signature_of(target: pd.Series[Any], model: Model) -> Signature:
    """The signature of a model; undeclared classes are taken from the target's values."""
    classes = None
    if model.task != "regression":
        labels = set(labels_of(target))
        classes = classes_of(model.task, model.data, sorted(labels))
    return build(model.name, model.task, model.data, classes, model.threshold)


def rows_of(frame: pd.DataFrame, signature: Signature, target: str) -> Rows:
    """Pack a frame that has every feature, the target and `_id`."""
    column = frame[target]
    if signature.classes is None:
        values: NDArray[Any] = column.to_numpy(dtype="float64")
    else:
        values = encoded(labels_of(column), signature.classes)
    return Rows(ids=frame[ID].tolist(), tensors=pack(frame, signature), target=values)
