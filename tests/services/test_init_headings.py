"""Headings and typed columns as people have them, and the task: guessed from the target, or asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from ordain.errors import UserError
from ordain.services.setup.init import Request, initialise
from tests.services.tables import ROWS, columns, every, made, rows, sound, text

pytestmark = pytest.mark.usefixtures("somebody")

HEADINGS = {
    "a quoted one": ('"a ""b"""', "a _b", "'a \"b\"' is now `a _b`"),
    "none": ("", "column_2", "'' is now `column_2`"),
    "one of JavaScript": ("__proto__", "proto", "'__proto__' is now `proto`"),
    "a picture": ("😀", "column_2", "'😀' is now `column_2`"),
    "another column's": ("age", "age_2", "'age' is now `age_2`"),
    "a very long one": ("x" * 300, "x" * 55, "is now `xxx"),
    "accents apart": ("Gro\u0308ße", "Größe", "is now `Größe`"),
    "letters from right to left": ("\u05d2\u05d9\u05dc", "column_2", "is now `column_2`"),
}


@pytest.mark.parametrize("name", HEADINGS)
def test_a_heading_that_cannot_be_a_name_is_another_in_a_copy(name: str, tmp_path: Path) -> None:
    heading, column, told = HEADINGS[name]
    data = text({"age": rows()["age"], "x": every(1, 5), "y": rows()["y"]})
    outcome = made(tmp_path, data.replace(b"age,x,y", f"age,{heading},y".encode()))
    assert list(columns(tmp_path)) == ["y", "age", column]
    assert [each for each in outcome.guessed if told in each and "data/table.csv is a copy" in each]
    assert sound(tmp_path)


def test_the_target_goes_by_its_heading(tmp_path: Path) -> None:
    outcome = made(tmp_path, text(rows()).replace(b"age,y", b"age,Wird's?"), target="Wird's?")
    assert "Wird_s" in columns(tmp_path)
    assert any("the task is binary" in each for each in outcome.guessed)
    assert sound(tmp_path)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("whole", [*range(ROWS - 1), None]),
        ("when", [pd.Timestamp(2026, 1, 1, n % 24) for n in range(ROWS)]),
        ("flag", every(True, False, None)),
        ("word", pd.Categorical(every("a", "b"))),
    ],
)
def test_typed_columns_of_parquet(column: str, values: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame({**rows(), column: values})
    frame.to_parquet(tmp_path / "table.parquet")
    initialise(tmp_path / "shop", Request(name="m", data=tmp_path / "table.parquet", target="y"))
    assert column in columns(tmp_path)
    assert sound(tmp_path)


NESTED = {
    "lists": [[1, 2]] * ROWS,
    "records": [{"a": 1}] * ROWS,
    "bytes": [b"\xff"] * ROWS,
    "durations": pd.to_timedelta(range(ROWS), unit="s"),
    "times of day": [dt.time(1, 2)] * ROWS,
}


@pytest.mark.parametrize("kind", NESTED)
def test_a_column_of_parquet_that_no_text_stands_for_is_left_out(kind: str, tmp_path: Path) -> None:
    pd.DataFrame({**rows(), "x": NESTED[kind]}).to_parquet(tmp_path / "table.parquet")
    before = (tmp_path / "table.parquet").read_bytes()
    asked = Request(name="m", data=tmp_path / "table.parquet", target="y")
    outcome = initialise(tmp_path / "shop", asked)
    told = f"`x` holds {kind} ("
    assert [each for each in outcome.guessed if each.startswith(told) and "table.parquet is a copy" in each]
    assert set(columns(tmp_path)) == {"age", "y"}
    assert (tmp_path / "table.parquet").read_bytes() == before
    assert sound(tmp_path)
    with pytest.raises(UserError, match=f"`x` holds {kind}.* can't be predicted"):
        initialise(tmp_path / "other", msgspec.structs.replace(asked, target="x"))


def test_headings_of_parquet_become_names(tmp_path: Path) -> None:
    cells = [pa.array(each) for each in (*rows().values(), every(1, 2, 3), every(1, 2))]
    parquet.write_table(pa.table(cells, names=["age", "y", '"x"', "age"]), tmp_path / "table.parquet")
    initialise(tmp_path / "shop", Request(name="m", data=tmp_path / "table.parquet", target="y"))
    assert set(columns(tmp_path)) == {"age", "x", "y", "age_2"}
    assert sound(tmp_path)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"no parquet"])
def test_a_file_that_only_calls_itself_parquet(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"empty|cannot be read"):
        made(tmp_path, data, name="table.parquet")


TARGETS: dict[str, tuple[Sequence[Any], str]] = {
    "0 and 1": (every(0, 1), "binary"),
    "True and False": (every("True", "False"), "binary"),
    "1.0 to 3.0": (every("1.0", "2.0", "3.0"), "multiclass"),
    "words": (every("red", "green", "blue", "No"), "multiclass"),
    "words with space": (every("red ", "green"), "binary"),
    "amounts": ([f"{n * 1.5}" for n in range(ROWS)], "regression"),
    "counts": ([str(n) for n in range(ROWS)], "regression"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_the_task_follows_from_the_target(name: str, tmp_path: Path) -> None:
    values, task = TARGETS[name]
    outcome = made(tmp_path, text({"age": rows()["age"], "y": values}))
    assert any(each.startswith(f"the task is {task}") for each in outcome.guessed)
    assert sound(tmp_path)


def test_a_kind_of_task_is_chosen_once(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(text({"age": rows()["age"], "y": every(1, 2, 3)}))
    asked = Request(name="m", data=tmp_path / "table.csv", target="y", task="regression")
    outcome = initialise(tmp_path / "shop", asked)
    assert "the task is regression: --task says so" in outcome.guessed
    assert sound(tmp_path)
    initialise(tmp_path / "shop", asked)
    with pytest.raises(UserError, match=r"--task: models\.yaml has `m` as regression"):
        initialise(tmp_path / "shop", msgspec.structs.replace(asked, task="classification"))
