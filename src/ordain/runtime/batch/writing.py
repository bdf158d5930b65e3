"""Scores as Parquet, CSV or JSON lines: written in parts, then put together."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import msgspec
import pyarrow as pa

from ordain.adapters.places import Place
from ordain.errors import UserError
from ordain.runtime.batch.times import without_nanoseconds

GROUP_ROWS, GROUP_BYTES = 2**16, 16 * 2**20


class Gathered:
    """Batches joined until they make a group that is worth writing, and that memory does not feel."""

    def __init__(self) -> None:
        self._batches: list[Any] = []
        self._rows = self._bytes = 0

    def add(self, batch: Any) -> Iterator[Any]:
        """Take a batch; yields a table when there is enough for one."""
        self._batches.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            yield from self.rest()

    def rest(self) -> Iterator[Any]:
        """What is left, as one table."""
        if self._batches:
            yield pa.Table.from_batches(self._batches)
        self._batches, self._rows, self._bytes = [], 0, 0


class ParquetWriter:
    """One row group per `GROUP_ROWS`."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        from pyarrow import parquet

        text = [each.name for each in schema if not pa.types.is_floating(each.type)]
        # Scores hardly repeat and hardly compress: a dictionary of them only costs time.
        self._writer = parquet.ParquetWriter(stream, schema, use_dictionary=text, compression="snappy")
        self._gathered = Gathered()

    def write(self, batch: Any) -> None:
        """Add rows."""
        for table in self._gathered.add(batch):
            self._writer.write_table(table)

    def close(self) -> None:
        """Write the footer."""
        for table in self._gathered.rest():
            self._writer.write_table(table)
        self._writer.close()


class CsvWriter:
    """Rows without a header: the header belongs to the whole file."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        from pyarrow import csv

        self._schema = pa.schema([(each.name, _cell_type(each.type)) for each in schema])
        options = csv.WriteOptions(include_header=False, quoting_style="needed")
        self._writer = csv.CSVWriter(stream, self._schema, write_options=options)

    def write(self, batch: Any) -> None:
        """Add rows."""
        with _told("CSV"):
            columns = list(map(_cells, batch.columns, self._schema.types))
            self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        """Nothing is left to write."""
        self._writer.close()


class JsonWriter:
    """One object a line."""

    def __init__(self, stream: IO[bytes], schema: pa.Schema) -> None:
        self._stream = stream

    def write(self, batch: Any) -> None:
        """Add rows."""
        with _told("JSON lines"):
            plain = pa.RecordBatch.from_arrays(
                list(map(without_nanoseconds, batch.columns)), batch.schema.names
            )
            text = msgspec.json.Encoder(enc_hook=str).encode_lines(plain.to_pylist())
        self._stream.write(text)

    def close(self) -> None:
        """Nothing is left to write."""


WRITERS: dict[str, Any] = {"parquet": ParquetWriter, "csv": CsvWriter, "jsonl": JsonWriter}


def check_kept(kept: pa.Schema, kind: str) -> None:
    """Hold the columns that are copied to what a format can hold.

    Raises:
        UserError: lists, structs and the like, for which CSV has no cell.
    """
    for each in kept if kind == "csv" else ():
        try:
            CsvWriter(io.BytesIO(), pa.schema([each])).close()
        except pa.ArrowException as error:
            raise UserError(
                f"the column `{each.name}` ({each.type}) cannot be written to CSV", fix=_OTHERWISE
            ) from error


_OTHERWISE = "write .parquet, or leave out its --keep"


@contextmanager
def _told(format_name: str) -> Iterator[None]:
    """A value that a format has no form for, such as bytes that are no text, is told in one sentence."""
    try:
        yield
    except (pa.ArrowException, ValueError, OverflowError) as error:
        what = f"a kept column holds a value that cannot be written to {format_name}"
        raise UserError(what, fix=_OTHERWISE) from error


def _cell_type(kind: Any) -> Any:
    """What CSV writes of a type: its values, without codes, views and names of its own."""
    if pa.types.is_dictionary(kind):
        return _cell_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return pa.string() if isinstance(kind, pa.UuidType) else _cell_type(kind.storage_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def _cells(column: Any, kind: Any) -> Any:
    """A column as CSV writes it; ids of 16 bytes are written as everybody writes them."""
    if isinstance(column.type, pa.UuidType):
        return pa.array([None if each is None else str(each) for each in column.to_pylist()], kind)
    stored = column.storage if isinstance(column, pa.ExtensionArray) else column
    return stored.cast(kind)


def header(schema: pa.Schema) -> bytes:
    """The first row of a CSV file."""
    quoted = ['"' + name.replace('"', '""') + '"' for name in schema.names]
    return ",".join(quoted).encode("utf-8") + b"\n"


def assemble(parts: Sequence[Place], stream: IO[bytes], schema: pa.Schema, kind: str) -> None:
    """Put finished parts together, in their order."""
    if kind == "parquet":
        _join_parquet(parts, stream, schema)
        return
    if kind == "csv":
        stream.write(header(schema))
    copy(parts, stream)


def copy(parts: Sequence[Place], stream: IO[bytes]) -> None:
    """The bytes of the parts, one after the other."""
    for part in parts:
        with part.open() as source:
            while data := source.read(GROUP_BYTES // 8):
                stream.write(data)


def _join_parquet(parts: Sequence[Place], stream: IO[bytes], schema: pa.Schema) -> None:
    from pyarrow import parquet

    writer = ParquetWriter(stream, schema)
    for part in parts:
        with part.open() as source:
            for batch in parquet.ParquetFile(source).iter_batches(GROUP_ROWS, use_threads=False):
                writer.write(batch.cast(schema))
    writer.close()
