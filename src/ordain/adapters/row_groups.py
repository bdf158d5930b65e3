"""Rows of Parquet by row group: of a damaged one those before the fault, and how many are lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

FAULTS = (OSError, ValueError, NotImplementedError)  # pyarrow's errors are one of these
MOST_LOST = 1_000_000  # rows of a damaged row group that are counted: its footer may say anything


def row_groups(file: Any, rows: int, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Batches of a Parquet file of at most so many rows; a number for rows that are lost.

    Group by group, since readers give their memory back at a group's end.
    """
    for group in range(file.num_row_groups):
        left = file.metadata.row_group(group).num_rows
        some = _ahead(file.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False))
        while left > 0:
            try:
                batch = next(some, None)
            except FAULTS:
                batch = None
            if batch is None:
                yield min(left, MOST_LOST)
                break
            left -= len(batch)
            yield batch


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """The same batches, each of which is decoded while the one before is counted."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = thread.submit(next, batches, None)
            yield batch
