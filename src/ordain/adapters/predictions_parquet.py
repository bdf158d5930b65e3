"""Prediction logs in Parquet: one column for each feature and answer, or the server's records as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute as pc
from pyarrow import parquet

from ordain.adapters import predictions
from ordain.adapters.arrow_views import plain, valid
from ordain.adapters.cells import text_of
from ordain.adapters.keys import keys_of
from ordain.adapters.met import Met
from ordain.adapters.row_groups import row_groups

INPUTS, OUTPUTS, PROBABILITIES = "inputs.", "outputs.", "probabilities"
BUFFER = 2**18  # bytes of each column


def read(
    stream: IO[bytes], shape: predictions.Shape, rows: int, met: Met
) -> Iterator[predictions.Batch | Sequence[Any]]:
    """Batches of a flat file; of any other, lists of what may be the server's records.

    A flat file has `time`, `model`, `version`, `id`, optionally `row`, and a column `inputs.<feature>` and
    `outputs.<answer>` for each feature and answer, or `probabilities` with a list of them.

    Args:
        met: rows without a time that can be are counted into it, and left out.

    Raises:
        ValueError, OSError: for what is no such file.
    """
    names = parquet.ParquetFile(stream).schema_arrow.names
    texts = [
        each for each in ("model", "version", *(f"{INPUTS}{name}" for name in shape.text)) if each in names
    ]
    # Without a buffer, whole columns of a row group would be held at once.
    file = parquet.ParquetFile(stream, read_dictionary=texts, buffer_size=BUFFER)
    if "inputs" in names:
        for each in _groups(file, rows, None, met):
            yield each.to_pylist()
        return
    if not {"time", "model", "version"} <= set(names):
        raise ValueError("no prediction log")
    wanted = [f"{INPUTS}{name}" for name in dict.fromkeys((*shape.text, *shape.numbers, *shape.groups))]
    wanted += [f"{OUTPUTS}{name}" for name in shape.answers]
    columns = [
        each for each in ("time", "model", "version", "id", "row", PROBABILITIES, *wanted) if each in names
    ]
    shares = {name: name.removeprefix(INPUTS) for name in names if name.startswith(INPUTS)}
    extra = [name for name in shares.values() if name not in shape.known][: predictions.MOST_EXTRA]
    for each in _groups(file, rows, columns, met):
        yield _flat(*_dated(each, met), shape, extra)


def _groups(file: Any, rows: int, columns: Sequence[str] | None, met: Met) -> Iterator[Any]:
    """Batches of each row group; what is lost of a damaged one is counted."""
    for each in row_groups(file, rows, columns):
        if isinstance(each, int):
            met.add("corrupt", each)
        else:
            yield each


def _dated(table: Any, met: Met) -> tuple[Any, NDArray[np.int64]]:
    """The rows whose time a calendar has, and their times in microseconds since 1970, UTC."""
    column = table["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    micros = plain(column, np.int64)
    good = valid(column) & (micros >= 0) & (micros < int(predictions.END_OF_TIME * 1e6))
    lost = len(good) - int(good.sum())
    if lost < len(good):
        met.when = float(micros[good].max()) / 1e6
    if lost:
        met.add("corrupt", lost)
    return (table.filter(pa.array(good)), micros[good]) if lost else (table, micros)


def _flat(
    table: Any, micros: NDArray[np.int64], shape: predictions.Shape, extra: Sequence[str]
) -> predictions.Batch:
    names, rows = set(table.schema.names), table.num_rows
    mistyped: dict[str, predictions.Flags] = {}
    inputs: dict[str, predictions.Values] = {}
    for name in shape.text:
        if f"{INPUTS}{name}" in names:
            inputs[name] = _text(table[f"{INPUTS}{name}"], name, mistyped)
    for name in shape.numbers:
        if f"{INPUTS}{name}" in names:
            inputs[name] = _numbers(table[f"{INPUTS}{name}"], name, mistyped)
    nothing, every = np.full(rows, np.nan), np.ones(rows, dtype=np.bool_)
    outputs = {
        name: _numbers(table[f"{OUTPUTS}{name}"], name, mistyped) if f"{OUTPUTS}{name}" in names else nothing
        for name in shape.answers
    }
    if PROBABILITIES in names:
        outputs |= _answers(table[PROBABILITIES], shape.answers)
    places = _numbers(table["row"], "row", mistyped) if "row" in names else np.zeros(rows)
    ids = [each or "" for each in table["id"].cast(pa.string()).to_pylist()] if "id" in names else [""] * rows
    return predictions.Batch(
        keys=keys_of(ids, np.nan_to_num(places).astype(np.uint64)),
        times=micros / 1e6,
        models=_named(table["model"], "model", mistyped),
        versions=_named(table["version"], "version", mistyped),
        inputs=inputs,
        outputs=outputs,
        absent={name: every for name in (*shape.text, *shape.numbers) if name not in inputs},
        mistyped=mistyped,
        extra=dict.fromkeys(extra, every),
        groups={
            name: _group(table[f"{INPUTS}{name}"]) for name in shape.groups if f"{INPUTS}{name}" in names
        },
    )


def _answers(column: Any, answers: Sequence[str]) -> dict[str, predictions.Floats]:
    """Answers from one list a row; lists of another length are no answers."""
    matrix = np.full((len(column), len(answers)), np.nan)
    if pa.types.is_list(column.type):
        lengths = pc.list_value_length(column).cast(pa.int64())
        good = valid(lengths) & (plain(lengths, np.int64) == len(answers))
        kept = column if good.all() else column.filter(pa.array(good))
        flat = _numbers(kept.flatten(), PROBABILITIES, {})
        matrix[good] = flat.reshape(-1, len(answers))
    return {name: matrix[:, place] for place, name in enumerate(answers)}


def _text(column: Any, name: str, mistyped: dict[str, predictions.Flags]) -> predictions.Text:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        _mistype(column, name, mistyped)
        return predictions.Text(np.full(len(column), -1, dtype=np.int64), ())
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    indices = encoded.indices.cast(pa.int64())
    places = plain(indices, np.int64)
    if indices.null_count:
        places = np.where(valid(indices), places, -1)
    return predictions.Text(places, tuple(encoded.dictionary.to_pylist()))


def _named(column: Any, name: str, mistyped: dict[str, predictions.Flags]) -> predictions.Text:
    """A name, which may be a number to whoever wrote it."""
    return _text(column.cast(pa.string()) if pa.types.is_integer(column.type) else column, name, mistyped)


def _group(column: Any) -> predictions.Text:
    """Whatever a column holds, as text."""
    if pa.types.is_nested(column.type):
        return predictions.Text(np.full(len(column), -1, dtype=np.int64), ())
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = [text_of(each) for each in encoded.dictionary.to_pylist()]
    table = {word: place for place, word in enumerate(dict.fromkeys(each for each in words if each))}
    at = np.array([table.get(word, -1) for word in words] + [-1], dtype=np.int64)
    indices = encoded.indices.cast(pa.int64()).fill_null(len(words))
    return predictions.Text(at[plain(indices, np.int64)], tuple(table))


def _numbers(column: Any, name: str, mistyped: dict[str, predictions.Flags]) -> predictions.Floats:
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif pa.types.is_date32(kind):
        column = column.cast(pa.int32())  # days since 1970, as a server logs them
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        _mistype(column, name, mistyped)
        return np.full(len(column), np.nan)
    wide = column.cast(pa.float64(), safe=False)
    numbers = plain(wide, np.float64)
    return np.where(valid(wide), numbers, np.nan) if wide.null_count else numbers


def _mistype(column: Any, name: str, mistyped: dict[str, predictions.Flags]) -> None:
    if column.null_count < len(column):
        mistyped[name] = valid(column)
