"""Tables of text, CSV and JSON lines: a row that is none keeps its place, so that output and input agree."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Generator, Iterator
from typing import Any

import msgspec
import pyarrow as pa

from ordain.adapters.places import Place
from ordain.errors import UserError
from ordain.runtime.batch.admitting import Chunk
from ordain.runtime.batch.longrows import TOO_LONG, BoundedRows, endless
from ordain.runtime.batch.sources import (
    BUFFER,
    CHUNK,
    CHUNK_BYTES,
    LINE_BYTES,
    Wanted,
    chosen,
    decoded,
    readable,
)
from ordain.runtime.contract import ABSENT

HEADER_BYTES = 2**20


class CsvSource:
    """Every cell is text; an empty one is missing.

    A row of another length, longer than 1 MiB or with bytes that are no UTF-8 is damaged and keeps its place.
    """

    def __init__(self, place: Place, wanted: Wanted) -> None:
        self._place = place
        header = _header(place)
        self._cells = len(header)
        self._features, keep = chosen(header, wanted, place)
        self.kept = pa.schema([(name, pa.string()) for name in keep])
        self.rows: int | None = None
        self._bad: list[tuple[int, str]] = []  # row number, what is wrong

    def chunks(self, start: int) -> Generator[Chunk]:
        """The rows from number `start` on; those before it are read and left out."""
        self._bad, first = [], 0
        with readable(self._place), self._place.text() as stream:
            for batch in self._batches(stream):
                chunk = self._placed(batch, first)
                first += chunk.rows
                if first > start:
                    yield chunk.part(max(start - chunk.first, 0), chunk.rows)
            rest = self._placed(None, first)
            if rest.rows and first + rest.rows > start:
                yield rest.part(max(start - first, 0), rest.rows)

    def _batches(self, stream: Any) -> Iterator[Any]:
        try:
            yield from self._reader(stream)
        except pa.ArrowInvalid as error:
            if "straddl" in str(error):  # Arrow's word for a row longer than a block
                raise endless(self._place.shown) from error
            raise

    def _reader(self, stream: Any) -> Any:
        from pyarrow import csv as arrow_csv

        def damaged(row: Any) -> str:
            cells = f"the row has {row.actual_columns} cells, which is not what the header has"
            why = TOO_LONG if row.text.startswith(TOO_LONG) else cells
            self._bad.append((row.number - 2, why))  # numbers start at 1, with the header
            return "skip"

        names = list(dict.fromkeys((*self._features, *self.kept.names)))
        return arrow_csv.open_csv(
            io.BufferedReader(BoundedRows(stream, self._cells, self._place.shown), BUFFER),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=LINE_BYTES),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=damaged),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=names,
                column_types=dict.fromkeys(names, pa.binary()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )

    def _placed(self, batch: Any, first: int) -> Chunk:
        """A chunk with the damaged rows, which Arrow leaves out, back where they stood."""
        good = 0 if batch is None else batch.num_rows
        damaged: dict[int, str] = {}
        for number, why in self._bad:
            place = number - first
            if batch is None or place < good + len(damaged):
                damaged[place] = why
        self._bad = self._bad[len(damaged) :]
        rows = good + len(damaged)
        places, taken = [], 0
        for row in range(rows) if damaged else ():
            places.append(None if row in damaged else taken)
            taken += row not in damaged
        take = pa.array(places, pa.int64()) if damaged else None

        def column(name: str) -> Any:
            cells = pa.nulls(0, pa.binary()) if batch is None else batch.column(name)
            return decoded(name, cells if take is None else cells.take(take), damaged)

        features = {name: column(name) for name in self._features}
        kept = {name: column(name) for name in self.kept.names}
        return Chunk(first, rows, features, kept, damaged, textual=True)


def _header(place: Place) -> list[str]:
    """The names in a CSV file's first row.

    Raises:
        UserError: when there is none within the first MiB, or it is not UTF-8 text.
    """
    with readable(place), place.text() as stream:
        # Only the header has to be text; a row that is none is refused in its place.
        text = stream.read(HEADER_BYTES).decode("utf-8-sig", errors="surrogateescape")
    try:
        header = next(csv.reader(io.StringIO(text, newline=""), strict=True))
        "".join(header).encode()
    except (StopIteration, csv.Error, UnicodeEncodeError) as error:
        raise UserError(
            "the file has no header", where=place.shown, fix="name the columns in its first row"
        ) from error
    return header


class JsonSource:
    """One object a line. A line that is no object, or longer than 1 MiB, is damaged and keeps its place.

    Blank lines are no rows.
    """

    def __init__(self, place: Place, wanted: Wanted) -> None:
        self._place = place
        self._features = [each.name for each in wanted.signature.features]
        self.kept = pa.schema([(name, pa.string()) for name in wanted.keep])
        self.rows: int | None = None
        place.fingerprint()

    def chunks(self, start: int) -> Generator[Chunk]:
        """The rows from number `start` on; lines before it are read and not parsed."""
        lines: list[bytes | None] = []
        first = size = 0
        with readable(self._place), io.BufferedReader(self._place.text(), BUFFER) as stream:
            for line in self._lines(stream):
                if first < start:
                    first += 1
                    continue
                lines.append(line)
                size += len(line or b"")
                if len(lines) == CHUNK // 4 or size > CHUNK_BYTES // 8:  # objects take more room than text
                    yield self._chunk(lines, first)
                    first += len(lines)
                    lines, size = [], 0
        if lines:
            yield self._chunk(lines, first)

    @staticmethod
    def _lines(stream: Any) -> Iterator[bytes | None]:
        """Lines that are not blank; None for one that is too long to be held."""
        mark = codecs.BOM_UTF8  # what Windows programs write at the start of a file
        while line := stream.readline(LINE_BYTES + 1):
            if len(line) <= LINE_BYTES:
                line, mark = line.removeprefix(mark), b""
                if line and not line.isspace():
                    yield line
                continue
            while line and not line.endswith(b"\n"):
                line = stream.readline(BUFFER)
            yield None

    def _chunk(self, lines: list[bytes | None], first: int) -> Chunk:
        damaged: dict[int, str] = {}
        rows: list[dict[str, Any]] = []
        for place, line in enumerate(lines):
            try:
                rows.append({} if line is None else _object(line))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                rows.append({})
                damaged[place] = "the line is not a JSON object"
            if line is None:
                damaged[place] = "the line is longer than 1 MiB"
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
