"""Tables between stages: types survive, bytes repeat, damage is named."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from ordain.adapters.tables import read_frame, write_frame, write_rows, write_table
from ordain.errors import UserError

FRAME = pd.DataFrame(
    {
        "whole": pd.array([1, None, 2**60], dtype="Int64"),
        "flag": pd.array([True, None, False], dtype="boolean"),
        "real": [0.1, None, -0.0],
        "text": pd.Series(["No", None, "Ünï"], dtype="str"),
        "day": pd.to_datetime(pd.Series(["2024-02-29", None, "1900-01-01"])),
    }
)


def test_types_and_missing_values_survive(tmp_path: Path) -> None:
    write_frame(tmp_path / "x.parquet", FRAME)
    found = read_frame(tmp_path / "x.parquet")
    assert [str(each) for each in found.dtypes][:4] == ["Int64", "boolean", "float64", "str"]
    pd.testing.assert_frame_equal(found, FRAME, check_dtype=False)


def test_equal_rows_give_equal_bytes_without_library_metadata(tmp_path: Path) -> None:
    write_frame(tmp_path / "a.parquet", FRAME)
    write_frame(tmp_path / "b.parquet", FRAME.set_index(pd.Index([9, 8, 7])))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert parquet.read_metadata(tmp_path / "a.parquet").metadata is None


def test_what_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    write_frame(tmp_path / "x.parquet", FRAME)
    assert list(read_frame(tmp_path / "x.parquet", ["text"]).columns) == ["text"]
    with pytest.raises(UserError, match="`label` is missing"):
        read_frame(tmp_path / "x.parquet", ["text", "label"])


def test_dates_come_back_as_days(tmp_path: Path) -> None:
    write_table(tmp_path / "x.parquet", pa.table({"d": pa.array([19782, None], pa.date32())}))
    assert read_frame(tmp_path / "x.parquet")["d"].tolist() == [pd.Timestamp("2024-02-29"), pd.NaT]


def test_absent_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        read_frame(tmp_path / "absent.parquet")
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="not a whole Parquet file"):
        read_frame(tmp_path / "x.parquet")


def test_points_are_written_line_by_line(tmp_path: Path) -> None:
    write_rows(tmp_path / "x.csv", [{"a": 0.5, "b": "x,y"}], ("b", "a"))
    assert (tmp_path / "x.csv").read_bytes() == b'b,a\n"x,y",0.5\n'
