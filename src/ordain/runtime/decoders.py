"""The contract compiled into JSON decoders: one pass in C parses and judges what most clients send.

Each column's contract becomes a msgspec type (a category is a `Literal`, a range a bound), so a body
either decodes into values that the contract allows, or not at all. "Not at all" decides nothing: the
caller then parses the body the plain way and asks `runtime.admission`, the reference, which also knows the
words for what is wrong. Tests hold that whatever is accepted here is accepted there with equal values.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ordain.core.artifacts.signature import FLOAT_MAX, Feature, Signature
from ordain.runtime.admission import Columnar, Packed, Rows
from ordain.runtime.contract import DAYS, Violation, days

EXACT_INTEGER = 2**53
# What a whole number in a packed tensor becomes.
KINDS: dict[str, Callable[[float], float]] = {"integer": int, "boolean": bool}
NOT_DECODED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# A type without values: a column of it sends every request to the reference.
NOTHING = Annotated[int, Meta(gt=0, lt=0)]
# Datatypes that every value within the contract fits; the others are left to the reference.
DATATYPES = {
    "string": ("BYTES",),
    "number": ("FP64", "FP32"),
    "integer": ("INT64",),
    "boolean": ("BOOL",),
    "date": ("BYTES",),
}


class RequestedOutput(msgspec.Struct):
    """One entry of `outputs` in an inference request."""

    name: str
    parameters: dict[str, Any] | None = None


class Envelope(msgspec.Struct, frozen=True):
    """What an inference request says beside its tensors."""

    id: str | None = None
    outputs: list[RequestedOutput] | None = None
    parameters: dict[str, Any] | None = None


NO_ENVELOPE = Envelope()


class Question(msgspec.Struct, frozen=True):
    """An admitted request: its rows, what was let through with them, and what it says beside."""

    packed: Rows
    violations: Sequence[Violation] = ()
    envelope: Envelope = NO_ENVELOPE


def value_type(feature: Feature, missing: str) -> Any:
    """The msgspec type of a column's valid values."""
    kind: Any
    if feature.type == "string":
        kind = _text_type(feature, missing)
    elif feature.type == "integer":
        low, high = _bounds(feature, float(EXACT_INTEGER))
        kind = Annotated[int, Meta(ge=math.ceil(low), le=math.floor(high))]
    elif feature.type == "number":
        low, high = _bounds(feature, FLOAT_MAX)
        kind = Annotated[float, Meta(ge=low, le=high)]
    else:
        kind = bool if feature.type == "boolean" else dt.date
        if feature.min is not None or feature.max is not None:
            kind = NOTHING  # a range over these is rare: the reference looks
    return kind | None if feature.nullable else kind


def packed_type(feature: Feature, missing: str) -> Any:
    """The type of a column's valid values in the graph's own tensors: text, or a number for all else."""
    if feature.type == "string":
        return value_type(feature, missing)
    if feature.type not in {"number", "integer"} and (feature.min, feature.max) != (None, None):
        kind: Any = NOTHING
    elif feature.type == "boolean":
        kind = Annotated[float, Meta(ge=0, le=1, multiple_of=1)]
    else:
        low, high = _bounds(feature, FLOAT_MAX)
        kind = Annotated[float, Meta(ge=low, le=high, multiple_of=None if feature.type == "number" else 1)]
    return kind | None if feature.nullable else kind


def _text_type(feature: Feature, missing: str) -> Any:
    if feature.categories is None:
        return Annotated[str, Meta(min_length=1)] if missing == "" else NOTHING
    values = tuple(each for each in dict.fromkeys(feature.categories) if each not in {"", missing})
    return Literal[values] if values else NOTHING


def _bounds(feature: Feature, most: float) -> tuple[float, float]:
    if feature.type == "date":
        return DAYS
    low = -most if feature.min is None else max(feature.min, -most)
    return low, most if feature.max is None else min(feature.max, most)


class _Places:
    """Columns in the order of the tensors, and what of a value the types leave to do."""

    def __init__(self, signature: Signature) -> None:
        self.features = (*signature.of("strings"), *signature.of("floats"))
        self.strings = len(signature.of("strings"))
        self.missing = signature.missing_string
        text, numbers = self.features[: self.strings], self.features[self.strings :]
        self.nullable_text = [place for place, each in enumerate(text) if each.nullable]
        self.kinds = [(place, KINDS[each.type]) for place, each in enumerate(numbers) if each.type in KINDS]
        self.dates = [self.strings + place for place, each in enumerate(numbers) if each.type == "date"]

    def typed(self, row: Sequence[float | None]) -> list[float | None]:
        """The numbers of one packed row, each of the type that its column has elsewhere."""
        numbers = list(row)
        for place, kind in self.kinds:
            value = numbers[place]
            numbers[place] = None if value is None else kind(value)
        return numbers

    def finish(self, columns: list[Sequence[Any]]) -> None:
        """Give missing text its token, and dates their number, in place."""
        for place in self.nullable_text:
            if None in columns[place]:
                columns[place] = [self.missing if each is None else each for each in columns[place]]
        for place in self.dates:
            columns[place] = [None if each is None else days(each) for each in columns[place]]


