"""Prediction logs as they come: whole, cut off, damaged, in Parquet, on another file system."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from threading import Thread
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray
from pyarrow import parquet

from ordain.adapters.cells import text_of
from ordain.adapters.log_places import LogPlace
from ordain.adapters.met import Met
from ordain.adapters.prediction_files import read_log
from ordain.adapters.predictions import Batch, Shape, Text
from ordain.errors import RetryLater, UserError
from tests.adapters.labels import Labels, damage

SHAPE = Shape(
    text=("plan",),
    numbers=("price",),
    answers=("p_No", "p_Yes"),
    known=frozenset({"plan", "price", "female"}),
)


def record(number: int, **inputs: Any) -> dict[str, Any]:
    return {
        "id": f"r-{number}", "time": f"2026-11-19T00:00:{number:02d}Z", "model": "churn", "version": "7",
        "latency": 0.1, "inputs": [{"plan": "x", "price": 1.5, **inputs}],
        "outputs": [{"label": "No", "probabilities": [0.75, 0.25]}],
    }  # fmt: skip


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


def read(place: Path | str) -> tuple[list[Batch], Met]:
    met = Met()
    return list(read_log(LogPlace(str(place), "the prediction log"), SHAPE, met)), met


def values(batch: Batch, name: str) -> list[Any]:
    column = batch.inputs[name]
    if isinstance(column, Text):
        return [column.values[at] if at >= 0 else None for at in column.places]
    return list(column.tolist())


def counts(flags: Mapping[str, NDArray[np.bool_]]) -> dict[str, int]:
    return {name: int(rows.sum()) for name, rows in flags.items()}


def test_a_log_as_the_server_writes_it(tmp_path: Path) -> None:
    (tmp_path / "predictions-a-1-1700000000002-1.jsonl").write_bytes(lines(record(3)))
    (tmp_path / "predictions-b-1-1700000000001-1.jsonl").write_bytes(lines(record(1), record(2, plan="y")))
    two = record(4)
    two |= {"inputs": two["inputs"] * 2, "outputs": two["outputs"] * 2}
    (tmp_path / "predictions-a-1-1700000000003-2.jsonl.open").write_bytes(lines(two) + b'{"id": "half')
    (tmp_path / "notes.txt").write_text("not a log")
    batches, met = read(tmp_path)
    assert [values(each, "plan") for each in batches] == [["x", "y"], ["x"], ["x", "x"]]
    assert batches[2].keys[0] != batches[2].keys[1]
    assert batches[0].times.tolist() == [1795046401.0, 1795046402.0]
    assert batches[0].outputs["p_Yes"].tolist() == [0.25, 0.25]
    assert (met.files, met.unreadable, met.corrupt) == (3, 0, 0)


def test_what_cannot_be_read_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    bad = [
        b"not json\n",
        b"\xff\xfe\n",
        b"[" * 5000 + b"\n",
        lines({**record(1), "time": "yesterday"}),
        lines({**record(1), "time": "2026-11-19T00:00:00"}),
        lines({**record(1), "inputs": []}),
        lines({**record(1), "inputs": [{"plan": {"deep": 1}}]}),
    ]
    (tmp_path / "a.jsonl").write_bytes(b"".join(bad) + lines(record(2)) + lines(record(3))[:-5])
    (tmp_path / "b.parquet").write_bytes(b"PAR1 is not enough")
    (tmp_path / "c.jsonl").write_bytes(b"")
    batches, met = read(tmp_path)
    assert sum(len(each.times) for each in batches) == 1
    assert (met.files, met.unreadable, met.corrupt) == (3, 1, len(bad) + 1)


def test_a_file_that_vanishes_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(record(1)))
    place = LogPlace(str(tmp_path), "the prediction log")
    monkeypatch.setattr(place, "files", lambda _: [str(tmp_path / "gone.jsonl"), str(tmp_path / "a.jsonl")])
    met = Met()
    assert len(list(read_log(place, SHAPE, met))) == 1
    assert met.unreadable == 1


def test_columns_that_changed_are_counted(tmp_path: Path) -> None:
    without = record(2)
    del without["inputs"][0]["price"]
    rows = [record(1, price="12"), without, record(3, plan=7, new=1), record(4, price=None, female="hash")]
    (tmp_path / "a.jsonl").write_bytes(lines(*rows, record(5, price=True)))
    (batch,), _ = read(tmp_path)
    assert np.isnan(batch.inputs["price"]).tolist() == [True, True, False, True, False]  # type: ignore[arg-type]
    assert values(batch, "plan") == ["x", "x", None, "x", "x"]
    assert counts(batch.absent) == {"price": 1}
    assert counts(batch.mistyped) == {"price": 1, "plan": 1}
    assert counts(batch.extra) == {"new": 1}


def test_a_column_that_is_gone_is_absent(tmp_path: Path) -> None:
    row = record(1)
    del row["inputs"][0]["plan"]
    (tmp_path / "a.jsonl").write_bytes(lines(row, row))
    (batch,), _ = read(tmp_path)
    assert "plan" not in batch.inputs
    assert counts(batch.absent) == {"plan": 2}


def test_an_answer_of_another_width_is_none(tmp_path: Path) -> None:
    row = record(1)
    row["outputs"] = [{"probabilities": [1.0]}]
    (tmp_path / "a.jsonl").write_bytes(lines(row, {**record(2), "outputs": [{"probabilities": [None, 0.5]}]}))
    (batch,), _ = read(tmp_path)
    assert np.isnan(batch.outputs["p_No"]).all()
    assert np.isnan(batch.outputs["p_Yes"]).tolist() == [True, False]


def flat(**columns: Any) -> pa.Table:
    made = {
        "id": ["r-1", "r-2"], "model": ["churn"] * 2, "version": ["7"] * 2, "inputs.plan": ["x", None],
        "time": pa.array([1795046401000000, 1795046402000000], pa.timestamp("us", "UTC")),
        "inputs.price": pa.array([1.5, None]), "outputs.p_No": [0.75, 0.5], "outputs.p_Yes": [0.25, 0.5],
    }  # fmt: skip
    return pa.table({**made, **columns})


def test_parquet_says_what_lines_say(tmp_path: Path) -> None:
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines/a.jsonl").write_bytes(lines(record(1), record(2, plan=None, price=None)))
    parquet.write_table(
        flat(**{"outputs.p_No": [0.75, 0.75], "outputs.p_Yes": [0.25, 0.25]}), tmp_path / "a.parquet"
    )
    nested = pa.Table.from_pylist([record(1), record(2, plan=None, price=None)])
    parquet.write_table(nested, tmp_path / "b.parquet")
    (one,), _ = read(tmp_path / "lines")
    for name in ("a.parquet", "b.parquet"):
        (two,), met = read(tmp_path / name)
        assert (met.files, met.unreadable, met.corrupt) == (1, 0, 0)
        assert values(two, "plan") == values(one, "plan")
        np.testing.assert_array_equal(two.inputs["price"], one.inputs["price"])
        for each in ("keys", "times"):
            assert getattr(two, each).tolist() == getattr(one, each).tolist()
        assert {key: each.tolist() for key, each in two.outputs.items()} == {
            key: each.tolist() for key, each in one.outputs.items()
        }


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([[0.25, 0.75], None, [0.5]]), [0.25, None, None]),
        (pa.array([[0.25, None], [], [0.5, 0.5]]), [0.25, None, 0.5]),
        (pa.array([["a", "b"], None, ["c"]]), [None, None, None]),
        (pa.array([[[0.5], [0.5]], None, []]), [None, None, None]),
        (pa.array([1.0, 2.0, 3.0]), [None, None, None]),
        (pa.array([[0.25, 0.75]] * 3, pa.large_list(pa.float64())), [None, None, None]),
    ],
)
def test_answers_as_one_list_a_row(tmp_path: Path, column: Any, expected: list[float | None]) -> None:
    """As a compaction writes them; whatever else the column holds is no answer."""
    head = flat().select(["time", "model", "version"]).slice(0, 1)
    table = pa.concat_tables([head] * 3).append_column("probabilities", column)
    parquet.write_table(table, tmp_path / "a.parquet")
    (batch,), met = read(tmp_path)
    first = batch.outputs[next(iter(batch.outputs))]
    assert [None if np.isnan(each) else float(each) for each in first] == expected
    assert met.unreadable == 0


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint8(), pa.string(), pa.large_string()])
def test_a_version_in_parquet_may_be_a_number(tmp_path: Path, kind: pa.DataType) -> None:
    parquet.write_table(flat(version=pa.array([7, 8]).cast(kind)), tmp_path / "a.parquet")
    (batch,), _ = read(tmp_path)
    assert [batch.versions.values[place] for place in batch.versions.places.tolist()] == ["7", "8"]
    assert batch.mistyped == {}


def test_a_date_in_parquet_is_the_day_that_a_server_logs(tmp_path: Path) -> None:
    days = pa.array([dt.date(1970, 1, 3), None])
    parquet.write_table(flat(**{"inputs.price": days}), tmp_path / "a.parquet")
    (batch,), _ = read(tmp_path)
    np.testing.assert_array_equal(batch.inputs["price"], [2.0, np.nan])


@pytest.mark.parametrize("form", ["lines", "flat", "nested"])
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([True, False, None], ["true", "false", ""]),
        ([1.0, 0.0, None], ["1", "0", ""]),
        (["a1b2", "", None], ["a1b2", "", ""]),
    ],
)
def test_groups_are_text_whatever_their_type(
    tmp_path: Path, form: str, told: list[Any], expected: list[str]
) -> None:
    rows = [record(place, female=each) for place, each in enumerate(told, 1)]
    if form == "lines":
        (tmp_path / "a.jsonl").write_bytes(lines(*rows))
    elif form == "nested":
        parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    else:
        head = pa.concat_tables([flat().slice(0, 1)] * len(told))
        parquet.write_table(head.append_column("inputs.female", pa.array(told)), tmp_path / "a.parquet")
    shape = replace(SHAPE, groups=("female", "nowhere"))
    met = Met()
    (batch,) = read_log(LogPlace(str(tmp_path), "the log"), shape, met)
    (group,) = batch.groups.values()
    assert [group.values[place] if place >= 0 else "" for place in group.places.tolist()] == expected
    assert (batch.mistyped, batch.extra) == ({}, {})


def test_a_group_that_is_no_value_is_none(tmp_path: Path) -> None:
    table = flat().append_column("inputs.female", pa.array([[1], [2]]))
    parquet.write_table(table, tmp_path / "a.parquet")
    shape = replace(SHAPE, groups=("female",))
    (batch,) = read_log(LogPlace(str(tmp_path), "the log"), shape, Met())
    assert batch.groups["female"].places.tolist() == [-1, -1]


def test_parquet_of_another_shape(tmp_path: Path) -> None:
    strange = flat(
        **{"inputs.price": ["a", None], "inputs.plan": [1, 2], "inputs.new": [1, 2], "row": [0, 1]}
    )
    parquet.write_table(strange.drop_columns(["id", "outputs.p_No"]), tmp_path / "a.parquet")
    whole = flat(**{"inputs.price": [True, False], "inputs.plan": pa.array(["x", "y"]).dictionary_encode()})
    parquet.write_table(whole.drop_columns(["inputs.plan"]), tmp_path / "b.parquet")
    (one, two), _ = read(tmp_path)
    assert counts(one.mistyped) == {"price": 1, "plan": 2}
    assert counts(one.extra) == {"new": 2}
    assert one.keys.tolist() == [0, 0]
    assert np.isnan(one.outputs["p_No"]).all()
    assert values(two, "price") == [1.0, 0.0]
    assert counts(two.absent) == {"plan": 2}


def test_records_in_parquet_that_are_none(tmp_path: Path) -> None:
    rows = [record(1), {**record(2), "outputs": []}, {**record(3), "version": None}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (batch,), met = read(tmp_path)
    assert len(batch.times) == 1
    assert met.corrupt == 2


def test_a_damaged_row_group_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.concat_tables([flat()] * 30), path, row_group_size=20, use_dictionary=False)
    damage(path, 1)
    batches, met = read(tmp_path)
    assert sum(len(each.times) for each in batches) == 40
    assert (met.unreadable, met.corrupt) == (0, 20)


def test_times_that_cannot_be(tmp_path: Path) -> None:
    times = ("0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00")
    odd = [{**record(1), "time": each} for each in times]
    (tmp_path / "a.jsonl").write_bytes(lines(*odd, record(2)))
    stamps = pa.array([-(2**55), 1795046402000000, None, 2**58], pa.timestamp("us", "UTC"))
    table = pa.table(
        {each: flat()[each].to_pylist() * 2 for each in ("id", "model", "version")} | {"time": stamps}
    )
    parquet.write_table(table, tmp_path / "b.parquet")
    (one, two), met = read(tmp_path)
    assert one.times.tolist() == two.times.tolist() == [1795046402.0]
    assert (met.unreadable, met.corrupt) == (0, 6)


def test_what_is_damaged_is_of_the_time_of_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "predictions-a-1-1700000000000-1.jsonl").write_bytes(
        b"x\n" * 2 + lines(record(1)) + b"x\n" * 3
    )
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    _, met = read(tmp_path)
    assert (met.files, met.unreadable, met.corrupt) == (2, 1, 5)
    assert met.between("corrupt", 1_700_000_000, 1_700_000_060) == 2
    assert met.between("corrupt", 1_795_046_400, 1_795_046_460) == 3
    assert met.between("unreadable", 0, 1) == 1  # nothing says when it was: it may be now


@pytest.mark.parametrize("strange", [flat().drop_columns(["time"]), flat(time=[True, False])])
def test_parquet_without_a_time_is_not_readable(tmp_path: Path, strange: pa.Table) -> None:
    parquet.write_table(strange, tmp_path / "a.parquet")
    batches, met = read(tmp_path)
    assert (batches, met.unreadable) == ([], 1)


def test_a_log_at_a_url() -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/logs/one/a.jsonl", lines(record(1)))
    (batch,), met = read("memory://logs/one")
    assert len(batch.times) == 1
    assert read("memory://logs/none")[1].files == 0
    assert met.files == 1


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_log_of_a_driver_whose_files_have_buffers_of_their_own(tmp_path: Path) -> None:
    """As those of HTTP and of object stores have, which read no more than whole lines by themselves."""
    (tmp_path / "a.jsonl").write_bytes(lines(record(1), record(2)) + b"x" * 3_000_000 + b"\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        (batch,), met = read(f"http://127.0.0.1:{server.server_port}/a.jsonl")
    finally:
        server.shutdown()
        server.server_close()
    assert len(batch.times) == 2
    assert met.corrupt


def test_places_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LogPlace(str(tmp_path / "none"), "x").files((".jsonl",)) == []
    with pytest.raises(UserError, match="cannot be read there"):
        LogPlace("nosuch://x?token=secret", "x")
    with pytest.raises(UserError, match="chained"):
        LogPlace("simplecache::s3://x", "x")
    place = LogPlace(str(tmp_path), "the log")
    for error, kind in ((PermissionError, UserError), (ConnectionError, RetryLater)):
        monkeypatch.setattr(
            type(place._files), "find", lambda *_, error=error, **__: (_ for _ in ()).throw(error())
        )
        with pytest.raises(kind):
            place.files((".jsonl",))
    monkeypatch.setattr(type(place._files), "find", lambda *_, **__: ["a.jsonl"] * 100_001)
    with pytest.raises(UserError, match="more than"):
        place.files((".jsonl",))


@pytest.mark.parametrize("path", ["", "/a.jsonl"])
def test_a_place_on_the_web_that_does_not_answer_is_not_absent(path: str) -> None:
    with socket() as held:  # bound, never listening: connections are refused
        held.bind(("127.0.0.1", 0))
        place = LogPlace(f"http://127.0.0.1:{held.getsockname()[1]}/logs{path}", "the log")
        with pytest.raises(RetryLater, match="did not answer"):
            place.files((".jsonl",))


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_no_bytes_stop_a_reader(data: bytes) -> None:
    files = fsspec.filesystem("memory")
    for name in ("a.jsonl", "b.parquet", "c.jsonl.open"):
        files.pipe_file(f"/fuzz/{name}", data)
    assert read("memory://fuzz")[1].files == 3


# --- labels -------------------------------------------------------------------------------------------


def test_labels_in_every_format_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "id,row,label,time,female\nr-1,0,Yes,2026-11-20T00:00:00Z,true\nr-2,1,No,,false\n"
    )
    rows = [
        {"id": "r-1", "row": 0, "label": "Yes", "time": "2026-11-20T00:00:00+00:00", "female": True},
        {"id": "r-2", "row": 1, "label": "No", "time": None, "female": False},
    ]
    (tmp_path / "b.jsonl").write_bytes(lines(*rows))
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    read = [Labels(tmp_path / name) for name in ("a.csv", "b.jsonl", "c.parquet")]
    for each in read:
        assert each.keys == read[0].keys
        assert each.labels == read[0].labels
        assert each.groups == read[0].groups
        np.testing.assert_array_equal(each.times, read[0].times)
    assert sorted(read[0].labels) == ["No", "Yes"]


def test_the_newest_label_of_a_prediction_counts(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "id,label,time\na,1,2026-11-21T00:00:00Z\na,0,2026-11-20T00:00:00Z\nb,0,\nb,1,\n,1,\nc,1,never\n"
    )
    made = Labels(tmp_path)
    assert len(made) == 3
    assert set(made.labels) == {"1"}


def test_no_labels_and_none_of_use(tmp_path: Path) -> None:
    assert len(Labels(tmp_path)) == 0
    for name, data in (
        ("a.csv", b"x,y\n1,2\n"),
        ("a.csv", b'id,label\n"1,2'),
        ("a.csv", b"\xff\xfe"),
        ("a.jsonl", b"[1]\n"),
        ("a.parquet", b"PAR1"),
    ):
        folder = tmp_path / "labels"
        folder.mkdir(exist_ok=True)
        for each in folder.iterdir():
            each.unlink()
        (folder / name).write_bytes(data)
        with pytest.raises(UserError, match="of no use"):
            Labels(folder)


def test_a_file_of_labels_that_was_cut_off_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines({"id": "a", "label": "1"}, {"id": "b", "label": "1"})[:-4])
    (tmp_path / "b.csv").write_text("id,label\nc,0\n")
    (tmp_path / "c.csv").write_text("x,y\n1,2\n")
    (tmp_path / "d.parquet").write_bytes(b"PAR1")
    made = Labels(tmp_path)
    assert sorted(made.labels) == ["0", "1"]
    assert (made.files, made.unreadable, made.corrupt) == (4, 2, 1)


def test_labels_are_read_as_people_write_them() -> None:
    told = [text_of(each) for each in (None, float("nan"), True, 1.0, 1.5, 3, "Yes")]
    assert told == ["", "", "true", "1", "1.5", "3", "Yes"]
