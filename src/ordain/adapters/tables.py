"""Parquet and CSV files between stages: typed, whole, and with the same bytes for the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordain.adapters.files import read_bytes, write_atomic
from ordain.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: Any) -> None:
    """Write a `pyarrow.Table` as Parquet, without anything that differs between two equal runs.

    No pandas metadata (it names the library's version), one fixed codec, one row group per 2**17 rows.
    """
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(
        table.replace_schema_metadata(None),
        buffer,
        compression="zstd",
        compression_level=3,
        row_group_size=2**17,
        store_schema=False,
        version="2.6",
    )
    write_atomic(path, buffer.getvalue())


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame's columns (not its index) as Parquet."""
    import pyarrow as pa

    write_table(path, pa.Table.from_pandas(frame, preserve_index=False))


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet file of Ordain's own: nullable integers and booleans, `str`, float64, dates.

    Args:
        path: the file.
        columns: the only columns to read; what is not asked for is never seen.

    Raises:
        UserError: when it is absent, damaged, or lacks a column.
    """
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(read_bytes(path)))
        wanted = file.schema_arrow.names if columns is None else list(columns)
        absent = sorted(set(wanted) - set(file.schema_arrow.names))
        table = file.read([each for each in wanted if each not in absent], use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"not a whole Parquet file: {str(error).splitlines()[0]}",
            where=path.name,
            fix="remove it and run `ordain run` again",
        ) from error
    if absent:
        raise UserError(f"column `{absent[0]}` is missing", where=path.name, fix="run `ordain run` again")
    nullable: dict[Any, Any] = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=nullable.get, date_as_object=False)
    return frame


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write a CSV file of plot points: a header and one line a row."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, buffer.getvalue().encode("utf-8"))
