"""Rows of one file of labels: CSV, JSON lines or Parquet.

A line that is no row, or a row that is lost, is one `None` among the rows, so that whoever reads them
counts it and goes on.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import IO, Any

import msgspec

from ordain.adapters.row_groups import FAULTS, row_groups

ENDINGS = (".csv", ".jsonl", ".parquet")
ROWS = 20_000  # of Parquet that are held at once
LINE_LIMIT = 2**20
MOST_LINES = 100  # of one CSV record: cells may hold line ends, and a stray quote makes one cell of all

Row = Mapping[str, Any]


def rows_of(stream: IO[bytes], path: str) -> Iterator[Row | None]:
    """Every row, by column; None for each line that is none.

    Raises:
        OSError, ValueError, NotImplementedError, csv.Error: when nothing after this can be read.
    """
    if path.endswith(".parquet"):
        return _parquet(stream)
    return _json(stream) if path.endswith(".jsonl") else _csv(stream)


def _parquet(stream: IO[bytes]) -> Iterator[Row | None]:
    from pyarrow import parquet

    for each in row_groups(parquet.ParquetFile(stream), ROWS):
        if isinstance(each, int):
            yield from repeat(None, each)
            continue
        try:
            rows = each.to_pylist()
        except FAULTS:
            rows = [None] * len(each)
        yield from rows


def _json(stream: IO[bytes]) -> Iterator[Row | None]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    mark = codecs.BOM_UTF8  # what Windows programs write at the start of a file
    while line := stream.readline(LINE_LIMIT):
        line, mark = line.removeprefix(mark), b""
        if not line.strip():
            continue
        try:
            row = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            row = None
        yield row


def _csv(stream: IO[bytes]) -> Iterator[Row | None]:
    # Bytes that are no UTF-8 are seen by line (`_Lines`): the wrapper would lose all that it has read ahead.
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    lines = _Lines(text)
    records = csv.reader(lines, strict=True)
    try:
        head = next(records, [])
        while True:
            lines.record.clear()
            try:
                cells = next(records)
            except StopIteration:
                return
            except (csv.Error, UnicodeEncodeError):
                lines.put_back()
                yield None
                continue
            if cells:
                yield dict(zip(head, cells, strict=False))
    finally:
        text.detach()  # whoever opened the stream closes it


class _Lines:
    """Lines for a CSV reader; of a record that is none, all but the first can be read again.

    Attributes:
        record: lines that were given since it was cleared.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self.record: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.record) == MOST_LINES:
            raise csv.Error(f"a record of more than {MOST_LINES} lines")
        line = self._again.popleft() if self._again else self._text.readline(LINE_LIMIT)
        if not line:
            raise StopIteration
        self.record.append(line)
        line.encode()  # raises where the bytes were no UTF-8
        return line

    def put_back(self) -> None:
        """A stray quote takes its own line only."""
        self._again.extendleft(reversed(self.record[1:]))
