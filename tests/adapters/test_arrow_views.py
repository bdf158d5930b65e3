"""Arrow's columns as NumPy sees them, beside Arrow's own conversion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from ordain.adapters.arrow_views import plain, valid

numbers = st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=60)


@settings(deadline=None)
@given(numbers, st.integers(0, 60), st.integers(0, 60))
def test_numbers_and_gaps_are_arrows_own(values: list[int | None], start: int, length: int) -> None:
    column = pa.array(values, pa.int64()).slice(start, length)
    there = [each is not None for each in column.to_pylist()]
    assert valid(column).tolist() == there
    assert [int(each) for each in plain(column, np.int64)[there]] == [
        each for each in column.to_pylist() if each is not None
    ]
    wide = column.cast(pa.float64(), safe=False)
    assert plain(wide, np.float64)[valid(wide)].tolist() == wide.drop_null().to_pylist()


@settings(deadline=None)
@given(st.lists(st.none() | st.sampled_from(["a", "b"]), max_size=40), st.integers(0, 40))
def test_columns_of_other_types_have_gaps_too(values: list[str | None], start: int) -> None:
    for column in (pa.array(values, pa.string()), pa.array([each == "a" for each in values])):
        cut = column.slice(start)
        assert valid(cut).tolist() == cut.is_valid().to_pylist()
    nothing = pa.nulls(3)
    assert valid(nothing).tolist() == [False] * 3


def test_reading_a_log_imports_no_pandas(tmp_path: Path) -> None:
    times, texts = pa.array([1, None, 3], pa.timestamp("us", "UTC")), pa.array(["a", None, "b"])
    columns = {
        "time": times, "model": texts, "version": texts, "id": texts, "inputs.x": [1.0, None, 2.0],
        "inputs.n": [True, None, False], "inputs.t": texts, "outputs.prediction": [1, 2, None],
    }  # fmt: skip
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    program = f"""
import sys
from ordain.adapters.log_places import LogPlace
from ordain.adapters.met import Met
from ordain.adapters.prediction_files import read_log
from ordain.adapters.predictions import Shape
shape = Shape(text=("t",), numbers=("x", "n"), answers=("prediction",), known=frozenset("xnt"))
(batch,) = read_log(LogPlace({str(tmp_path)!r}, "the log"), shape, Met())
assert batch.times.tolist() == [1e-6, 3e-6], batch.times
assert batch.inputs["n"].tolist() == [1.0, 0.0]
assert batch.inputs["t"].places.tolist() == [0, 1]
assert str(batch.outputs["prediction"].tolist()) == "[1.0, nan]"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Where no row is bad nothing but views is needed.
    good = pa.table(columns).filter(pa.array([True, False, True]))
    parquet.write_table(good, tmp_path / "a.parquet")
    done = subprocess.run(
        [sys.executable, "-c", program + "assert 'pandas' not in sys.modules"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
