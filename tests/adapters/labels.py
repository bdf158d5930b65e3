"""All labels at a place at once, in the order of their keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pyarrow import parquet

from ordain.adapters.log_places import LogPlace
from ordain.adapters.outcomes import read_outcomes
from ordain.adapters.spill import Spill


class Labels:
    def __init__(self, place: Path | str, *wanted: str) -> None:
        with Spill() as file:
            made = read_outcomes(LogPlace(str(place), "labels"), file, wanted=wanted)
            rows = made._rows
            self.keys = [key for (key,) in file.rows(f"SELECT {rows._key} FROM {rows._name} ORDER BY 1")]
            told = made.find(np.array(self.keys, dtype=np.int64).view(np.uint64))
            self.labels, self.times = tuple(told.labels), told.times
            self.groups = {name: tuple(values) for name, values in told.groups.items()}
            assert told.at.tolist() == list(range(len(made)))
            reading = made.reading
        self.left_out, self.corrupt, self.undated = reading.left_out, reading.corrupt, reading.undated
        self.files, self.unreadable = reading.files, reading.unreadable

    def __len__(self) -> int:
        return len(self.labels)


def damage(path: Path, group: int) -> None:
    """Break the pages of one row group's first column."""
    column = parquet.ParquetFile(path).metadata.row_group(group).column(0)
    start = min(each for each in (column.dictionary_page_offset, column.data_page_offset) if each)
    data = bytearray(path.read_bytes())
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
