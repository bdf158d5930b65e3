"""Data that is in no repository yet, read as a pipeline would read it there."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ordain.adapters.datasource import read_source
from ordain.adapters.files import write_atomic
from ordain.adapters.tables import read_frame, write_table
from ordain.core.specs.spec import Source
from ordain.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def as_source(data: bytes, kind: Literal["csv", "parquet"], place: Path) -> Any:
    """Every cell as text, null where it is empty: a `pyarrow.Table`.

    Args:
        data: the bytes of the file. kind: its format. place: where it came from, for errors.

    Raises:
        UserError: as `datasource.read_source`.
    """
    with tempfile.TemporaryDirectory(prefix="ordain-table-") as folder:
        name = f"table.{kind}"
        write_atomic(Path(folder) / name, data)
        try:
            return read_source(Path(folder), Source(path=name, format=kind))
        except UserError as error:
            where = error.where.replace(name, str(place))
            raise UserError(error.what, where=where, fix=error.fix, reason=error.reason) from error


def as_rows(table: Any) -> pd.DataFrame:
    """Typed rows as one stage hands them to the next."""
    with tempfile.TemporaryDirectory(prefix="ordain-rows-") as folder:
        path = Path(folder) / "rows.parquet"
        write_table(path, table)
        return read_frame(path)


def typed(data: bytes, place: Path) -> Any:
    """The `pyarrow.Table` of a Parquet file.

    Args:
        data: the bytes of the file. place: where it came from, for errors.

    Raises:
        UserError: when it is none.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        # `read_table` refuses a file with two columns of one name.
        return parquet.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        what = f"the data cannot be read as Parquet: {str(error).splitlines()[0]}"
        raise UserError(what, where=str(place), fix="fetch the file again, or name a CSV file") from error


def as_parquet(table: Any) -> bytes:
    """The bytes of a table as a Parquet file."""
    with tempfile.TemporaryDirectory(prefix="ordain-table-") as folder:
        path = Path(folder) / "table.parquet"
        write_table(path, table)
        return path.read_bytes()
