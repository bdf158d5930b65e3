"""Packed matrices of many rows, judged column by column instead of value by value.

As in `runtime.decoders`, a request is either within the contract, or left to the reference.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ordain.core.artifacts.signature import FLOAT_MAX, Feature, Signature
from ordain.runtime.admission import Packed
from ordain.runtime.contract import DAYS
from ordain.runtime.decoders import KINDS, NOT_DECODED, Envelope, Question


class Strings(msgspec.Struct, tag_field="name", tag="strings"):
    """The graph's matrix of text, flat."""

    shape: tuple[int, int]
    datatype: Literal["BYTES"]
    data: list[str]


class Floats(msgspec.Struct, tag_field="name", tag="floats"):
    """The graph's matrix of numbers, flat; a missing one is null."""

    shape: tuple[int, int]
    datatype: Literal["FP32", "FP64"]
    data: list[float | None]


class Matrices(Envelope, frozen=True, kw_only=True):
    """A request of the graph's own tensors."""

    inputs: list[Strings | Floats]


_DECODER = msgspec.json.Decoder(Matrices)


class BulkDecoder:
    """`POST …/infer` with the graph's own two tensors, flat.

    Args:
        signature: the model's.
    """

    def __init__(self, signature: Signature) -> None:
        self._widths = {name: each.width for name, each in signature.graph.inputs.items()}
        text, numbers = signature.of("strings"), signature.of("floats")
        self._texts = [_TextColumn(each, signature.missing_string) for each in text]
        self._low = np.array([_bound(each, each.min, -FLOAT_MAX) for each in numbers])
        self._high = np.array([_bound(each, each.max, FLOAT_MAX) for each in numbers])
        self._nullable = np.array([each.nullable for each in numbers], dtype=bool)
        self._kinds = [(place, KINDS[each.type]) for place, each in enumerate(numbers) if each.type in KINDS]
        self._whole = np.array([each.type != "number" for each in numbers], dtype=bool)
        # A column may bear the name of a matrix, and a range over these types is rare: the reference looks.
        odd = any(
            each.type in {"boolean", "date"} and (each.min, each.max) != (None, None) for each in numbers
        )
        self._able = not odd and not {each.name for each in signature.features} & set(self._widths)

    def __call__(self, body: bytes) -> Question | None:
        """The request; None when the reference has to look."""
        if not self._able:
            return None
        try:
            request = _DECODER.decode(body)
        except NOT_DECODED:
            return None
        found = {type(each).__struct_config__.tag: each for each in request.inputs}
        if len(found) != len(request.inputs) or found.keys() != self._widths.keys():
            return None
        rows = request.inputs[0].shape[0]
        for name, width in self._widths.items():
            if rows < 1 or found[name].shape != (rows, width) or len(found[name].data) != rows * width:
                return None
        strings: list[Any] = found["strings"].data if "strings" in found else []
        floats: list[Any] = found["floats"].data if "floats" in found else []
        if not self._holds_texts(strings) or not self._holds_numbers(floats, rows):
            return None
        for place, kind in self._kinds:
            column = floats[place :: len(self._low)]
            floats[place :: len(self._low)] = [None if each is None else kind(each) for each in column]
        return Question(Packed(rows, strings, floats), envelope=request)

    def _holds_texts(self, data: list[str]) -> bool:
        step = len(self._texts)
        return all(column.holds(data[place::step]) for place, column in enumerate(self._texts))

    def _holds_numbers(self, data: list[float | None], rows: int) -> bool:
        if not self._widths.get("floats"):
            return True
        values: NDArray[np.float64] = np.array(data, dtype=np.float64).reshape(rows, -1)
        absent = np.isnan(values)
        if absent.any() and (absent & ~self._nullable).any():
            return False
        whole = values[:, self._whole]
        held = (values >= self._low) & (values <= self._high) | absent
        return bool(held.all() and ((whole == np.floor(whole)) | absent[:, self._whole]).all())


class _TextColumn:
    """What a column of text may hold."""

    def __init__(self, feature: Feature, missing: str) -> None:
        self._missing = missing
        self._anything = feature.nullable and missing == ""
        self._known: frozenset[str] | None = None
        if feature.categories is not None:
            known = frozenset(feature.categories) - {"", missing}
            self._known = known | {missing} if feature.nullable else known

    def holds(self, values: list[str]) -> bool:
        """Whether every value is within the contract, and is the one that the graph takes."""
        if self._known is not None:
            return self._known.issuperset(values)
        return self._anything or (all(values) and self._missing not in values)


def _bound(feature: Feature, limit: float | None, otherwise: float) -> float:
    if feature.type in {"boolean", "date"}:
        return (0.0, 1.0)[otherwise > 0] if feature.type == "boolean" else DAYS[otherwise > 0]
    return otherwise if limit is None else float(np.clip(limit, -FLOAT_MAX, FLOAT_MAX))
