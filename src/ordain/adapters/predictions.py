"""What prediction logs hold, and batches of it as columns, whichever form it was written in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from ordain.adapters.cells import text_of
from ordain.adapters.keys import keys_of

MOST_EXTRA = 100
END_OF_TIME = dt.datetime(9999, 1, 1, tzinfo=dt.UTC).timestamp()  # no prediction is older than 1970

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Text(Struct, frozen=True):
    """A column of text: each row's place among the values that occur, -1 where there is none."""

    places: NDArray[np.int64]
    values: tuple[str, ...]


Values = Text | Floats


class Batch(Struct, frozen=True, kw_only=True):
    """Some predictions, one a row.

    Attributes:
        keys: of request id and place in the request (`adapters.keys`); 0 where a record has no id.
        times: seconds since 1970, UTC.
        inputs: by feature: text, or numbers with NaN for what is missing; what no row has is absent.
        outputs: by answer column; NaN where there is none.
        absent, mistyped: which rows lack a feature, or hold another type; features without such a row are
            left out. extra: which rows have a column that the model does not know.
        groups: columns that are taken as groups, whatever their type.
    """

    keys: NDArray[np.uint64]
    times: Floats
    models: Text
    versions: Text
    inputs: Mapping[str, Values]
    outputs: Mapping[str, Floats]
    absent: Mapping[str, Flags] = {}
    mistyped: Mapping[str, Flags] = {}
    extra: Mapping[str, Flags] = {}
    groups: Mapping[str, Text] = {}


class Shape(Struct, frozen=True, kw_only=True):
    """What to take from a log.

    Attributes:
        text, numbers: features. answers: answer columns. known: every column the model knows, those that
            are not taken included. groups: columns that are taken as text, whatever their type; personal
            ones are hashes.
    """

    text: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()


Scalar = str | float | bool | None


class _Output(Struct):
    prediction: float | None = None
    probabilities: list[float | None] = []


class Record(Struct):
    """One line of the log: a request."""

    time: Annotated[dt.datetime, Meta(tz=True)]
    model: str
    version: str
    inputs: list[dict[str, Scalar]]
    outputs: list[_Output]
    id: str = ""


def fits(record: Record) -> bool:
    """Whether each row has its answer, and the time is one that can be."""
    return len(record.inputs) == len(record.outputs) and 0 <= record.time.timestamp() < END_OF_TIME


def batch_of(records: Sequence[Record], shape: Shape) -> Batch:
    """Records as columns."""
    rows = [row for record in records for row in record.inputs]
    ids = [record.id for record in records for _ in record.inputs]
    places = [place for record in records for place in range(len(record.inputs))]
    columns = _Columns(rows)
    inputs: dict[str, Values] = {name: columns.text(name) for name in shape.text}
    inputs |= {name: columns.numbers(name) for name in shape.numbers}
    gone = {name for name, lacking in columns.absent.items() if lacking.all()}
    return Batch(
        keys=keys_of(ids, np.array(places, dtype=np.uint64)),
        times=np.repeat([each.time.timestamp() for each in records], [len(each.inputs) for each in records]),
        models=_repeated([(each.model, len(each.inputs)) for each in records]),
        versions=_repeated([(each.version, len(each.inputs)) for each in records]),
        inputs={name: values for name, values in inputs.items() if name not in gone},
        outputs=_answers([each for record in records for each in record.outputs], shape),
        absent=columns.absent,
        mistyped=columns.mistyped,
        extra=columns.unknown(shape.known),
        groups=columns.groups(shape.groups),
    )


def _repeated(pairs: Sequence[tuple[str, int]]) -> Text:
    table: dict[str, int] = {}
    places = [table.setdefault(value, len(table)) for value, _ in pairs]
    return Text(np.repeat(np.array(places, dtype=np.int64), [count for _, count in pairs]), tuple(table))


def _answers(outputs: Sequence[_Output], shape: Shape) -> dict[str, Floats]:
    width = len(shape.answers)
    if shape.answers == ("prediction",):
        return {"prediction": np.array([each.prediction for each in outputs], dtype=np.float64)}
    nothing = [None] * width
    rows = [each.probabilities if len(each.probabilities) == width else nothing for each in outputs]
    matrix = np.array(rows, dtype=np.float64).reshape(len(rows), width)
    return {name: matrix[:, place] for place, name in enumerate(shape.answers)}


class _Absent:
    """What stands for a column that a row does not have."""


class _Columns:
    """Columns from rows of named values, and what was wrong with them."""

    def __init__(self, rows: Sequence[Mapping[str, Scalar]]) -> None:
        self._rows = rows
        self.absent: dict[str, Flags] = {}
        self.mistyped: dict[str, Flags] = {}

    def _values(self, name: str, fitting: set[type]) -> list[Any]:
        """The column's values, None for whatever is no value of these types."""
        values: list[Any] = [row.get(name, _Absent) for row in self._rows]
        kinds = {_Absent if each is _Absent else type(each) for each in values}
        if kinds <= fitting | {type(None)}:
            return values
        absent = np.array([each is _Absent for each in values], dtype=np.bool_)
        kept = [each if each is not _Absent and type(each) in fitting else None for each in values]
        lost = np.array([new is not old for new, old in zip(kept, values, strict=True)]) & ~absent
        if absent.any():
            self.absent[name] = absent
        if lost.any():
            self.mistyped[name] = lost
        return kept

    def text(self, name: str) -> Text:
        table: dict[str, int] = {}
        values = self._values(name, {str})
        places = [-1 if each is None else table.setdefault(each, len(table)) for each in values]
        return Text(np.array(places, dtype=np.int64), tuple(table))

    def numbers(self, name: str) -> Floats:
        return np.array(self._values(name, {float, int, bool}), dtype=np.float64)

    def groups(self, names: Sequence[str]) -> dict[str, Text]:
        """The columns of these that any row has, as text."""
        found = {}
        for name in names:
            table: dict[str, int] = {}
            told = [text_of(row.get(name)) for row in self._rows]
            places = [table.setdefault(each, len(table)) if each else -1 for each in told]
            if table:
                found[name] = Text(np.array(places, dtype=np.int64), tuple(table))
        return found

    def unknown(self, known: frozenset[str]) -> dict[str, Flags]:
        found: dict[str, Flags] = {}
        for place, row in enumerate(self._rows):
            for name in row.keys() - known:
                if name not in found and len(found) < MOST_EXTRA:
                    found[name] = np.zeros(len(self._rows), dtype=np.bool_)
                if name in found:
                    found[name][place] = True
        return found
