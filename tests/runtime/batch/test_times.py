"""Times, lists and structs of Parquet: the same bytes with and without pandas, and never a traceback."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from ordain.errors import UserError
from tests.runtime.batch.desk import command, read_table, rejects, rows, run

SECOND = 1_700_000_000 * 10**9
FAR = 2**62
NANO = pa.timestamp("ns")
OFF = pa.timestamp("us", "Mars/Olympus")


def table(path: Path, name: str, column: Any) -> Path:
    """Three rows; one column is another, or is added."""
    content = pa.Table.from_pylist(rows(3))
    names = content.schema.names
    place = names.index(name) if name in names else len(names)
    content = (
        content.set_column(place, name, column) if name in names else content.append_column(name, column)
    )
    parquet.write_table(content, path)
    return path


@pytest.fixture(params=["with", "without"])
def python_path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A PYTHONPATH with pandas, or with one that cannot be imported, as in the image for jobs."""
    hidden = tmp_path / "hidden/pandas"
    hidden.mkdir(parents=True)
    if request.param == "without":
        (hidden / "__init__.py").write_text("raise ImportError('hidden')\n")
    return os.pathsep.join([str(hidden.parent), os.environ.get("PYTHONPATH", "")])


NESTED = (
    (pa.time64("ns"), 1_000_000_001, "00:00:01.000000001"),
    (pa.list_(NANO), [SECOND], ["2023-11-14T22:13:20"]),
    (pa.list_(NANO, 1), [SECOND], ["2023-11-14T22:13:20"]),
    (pa.large_list(pa.list_(pa.time64("ns"))), [[10**9]], [["00:00:01"]]),
    (pa.struct({"a": pa.list_(pa.duration("ns"))}), {"a": [10**9]}, {"a": ["PT1S"]}),
    (pa.map_(pa.string(), NANO), [("k", SECOND)], [["k", "2023-11-14T22:13:20"]]),
)


def test_kept_nanoseconds_inside_of_others_are_written_the_same(
    folder: Path, tmp_path: Path, python_path: str
) -> None:
    content = pa.Table.from_pylist(rows(2))
    for number, (kind, value, _) in enumerate(NESTED):
        content = content.append_column(f"k{number}", pa.array([value, None], kind))
    parquet.write_table(content, tmp_path / "in.parquet")
    keep = [word for number in range(len(NESTED)) for word in ("--keep", f"k{number}")]
    words = (str(folder), str(tmp_path / "in.parquet"), str(tmp_path / "out.jsonl"), *keep)
    done = command(*words, PYTHONPATH=python_path)
    assert done.returncode == 0, done.stderr
    first, second = read_table(tmp_path / "out.jsonl")
    for number, (_, _, told) in enumerate(NESTED):
        assert (first[f"k{number}"], second[f"k{number}"]) == (told, None)


@pytest.mark.parametrize(
    "column",
    [pa.array([[SECOND + 1], [], None], pa.list_(NANO)), pa.array([[SECOND], [], None], pa.list_view(NANO))],
    ids=["part of a microsecond", "list view"],
)
def test_what_json_lines_cannot_hold_of_them_is_told(
    folder: Path, tmp_path: Path, column: Any, python_path: str
) -> None:
    """A column is copied as it is, or not at all."""
    source = table(tmp_path / "in.parquet", "at", column)
    done = command(
        str(folder), str(source), str(tmp_path / "out.jsonl"), "--keep", "at", PYTHONPATH=python_path
    )
    assert (done.returncode, "cannot be written to JSON lines" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("name", ["plan", "visits", "vip", "since"])
def test_a_feature_of_nanoseconds_is_judged_without_pandas(
    folder: Path, tmp_path: Path, name: str, python_path: str
) -> None:
    column = pa.array([[SECOND + 1], [SECOND + 1], None], pa.list_(NANO))
    source = table(tmp_path / "in.parquet", name, column)
    words = (str(folder), str(source), str(tmp_path / "out.jsonl"), "--invalid-input", "accept")
    done = command(*words, PYTHONPATH=python_path)
    assert done.returncode == 0, done.stderr
    assert [(each["row"], each["reasons"][0]["kind"]) for each in rejects(tmp_path / "out.jsonl")] == [
        (0, "type"), (1, "type"),
    ]  # fmt: skip


STRANGE = (
    pa.array([1, SECOND + 1, None], pa.time64("ns")),
    pa.array([1, 2, None], pa.time32("s")),
    pa.array([FAR, 1, None], pa.duration("s")),
    pa.array([{"a": SECOND + 1}, {"a": None}, None], pa.struct({"a": NANO})),
    pa.array([1, SECOND // 1000, None], OFF),
)
TIMES = (
    pa.array([FAR, -FAR, None], pa.timestamp("us")),
    pa.array([FAR, -FAR, None], pa.timestamp("ms")),
    pa.array([SECOND + 1, SECOND, None], NANO),
    pa.array([86_400 * 10**9 + 1, -1, None], NANO),
    pa.array([2**31 - 1, -(2**31), None], pa.date32()),
)
CASES = [
    *((name, each) for name in ("plan", "amount", "visits", "vip", "since") for each in (*STRANGE, *TIMES)),
    *((name, pa.array([0, 1, None], pa.date32())) for name in ("plan", "amount", "visits", "vip")),
]


@pytest.mark.parametrize(("name", "column"), CASES, ids=[f"{name}-{each.type}" for name, each in CASES])
def test_a_feature_of_times_or_nests_is_of_the_wrong_type(
    folder: Path, tmp_path: Path, name: str, column: Any
) -> None:
    """Also where Python has no such time, nobody such a zone, and a day only begins a moment later."""
    source = table(tmp_path / "in.parquet", name, column)
    report = run(folder, source, tmp_path / "out.jsonl", policy="accept")
    assert (report.rows, report.rejected) == (3, 2)
    assert {each["reasons"][0]["kind"] for each in rejects(tmp_path / "out.jsonl")} == {"type"}


@pytest.mark.parametrize("kind", [NANO, pa.timestamp("ns", "UTC"), pa.timestamp("s"), pa.date64()])
def test_a_date_may_be_a_time_at_which_its_day_begins(folder: Path, tmp_path: Path, kind: Any) -> None:
    day = pa.array(["2020-02-29"] * 3).cast(pa.date32())
    source = table(tmp_path / "in.parquet", "since", day.cast(kind))
    assert run(folder, source, tmp_path / "out.jsonl").rejected == 0


def test_a_list_view_of_anything_else_is_written(folder: Path, tmp_path: Path) -> None:
    source = table(tmp_path / "in.parquet", "at", pa.array([[1, 2], [], None], pa.list_view(pa.int64())))
    run(folder, source, tmp_path / "out.jsonl", keep=("at",))
    assert [row["at"] for row in read_table(tmp_path / "out.jsonl")] == [[1, 2], [], None]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_kept_time_of_no_known_zone_is_told(folder: Path, tmp_path: Path, suffix: str) -> None:
    source = table(tmp_path / "in.parquet", "at", pa.array([1, None, None], OFF))
    with pytest.raises(UserError, match="a kept column holds a value"):
        run(folder, source, tmp_path / f"out{suffix}", keep=("at",))
