"""The door to declared data: a file of the repository or an fsspec URL, as a table of text.

Every cell comes out as text or as missing, whatever the format, so that one set of rules types them
(`learn.ingest`) and a CSV file and the Parquet file made of it give the same rows and ids. Only the empty
cell is missing: `No`, `NA` and `null` are values.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ordain.adapters.files import inside, read_bytes
from ordain.adapters.store_answers import answering
from ordain.core.data.addresses import remote
from ordain.core.data.pins import Piece, Pin, belongs
from ordain.core.reasons import Reason
from ordain.core.specs.spec import Source
from ordain.errors import UserError

BYTE_LIMIT = 2 * 2**30


def read_source(root: Path, source: Source, pin: Pin | None = None) -> Any:
    """Every cell of the declared source, as text.

    Args:
        root: the repository.
        source: its path below `root`, or a URL, and its format.
        pin: which bytes behind the URL are meant; a URL without one is not read.

    Returns:
        `pyarrow.Table` of string columns; null where a cell is empty.

    Raises:
        UserError: no such file; a symlink or a way out of the repository; not in the declared format;
            empty or truncated.
        RetryLater: the URL's host did not answer.
    """
    if source.path is not None:
        return _table(_file(root, source.path), source.path, source.format)
    if pin is None:
        raise UserError(
            "nothing says which data behind this URL is meant",
            where=source.url or "",
            fix="ordain data pin, and commit what it writes",
        )
    stray = [each.url for each in pin.pieces if not belongs(each.url, source.url or "")]
    if stray:
        what = f"the pin names what the declared URL {source.url} does not stand for"
        raise UserError(what, where=stray[0], fix="ordain data pin", reason=Reason.HOSTILE_OBJECT)
    return _joined([(each.url, _table(_pinned(each), each.url, source.format)) for each in pin.pieces])


def _table(data: bytes, place: str, form: str) -> Any:
    if not data.strip():
        raise UserError(
            "the data is empty", where=place, fix="put the data back (`git checkout`, `ordain data pull`)"
        )
    return _csv(data, place) if form == "csv" else _parquet(data, place)


def _joined(tables: Sequence[tuple[str, Any]]) -> Any:
    """The rows of every piece, in the order of the pin."""
    import pyarrow as pa

    first = tables[0][1].column_names
    for place, table in tables:
        if sorted(table.column_names) != sorted(first):
            odd = sorted(set(table.column_names) ^ set(first))
            what = f"its columns are not those of {tables[0][0]}: {', '.join(odd)}"
            raise UserError(what, where=place, fix="correct this piece, or pin without it")
    return pa.concat_tables([table.select(first) for _, table in tables])


def _file(root: Path, relative: str) -> bytes:
    path = inside(root, relative)
    if not path.is_file():
        raise UserError(
            "the data file does not exist",
            where=relative,
            fix="correct `data.source.path` in models.yaml, or fetch it (`ordain data pull`)",
        )
    return read_bytes(path, BYTE_LIMIT)


def _pinned(piece: Piece) -> bytes:
    """The bytes that were pinned.

    Raises:
        UserError: when something else is there by now.
    """
    data = fetch(piece.url)
    if hashlib.sha256(data).hexdigest() != piece.sha256:
        raise UserError(
            "the data behind this URL is not what was pinned",
            where=piece.url,
            fix="ordain data check, then train on the new data with: ordain data pin",
        )
    return data


def refuse_local(url: str) -> None:
    """Refuse a URL that leads to this machine's own files, through another one, or to no store that is known.

    Raises:
        UserError: reason `hostile-object`.
    """
    if not remote(url):
        raise UserError(
            "the URL leads around the repository",
            where=url,
            fix="name a file of the repository with `data.source.path`",
            reason=Reason.HOSTILE_OBJECT,
        )


def fetch(url: str) -> bytes:
    """The bytes behind a URL.

    Raises:
        UserError: nothing is there, or it may not be read; it is too large, or the protocol is unknown or
            leads to this machine.
        RetryLater: the host did not answer.
    """
    import fsspec

    refuse_local(url)
    with answering(url), fsspec.open(url, "rb") as stream:
        data: bytes = stream.read(BYTE_LIMIT + 1)
    if len(data) > BYTE_LIMIT:
        raise UserError(f"the data is larger than {BYTE_LIMIT} bytes", where=url)
    return data


def _csv(data: bytes, place: str) -> Any:
    import pyarrow as pa

    try:
        text = data.decode("utf-8-sig")
        header = next(csv.reader(io.StringIO(text, newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise UserError(
            f"byte {error.start} is not UTF-8 text", where=place, fix="save the file as UTF-8"
        ) from error
    except csv.Error as error:
        raise _truncated(place, str(error)) from error
    _check_header(header, place)
    if not text.endswith(("\n", "\r")):
        raise _truncated(place, "the last line has no end; if the file is whole, add one")
    if text.count('"') % 2:
        raise _truncated(place, "a quotation mark is never closed")
    try:
        table, wrong = _cells(text.encode("utf-8"), header)
    except pa.ArrowInvalid as error:
        raise _truncated(place, str(error).splitlines()[0]) from error
    if wrong:
        rows = ", ".join(f"line {row.number} has {row.actual_columns}" for row in wrong[:3])
        raise _truncated(place, f"{len(wrong)} rows do not have {len(header)} cells: {rows}")
    return table


def _cells(data: bytes, header: list[str]) -> tuple[Any, list[Any]]:
    """The table, and every row that does not have as many cells as the header."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    wrong: list[Any] = []

    def refuse(row: Any) -> str:
        wrong.append(row)
        return "skip"

    table = arrow_csv.read_csv(
        io.BytesIO(data),
        read_options=arrow_csv.ReadOptions(use_threads=False),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    return table, wrong


def _check_header(header: list[str], place: str) -> None:
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise UserError(
            f"the header names {', '.join(f'`{name}`' for name in repeated)} more than once",
            where=f"{place}:1",
            fix="give every column a name of its own",
        )


def _parquet(data: bytes, place: str) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        # `read_table` refuses a file with two columns of one name, and doesn't say which.
        table = parquet.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _truncated(place, str(error).splitlines()[0]) from error
    _check_header(table.column_names, place)
    columns = zip(table.column_names, table.itercolumns(), strict=True)
    return pa.table({name: _readable(name, column, place) for name, column in columns})


def _readable(name: str, column: Any, place: str) -> Any:
    """One Arrow column as text.

    Raises:
        UserError: when it holds lists, bytes or the like, for which no text stands.
    """
    import pyarrow as pa

    try:
        return _as_text(column)
    except pa.ArrowException as error:
        what = f"the column `{name}` holds {column.type}, and no column contract has a type for that"
        fix = "write the file with text, numbers, truth values or dates in its place, or without the column"
        raise UserError(what, where=place, fix=fix) from error


def _as_text(column: Any) -> Any:
    """One Arrow column as text: what a CSV file would hold, with NaN and the empty text as missing."""
    import pyarrow as pa
    from pyarrow import compute as pc

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), None, column)
    if pa.types.is_timestamp(kind):
        midnight = pc.equal(pc.floor_temporal(column, unit="day"), column)
        if pc.all(midnight).as_py() is not False:
            column = column.cast(pa.date32())
    text = column.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), None, text)


def _truncated(place: str, why: str) -> UserError:
    return UserError(
        f"the data cannot be read; is it cut off? ({why})",
        where=place,
        fix="fetch the file again, or correct `data.source.format`",
    )
