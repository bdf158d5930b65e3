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

ENDINGS = (".csv", ".jsonl", ".parquet")
ROWS = 20_000  # of Parquet that are held at once
MOST_LOST = 1_000_000  # rows of a damaged row group that are counted: its footer may say anything
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

    file = parquet.ParquetFile(stream)
    for group in range(file.num_row_groups):
        left = file.metadata.row_group(group).num_rows
        try:
            for batch in file.iter_batches(batch_size=ROWS, row_groups=[group]):
                yield from batch.to_pylist()
                left -= len(batch)
        except (OSError, ValueError, NotImplementedError):  # pyarrow's errors are one of these
            yield from repeat(None, min(left, MOST_LOST))


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
