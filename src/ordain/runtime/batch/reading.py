"""Tables in pieces: Parquet, CSV and JSON lines as chunks of rows, from any row on, in constant memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from ordain.adapters.places import Place
from ordain.core.signature import Signature
from ordain.errors import UserError
from ordain.runtime.admission import Policy
from ordain.runtime.batch.admitting import Chunk, check_columns
from ordain.runtime.contract import ABSENT

CHUNK = 2**14
"""Rows at a time: the matrices of a chunk stay in the processor's cache."""
CHUNK_BYTES = 64 * 2**20
LINE_BYTES = 2**20
HEADER_BYTES = 2**20
_BUFFER = 2**18
_PACKED = (".gz", ".bz2", ".xz", ".zst")
_FORMATS = {"parquet": "parquet", "pq": "parquet", "csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl"}
_FAULTS = (pa.ArrowException, OSError, EOFError, UnicodeDecodeError)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is read: every feature, and the columns that are copied to the output."""

    signature: Signature
    policy: Policy
    keep: tuple[str, ...] = ()


class Source(Protocol):
    """A table that is read from the front.

    Attributes:
        rows: how many there are, where the format says so.
        kept: types of the columns that are copied.
    """

    rows: int | None
    kept: pa.Schema

    def chunks(self, start: int) -> Generator[Chunk]:
        """The rows from number `start` on."""
        ...


def format_of(place: Place) -> str:
    """The format that a name's ending says: `parquet`, `csv` or `jsonl`.

    Raises:
        UserError: for another ending.
    """
    name = place.name.lower()
    bare = next((name.removesuffix(end) for end in _PACKED if name.endswith(end)), name)
    found = _FORMATS.get(bare.rpartition(".")[2])
    if found is None or (found == "parquet" and bare != name):
        raise UserError(
            "the name does not say which format it is",
            where=place.shown,
            fix="let it end in .parquet, .csv or .jsonl; text may be packed (.csv.gz)",
        )
    return found


def open_source(place: Place, wanted: Wanted) -> Source:
    """A table, its columns held to the contract.

    Raises:
        UserError: no such file, not in the format of its name, columns that are missing or there twice.
    """
    kinds: dict[str, Any] = {"parquet": ParquetSource, "csv": CsvSource, "jsonl": JsonSource}
    source: Source = kinds[format_of(place)](place, wanted)
    return source


@contextmanager
def _readable(place: Place) -> Iterator[None]:
    try:
        yield
    except _FAULTS as error:
        said = (
            str(error).splitlines()[0][:200] if isinstance(error, pa.ArrowException) else type(error).__name__
        )
        raise UserError(
            f"it cannot be read to its end; is it damaged or cut off? ({said})",
            where=place.shown,
            fix="fetch the file again; what was scored so far is kept",
        ) from error


def _chosen(found: Sequence[str], wanted: Wanted, place: Place) -> tuple[list[str], list[str]]:
    """Names of features and of kept columns that are there."""
    check_columns(found, wanted.signature, wanted.policy, place.shown)
    absent = [name for name in wanted.keep if name not in found]
    if absent:
        raise UserError(
            f"the column `{absent[0]}` is to be kept and is not there", where=place.shown, fix="--keep"
        )
    features = [each.name for each in wanted.signature.features if each.name in found]
    return features, list(wanted.keep)


class ParquetSource:
    """Row groups are found by their numbers; text comes as codes of a dictionary."""

    def __init__(self, place: Place, wanted: Wanted) -> None:
        from pyarrow import parquet

        self._place = place
        with _readable(place):
            schema = parquet.read_schema(place.open())
        self._features, keep = _chosen(schema.names, wanted, place)
        self.kept = pa.schema([schema.field(name) for name in keep])
        text = {each.name for each in wanted.signature.of("strings")} & {
            each.name
            for each in schema
            if pa.types.is_string(each.type) or pa.types.is_large_string(each.type)
        }
        with _readable(place):
            self._file = parquet.ParquetFile(
                place.open(), read_dictionary=sorted(text), buffer_size=_BUFFER, pre_buffer=False
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
        with _readable(self._place):
            for batch in self._file.iter_batches(
                self._batch(groups), list(groups), self._names, use_threads=False
            ):
                skipped = min(max(start - first, 0), batch.num_rows)
                first += batch.num_rows
                if skipped < batch.num_rows:
                    rest = batch.slice(skipped)
                    yield self._chunk(rest, first - rest.num_rows)

    def _chunk(self, batch: Any, first: int) -> Chunk:
        columns = {name: batch.column(name) for name in self._features}
        kept = {each.name: batch.column(each.name).cast(each.type) for each in self.kept}
        return Chunk(first, batch.num_rows, columns, kept, {}, textual=False)

    def _batch(self, groups: range) -> int:
        """Rows at a time: fewer when rows are so wide that a chunk of them would not be small."""
        most = 1
        for group in groups:
            about = self._file.metadata.row_group(group)
            most = max(most, about.total_byte_size // max(about.num_rows, 1))
        return max(1, min(CHUNK, CHUNK_BYTES // most))


class CsvSource:
    """Every cell is text; an empty one is missing. A row of another length is damaged and keeps its place."""

    def __init__(self, place: Place, wanted: Wanted) -> None:
        self._place = place
        self._features, keep = _chosen(_header(place), wanted, place)
        self.kept = pa.schema([(name, pa.string()) for name in keep])
        self.rows: int | None = None
        self._bad: list[tuple[int, int]] = []  # row number, cells

    def chunks(self, start: int) -> Generator[Chunk]:
        """The rows from number `start` on; those before it are read and left out."""
        self._bad, first = [], 0
        with _readable(self._place), self._place.text() as stream:
            for batch in self._reader(stream):
                chunk = self._placed(batch, first)
                first += chunk.rows
                if first > start:
                    yield chunk.part(max(start - chunk.first, 0), chunk.rows)
            rest = self._placed(None, first)
            if rest.rows and first + rest.rows > start:
                yield rest.part(max(start - first, 0), rest.rows)

    def _reader(self, stream: Any) -> Any:
        from pyarrow import csv as arrow_csv

        def damaged(row: Any) -> str:
            self._bad.append((row.number - 2, row.actual_columns))  # numbers start at 1, with the header
            return "skip"

        names = list(dict.fromkeys((*self._features, *self.kept.names)))
        return arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=LINE_BYTES),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=damaged),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=names,
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )

    def _placed(self, batch: Any, first: int) -> Chunk:
        """A chunk with the damaged rows, which Arrow leaves out, back where they stood."""
        good = 0 if batch is None else batch.num_rows
        damaged: dict[int, str] = {}
        for number, cells in self._bad:
            place = number - first
            if batch is None or place < good + len(damaged):
                damaged[place] = f"the row has {cells} cells, which is not what the header has"
        self._bad = self._bad[len(damaged) :]
        rows = good + len(damaged)
        places, taken = [], 0
        for row in range(rows) if damaged else ():
            places.append(None if row in damaged else taken)
            taken += row not in damaged
        take = pa.array(places, pa.int64())

        def column(name: str) -> Any:
            cells = pa.nulls(0, pa.string()) if batch is None else batch.column(name)
            return cells.take(take) if damaged else cells

        features = {name: column(name) for name in self._features}
        kept = {name: column(name) for name in self.kept.names}
        return Chunk(first, rows, features, kept, damaged, textual=True)


def _header(place: Place) -> list[str]:
    """The names in a CSV file's first row.

    Raises:
        UserError: when there is none within the first MiB, or it is not UTF-8 text.
    """
    with _readable(place), place.text() as stream:
        raw: bytes = stream.read(HEADER_BYTES)
        text = raw.decode("utf-8-sig", errors="ignore" if len(raw) == HEADER_BYTES else "strict")
    try:
        return next(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (StopIteration, csv.Error) as error:
        raise UserError(
            "the file has no header", where=place.shown, fix="name the columns in its first row"
        ) from error


class JsonSource:
    """One object a line. A line that is no object is damaged and keeps its place; blank lines are no rows."""

    def __init__(self, place: Place, wanted: Wanted) -> None:
        self._place = place
        self._features = [each.name for each in wanted.signature.features]
        self.kept = pa.schema([(name, pa.string()) for name in wanted.keep])
        self.rows: int | None = None
        format_of(place)
        place.fingerprint()

    def chunks(self, start: int) -> Generator[Chunk]:
        """The rows from number `start` on; lines before it are read and not parsed."""
        lines: list[bytes] = []
        first = 0
        with _readable(self._place), io.BufferedReader(self._place.text(), _BUFFER) as stream:
            for line in self._lines(stream):
                if first < start:
                    first += 1
                    continue
                lines.append(line)
                if len(lines) == CHUNK // 4:
                    yield self._chunk(lines, first)
                    first += len(lines)
                    lines = []
        if lines:
            yield self._chunk(lines, first)

    def _lines(self, stream: Any) -> Iterator[bytes]:
        number = 0
        while line := stream.readline(LINE_BYTES + 1):
            number += 1
            if len(line) > LINE_BYTES:
                raise UserError(
                    f"line {number} is longer than {LINE_BYTES} bytes",
                    where=self._place.shown,
                    fix="one row a line",
                )
            if not line.isspace():
                yield line

    def _chunk(self, lines: list[bytes], first: int) -> Chunk:
        damaged: dict[int, str] = {}
        rows: list[dict[str, Any]] = []
        for place, line in enumerate(lines):
            try:
                rows.append(_object(line))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                rows.append({})
                damaged[place] = "the line is not a JSON object"
        columns = {name: [row.get(name, ABSENT) for row in rows] for name in self._features}
        kept = {
            name: pa.array([_told(row.get(name)) for row in rows], pa.string()) for name in self.kept.names
        }
        return Chunk(first, len(rows), columns, kept, damaged, textual=False)


_object = msgspec.json.Decoder(dict[str, Any]).decode


def _told(value: Any) -> str | None:
    """A value that is kept, as text: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
