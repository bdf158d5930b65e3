"""Lines of a prediction log as Parquet: one file for each set of columns, one row for each prediction.

The columns are those that `adapters.predictions_parquet` reads: `time`, `model`, `version`, `id`, `row`,
`latency`, `label`, `outputs.prediction` or `probabilities`, and `inputs.<column>`. Rows that lack a column,
or hold another type in it, are in another file: a monitor still tells an absent column from a missing value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import msgspec
import pyarrow as pa
from msgspec import Struct
from pyarrow import parquet

from ordain.adapters import predictions
from ordain.adapters.log_lines import LINE_LIMIT
from ordain.adapters.predictions import Scalar

GROUP_ROWS = 2**13  # held at a time, and in a row group
MOST_SHAPES, MOST_COLUMNS = 16, 1000
SHOWN = 4096  # characters of a line that is repeated
_KINDS: dict[type, Any] = {str: pa.string(), float: pa.float64(), bool: pa.bool_(), type(None): pa.null()}
_HEAD = (
    ("time", pa.timestamp("us", "UTC")),
    ("model", pa.string()),
    ("version", pa.string()),
    ("id", pa.string()),
    ("row", pa.int64()),
    ("latency", pa.float64()),
    ("label", pa.string()),
)
Kinds = Mapping[str, type]


class Output(Struct):
    """What was answered to one row."""

    prediction: float | None = None
    probabilities: list[float | None] | None = None
    label: str | None = None


class Record(predictions.Record, kw_only=True):
    """One line of the log, with what monitors do not ask about."""

    outputs: list[Output]  # type: ignore[assignment]  # of more fields
    latency: float | None = None


class Reject(Struct, frozen=True):
    """A line that is no prediction, as the rejects file has it."""

    file: str
    line: int
    reason: str
    bytes: int
    text: str


class _Shape:
    """Rows of the same columns. What a column holds is open while all of its values are missing.

    Once rows were written, the types are those of the file.
    """

    def __init__(self, kinds: Kinds, classified: bool) -> None:
        self.kinds = dict(kinds)
        self.classified = classified
        self.rows: list[tuple[Any, ...]] = []
        self.writer: parquet.ParquetWriter | None = None

    def takes(self, kinds: Kinds, classified: bool) -> bool:
        """Whether such a row fits; if so, what was open is so no more."""
        if classified != self.classified or kinds.keys() != self.kinds.keys():
            return False
        for name, kind in kinds.items():
            there = self.kinds[name]
            fixed = self.writer is not None or there is not type(None)
            if kind is not there and kind is not type(None) and fixed:
                return False
        self.kinds |= {name: kind for name, kind in kinds.items() if kind is not type(None)}
        return True

    def schema(self) -> pa.Schema:
        answer = (
            ("probabilities", pa.list_(pa.float64()))
            if self.classified
            else ("outputs.prediction", pa.float64())
        )
        inputs = [(f"inputs.{name}", _KINDS[kind]) for name, kind in self.kinds.items()]
        return pa.schema([*_HEAD, answer, *inputs])


class Compacted:
    """Takes lines, and writes files of rows that have the same columns.

    Args:
        opened: gives the stream for the file of a number, from 0.
    """

    def __init__(self, opened: Callable[[int], IO[bytes]]) -> None:
        self._opened = opened
        self._shapes: list[_Shape] = []
        self._known: dict[tuple[Any, ...], _Shape] = {}
        self._held = 0
        self._decoder = msgspec.json.Decoder(Record)
        self.rows = 0

    def close(self) -> None:
        """Write what is held, and end every file."""
        for each in self._shapes:
            self._flush(each)
            if each.writer is not None:
                each.writer.close()

    def add(self, line: bytes) -> str:
        """Take the rows of one line, or none of them.

        Returns:
            Why it is no prediction; empty when it is.
        """
        if not line.endswith(b"\n"):
            return "longer than a line may be" if len(line) >= LINE_LIMIT else "cut off"
        try:
            record = self._decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return "no record of the log"
        if not predictions.fits(record):
            return "inputs and outputs do not belong together, or no such time can be"
        shapes = [self._shape(*pair) for pair in zip(record.inputs, record.outputs, strict=True)]
        if any(each is None for each in shapes):
            return f"more than {MOST_COLUMNS} columns, or columns unlike those of {MOST_SHAPES} others"
        for row, shape in enumerate(each for each in shapes if each is not None):
            self._take(shape, record, row)
        return ""

    def _shape(self, inputs: Mapping[str, Scalar], output: Output) -> _Shape | None:
        classified = output.probabilities is not None
        key = (classified, tuple(inputs), tuple(map(type, inputs.values())))
        known = self._known.get(key)
        if known is not None:
            return known
        kinds = {name: type(value) for name, value in inputs.items()}
        found = next((each for each in self._shapes if each.takes(kinds, classified)), None)
        if found is None and len(inputs) <= MOST_COLUMNS and len(self._shapes) < MOST_SHAPES:
            found = _Shape(kinds, classified)
            self._shapes.append(found)
        if found is not None and len(self._known) < MOST_COLUMNS:
            self._known[key] = found
        return found

    def _take(self, shape: _Shape, record: Record, row: int) -> None:
        output, inputs = record.outputs[row], record.inputs[row]
        answer = output.probabilities if shape.classified else output.prediction
        head = (
            record.time,
            record.model,
            record.version,
            record.id,
            row,
            record.latency,
            output.label,
            answer,
        )
        shape.rows.append((*head, *(inputs[name] for name in shape.kinds)))
        self.rows += 1
        self._held += 1
        if self._held >= GROUP_ROWS:
            self._flush(max(self._shapes, key=lambda each: len(each.rows)))

    def _flush(self, shape: _Shape) -> None:
        if not shape.rows:
            return
        if shape.writer is None:
            stream = self._opened(self._shapes.index(shape))
            shape.writer = parquet.ParquetWriter(stream, shape.schema(), compression="zstd")
        schema = shape.schema()
        columns = zip(*shape.rows, strict=True)
        arrays = [pa.array(values, each.type) for values, each in zip(columns, schema, strict=True)]
        shape.writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        self._held -= len(shape.rows)
        shape.rows.clear()


def numbered(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines from 1, none longer than the limit; the rest of a longer one is passed over."""
    number = 0
    while line := stream.readline(LINE_LIMIT):
        number += 1
        yield number, line
        while line and not line.endswith(b"\n"):
            line = stream.readline(LINE_LIMIT)


class Rejects:
    """Takes lines that are no predictions.

    Args:
        opened: gives the stream for them, when there is one.
    """

    def __init__(self, opened: Callable[[], IO[bytes]]) -> None:
        self._opened = opened
        self._stream: IO[bytes] | None = None
        self._encoder = msgspec.json.Encoder()
        self.lines = 0

    def add(self, file: str, number: int, line: bytes, reason: str) -> None:
        """Keep a line's beginning as text, and why it was rejected."""
        self._stream = self._stream or self._opened()
        text = line[:SHOWN].decode("utf-8", "backslashreplace")
        self._stream.write(self._encoder.encode_lines([Reject(file, number, reason, len(line), text)]))
        self.lines += 1
