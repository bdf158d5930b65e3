"""The door to prediction logs: JSON lines as the server writes them, or Parquet, at a folder or fsspec URL.

A log is written by many pods, collected by other people's tools and read while it grows: lines are cut
off, files vanish between the listing and the reading, whole files come twice. What can't be read is
counted, never skipped in silence and never a reason to stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Any

import msgspec

from ordain.adapters.log_lines import ended, growing
from ordain.adapters.log_places import LogPlace, begun
from ordain.adapters.met import Met
from ordain.adapters.predictions import Batch, Record, Shape, batch_of, fits

LINES, OPEN, PARQUET = ".jsonl", ".jsonl.open", ".parquet"
ROWS = 20_000  # of a batch, and at least one record's
PARQUET_ROWS = 2**14


def read_log(place: LogPlace, shape: Shape, met: Met) -> Iterator[Batch]:
    """Every prediction in the order in which its file was begun.

    A compaction may replace files meanwhile, and a server end one: then what has come in their place is read
    after the rest. Rows that come twice so have the same id.

    Args:
        met: what is counted into it.

    Raises:
        UserError, RetryLater: as `LogPlace.files`.
    """
    listed: set[str] = set()
    gone: list[str] = []
    while new := [each for each in place.files((LINES, OPEN, PARQUET)) if each not in listed]:
        gone, listed = [], listed.union(new)
        for path in new:
            met.when = begun(path)
            try:
                yield from _file(place, path, shape, met)
            except FileNotFoundError:
                gone.append(path)
                continue
            except (OSError, ValueError, NotImplementedError):  # pyarrow's errors are one of these
                met.add("unreadable")
            met.add("files")
        if not gone:
            return
    for path in gone:
        met.when = begun(path)
        met.add("unreadable")
        met.add("files")


def _file(place: LogPlace, path: str, shape: Shape, met: Met) -> Iterator[Batch]:
    with place.opened(path) as stream:
        if path.endswith(PARQUET):
            yield from _parquet(stream, shape, met)
        else:
            lines = growing(stream) if path.endswith(OPEN) else ended(stream, met)
            yield from _lines(lines, shape, met)


def _lines(lines: Iterator[bytes], shape: Shape, met: Met) -> Iterator[Batch]:
    decoder = msgspec.json.Decoder(Record)
    records: list[Record] = []
    rows = 0
    for line in lines:
        try:
            record = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            met.add("corrupt")
            continue
        if not _whole(record, met):
            continue
        records.append(record)
        rows += len(record.inputs)
        if rows >= ROWS:
            yield batch_of(records, shape)
            records, rows = [], 0
    if records:
        yield batch_of(records, shape)


def _whole(record: Record, met: Met) -> bool:
    whole = fits(record)
    if whole:
        met.when = record.time.timestamp()
    else:
        met.add("corrupt")
    return whole


def _parquet(stream: IO[bytes], shape: Shape, met: Met) -> Iterator[Batch]:
    from ordain.adapters.predictions_parquet import read

    for found in read(stream, shape, PARQUET_ROWS, met):
        if isinstance(found, Batch):
            yield found
            continue
        records = [each for each in _converted(found, met) if _whole(each, met)]
        if records:
            yield batch_of(records, shape)


def _converted(found: Sequence[Any], met: Met) -> Iterator[Record]:
    for each in found:
        try:
            yield msgspec.convert(each, Record)
        except msgspec.ValidationError:
            met.add("corrupt")