class RowDecoder:
    """`POST /predict`: one JSON object a row, columns by name; one row or a list of rows."""

    def __init__(self, signature: Signature) -> None:
        self._places = _Places(signature)
        fields = [
            (f"c{place}", value_type(each, signature.missing_string))
            for place, each in enumerate(self._places.features)
        ]
        names = {f"c{place}": each.name for place, each in enumerate(self._places.features)}
        row = msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=True)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row | list[row])  # type: ignore[valid-type]
        self._plain = not (self._places.nullable_text or self._places.dates)

    def __call__(self, body: bytes) -> Rows | None:
        """The rows; None when the reference has to look."""
        try:
            decoded = self._decoder.decode(body)
        except NOT_DECODED:
            return None
        split = self._places.strings
        if self._plain and not isinstance(decoded, list):
            values = msgspec.structs.astuple(decoded)
            return Packed(1, values[:split], values[split:])
        rows = decoded if isinstance(decoded, list) else [decoded]
        if not rows:
            return None
        columns: list[Sequence[Any]] = list(zip(*map(msgspec.structs.astuple, rows), strict=True))
        return _pack(self._places, columns, len(rows))


class InferDecoder:
    """`POST …/infer` with one tensor a column, flat data, any order; or with one packed row."""

    def __init__(self, signature: Signature) -> None:
        self._places = _Places(signature)
        tensors = [self._tensor(place, each) for place, each in enumerate(self._places.features)]
        self._widths = {name: each.width for name, each in signature.graph.inputs.items()}
        if not {each.name for each in signature.features} & set(self._widths):
            tensors += [self._matrix(name, signature) for name in self._widths]
        fields = [("inputs", list[functools.reduce(operator.or_, tensors)])]  # type: ignore[misc]
        request = msgspec.defstruct("Request", fields, bases=(Envelope,), kw_only=True)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(request)

    def _tensor(self, place: int, feature: Feature) -> type[msgspec.Struct]:
        """The type of one column's tensor; its name is the tag that msgspec chooses it by."""
        fields = [
            ("shape", list[int]),
            ("datatype", Literal[DATATYPES[feature.type]]),
            ("data", list[value_type(feature, self._places.missing)]),  # type: ignore[misc]
        ]
        return msgspec.defstruct(
            f"Tensor{place}", fields, tag_field="name", tag=feature.name, namespace={"place": place}
        )

    def _matrix(self, name: str, signature: Signature) -> type[msgspec.Struct]:
        """The type of one packed row: the graph's own tensor, each column by its position."""
        text = name == "strings"
        features = signature.of("strings" if text else "floats")
        values = tuple(packed_type(each, self._places.missing) for each in features)
        fields = [
            ("shape", list[int]),
            ("datatype", Literal["BYTES"] if text else Literal["FP32", "FP64"]),
            ("data", tuple[values]),  # type: ignore[valid-type]
        ]
        return msgspec.defstruct(
            f"Matrix_{name}", fields, tag_field="name", tag=name, namespace={"place": name}
        )

    def __call__(self, body: bytes) -> Question | None:
        """The request; None when the reference has to look."""
        try:
            request = self._decoder.decode(body)
        except NOT_DECODED:
            return None
        inputs = request.inputs
        if inputs and inputs[0].place in self._widths:
            return self._packed_row(request)
        columns: list[Any] = [None] * len(self._places.features)
        if len(inputs) != len(columns):
            return None
        rows = len(inputs[0].data)
        shapes = ([rows], [rows, 1])
        for tensor in inputs:
            if len(tensor.data) != rows or tensor.shape not in shapes:
                return None
            columns[tensor.place] = tensor.data
        if rows == 0 or None in columns:
            return None
        return Question(_pack(self._places, columns, rows), envelope=request)

    def _packed_row(self, request: Any) -> Question | None:
        """One row in the graph's own tensors; the types have counted and judged its values."""
        inputs = request.inputs
        if len(inputs) != len(self._widths) or {each.place for each in inputs} != self._widths.keys():
            return None
        text: Sequence[str] = ()
        numbers: Sequence[float | None] = ()
        for tensor in inputs:
            if tensor.shape != [1, len(tensor.data)]:
                return None
            if tensor.place == "strings":
                text = tensor.data
            else:
                numbers = self._places.typed(tensor.data)
        if self._places.nullable_text and None in text:
            text = [self._places.missing if each is None else each for each in text]
        return Question(Packed(1, text, numbers), envelope=request)


def _pack(places: _Places, columns: list[Sequence[Any]], rows: int) -> Rows:
    places.finish(columns)
    split = places.strings
    if rows == 1:
        return Packed(1, [each[0] for each in columns[:split]], [each[0] for each in columns[split:]])
    return Columnar(rows, columns[:split], columns[split:])
