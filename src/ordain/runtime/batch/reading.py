"""Tables in pieces: chunks of rows, from any row on, in constant memory."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pyarrow as pa

from ordain.adapters.places import Place
from ordain.runtime.batch.admitting import Chunk
from ordain.runtime.batch.sources import (
    CHUNK,
    CHUNK_BYTES,
    Source,
    Wanted,
    chosen,
    decoded,
    format_of,
    readable,
)
from ordain.runtime.batch.text import CsvSource, JsonSource
from ordain.runtime.batch.times import is_judged, refused

COLUMN_BUFFER = 2**16  # each column of a row group has one


def open_source(place: Place, wanted: Wanted) -> Source:
    """A table, its columns held to the contract.

    Raises:
        UserError: no such file, not in the format of its name, columns that are missing or there twice.
    """
    kinds: dict[str, Any] = {"parquet": ParquetSource, "csv": CsvSource, "jsonl": JsonSource}
    source: Source = kinds[format_of(place)](place, wanted)
    return source


class ParquetSource:
    """Row groups are found by their numbers; text comes as codes of a dictionary."""

    def __init__(self, place: Place, wanted: Wanted) -> None:
        from pyarrow import parquet

        self._place = place
        with readable(place):
            schema = parquet.read_schema(place.open())
        self._features, keep = chosen(schema.names, wanted, place)
        self.kept = pa.schema([schema.field(name) for name in keep])
        features = [each for each in wanted.signature.features if each.name in self._features]
        self._judged = {each.name for each in features if is_judged(each, schema.field(each.name).type)}
        text = {each.name for each in wanted.signature.of("strings")} & {
            each.name
            for each in schema
            if pa.types.is_string(each.type) or pa.types.is_large_string(each.type)
        }
        with readable(place):
            self._file = parquet.ParquetFile(
                place.open(), read_dictionary=sorted(text), buffer_size=COLUMN_BUFFER, pre_buffer=False
            )
        self.rows: int | None = self._file.metadata.num_rows
        self._names = list(dict.fromkeys((*self._features, *keep)))

    def chunks(self, start: int) -> Generator[Chunk]:
        """The rows from number `start` on."""
        metadata, group, first = self._file.metadata, 0, 0
        while group < metadata.num_row_groups and first + metadata.row_group(group).num_rows <= start:
            first += metadata.row_group(group).num_rows
            group += 1
        groups = range(group, metadata.num_row_groups)
        with readable(self._place):
            for batch in self._file.iter_batches(
                self._batch(groups), list(groups), self._names, use_threads=False
            ):
                skipped = min(max(start - first, 0), batch.num_rows)
                first += batch.num_rows
                if skipped < batch.num_rows:
                    rest = batch.slice(skipped)
                    yield self._chunk(rest, first - rest.num_rows)

    def _chunk(self, batch: Any, first: int) -> Chunk:
        columns = {
            name: batch.column(name) if name in self._judged else refused(batch.column(name))
            for name in self._features
        }
        damaged: dict[int, str] = {}
        kept = {each.name: _copied(each, batch.column(each.name), damaged) for each in self.kept}
        return Chunk(first, batch.num_rows, columns, kept, damaged, textual=False)

    def _batch(self, groups: range) -> int:
        """Rows at a time: fewer when rows are so wide that a chunk of them would not be small."""
        most = 1
        for group in groups:
            about = self._file.metadata.row_group(group)
            most = max(most, about.total_byte_size // max(about.num_rows, 1))
        return max(1, min(CHUNK, CHUNK_BYTES // most))


def _copied(field: Any, cells: Any, damaged: dict[int, str]) -> Any:
    """A kept column in its own type; whoever wrote the file may have put bytes where it says text."""
    cells = cells.cast(field.type)
    try:
        cells.validate(full=True)
    except pa.ArrowInvalid:
        types = pa.types
        if not any(
            is_kind(field.type) for is_kind in (types.is_string, types.is_large_string, types.is_string_view)
        ):
            raise
        return decoded(field.name, cells.cast(pa.binary()), damaged).cast(field.type)
    return cells
