"""The reader of late labels: what is damaged costs its own line, and what is asked for is never left out."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import fsspec
import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from ordain.adapters.outcome_files import MOST_LINES
from ordain.adapters.outcomes import MOST_GROUPS
from tests.adapters.labels import Labels, damage


def lines(*rows: object) -> bytes:
    return b"".join(msgspec.json.encode(each) + b"\n" for each in rows)


def test_a_wanted_column_is_kept_however_many_others_there_are(tmp_path: Path) -> None:
    others = {f"a{place:02}": "x" for place in range(MOST_GROUPS + 5)}
    (tmp_path / "a.jsonl").write_bytes(lines({"id": "a", "label": "1", **others, "female": 1}))
    made = Labels(tmp_path, "female")
    assert made.groups["female"] == ("1",)
    assert len(made.groups) == MOST_GROUPS + 1
    assert made.left_out == ("a20", "a21", "a22", "a23", "a24")
    assert "female" in Labels(tmp_path).left_out


def test_a_column_that_comes_late_is_a_column(tmp_path: Path) -> None:
    rows = [{"id": str(place), "label": "1"} for place in range(25_000)]
    (tmp_path / "a.jsonl").write_bytes(lines(*rows, {"id": "late", "label": "0", "female": 1}))
    (tmp_path / "b.csv").write_text("id,label,empty\nb,1,\n")
    made = Labels(tmp_path)
    assert len(made) == 25_002
    assert sorted(zip(made.labels, made.groups["female"], strict=True))[:1] == [("0", "1")]
    assert set(made.groups) == {"female"}  # a column without a value tells no groups


@pytest.mark.parametrize("text", [b'{"id": "a", "label": 1}\n', b'\r\n{"id": "a", "label": 1}\n'])
def test_a_byte_order_mark_costs_no_line(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + text)
    made = Labels(tmp_path)
    assert (len(made), made.corrupt) == (1, 0)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
@pytest.mark.parametrize("bad", [b"{oops", b'x,"1', b'x,"y"z', b"\xff\xfe,1", b'{"id": "\xff"}', b"[" * 5000])
def test_a_bad_line_costs_itself_and_is_counted(name: str, bad: bytes, tmp_path: Path) -> None:
    whole = [f"{place},1".encode() for place in range(200)]
    if name == "a.jsonl":
        whole = [b'{"id": "%d", "label": 1}' % place for place in range(200)]
    head = [] if name == "a.jsonl" else [b"id,label"]
    (tmp_path / name).write_bytes(b"\n".join([*head, *whole[:50], bad, *whole[50:], b""]))
    made = Labels(tmp_path)
    if name == "a.csv" and b'"' not in bad and b"\xff" not in bad:
        assert len(made) == 201  # a row of one cell, which is of no prediction that there is
    else:
        assert (len(made), made.corrupt, made.unreadable) == (200, 1, 0)


def test_a_cell_may_hold_line_ends_but_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id,label,note\r\na,1,"two\r\nlines"\r\nb,0,"' + b"open\r\n" * 500)
    made = Labels(tmp_path)
    assert {"1", "0"} >= set(made.labels) - {""}
    assert "two\r\nlines" in made.groups["note"]
    assert made.corrupt == 1
    more = b"".join(b"%d,1\n" % place for place in range(MOST_LINES * 3))
    (tmp_path / "a.csv").write_bytes(b'id,label\n"a,1\n' + more + b'"b,1\n' + more)
    made = Labels(tmp_path)
    assert (len(made), made.corrupt) == (MOST_LINES * 3, 2)


def test_rows_without_an_id_and_files_without_a_label_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines({"label": "1"}, {"id": "a", "label": "1"}, {"id": "b"}))
    (tmp_path / "b.jsonl").write_bytes(b"{oops\n")
    (tmp_path / "c.jsonl").write_bytes(b"")
    made = Labels(tmp_path)
    assert (sorted(made.labels), made.corrupt, made.files, made.unreadable) == (["", "1"], 1, 3, 1)


def test_a_place_is_a_whole_number_however_it_is_written(tmp_path: Path) -> None:
    """A column with a gap is written as 1.0; what is no place is nobody's, and never the first one's."""
    (tmp_path / "a.csv").write_text("id,row,label\na,1,1\na,1.0,1\na, 1,1\na,1e0,1\na,,0\na,0.0,0\n")
    assert len(Labels(tmp_path)) == 2
    for bad in ("one", "-1", "1.5", "nan", "inf", "1e30"):
        (tmp_path / "a.csv").write_text(f"id,row,label\na,{bad},1\nb,0,1\n")
        made = Labels(tmp_path)
        assert (len(made), made.corrupt) == (1, 1)


def test_a_time_is_read_as_people_write_it_or_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "id,label,time\na,1,2026-11-20T00:00:00Z\nb,1,1795132800\nc,1,1795132800000\nd,1,1795132800000000.0\n"
    )
    made = Labels(tmp_path)
    assert (set(made.times), made.undated) == ({1795132800.0}, 0)
    (tmp_path / "a.csv").write_text("id,label,time\na,1,11/20/2026\nb,1,\nc,1,12\nd,1,nan\n")
    made = Labels(tmp_path)
    assert (len(made), made.undated) == (4, 3)


def test_a_damaged_row_group_costs_itself(tmp_path: Path) -> None:
    rows = [{"id": f"r-{place:05}", "label": "1"} for place in range(3000)]
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=1000, use_dictionary=False)
    damage(path, 1)
    made = Labels(tmp_path)
    assert (len(made), made.corrupt, made.unreadable) == (2000, 1000, 0)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_no_bytes_stop_the_reader_of_labels(data: bytes) -> None:
    files = fsspec.filesystem("memory")
    for name, good in (("a.jsonl", b'{"id": "a", "label": 1}\n'), ("b.csv", b"id,label\nb,1\n")):
        files.pipe_file(f"/labels/{name}", good + data)
    made = Labels("memory://labels")
    assert len(made) >= 2


@given(st.lists(st.tuples(st.text("ab\"',\n é"), st.text("ab\"',\n é")), max_size=20))
@settings(deadline=None)
def test_what_a_csv_writer_wrote_is_read_as_it_was(rows: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(
        [("id", "label"), *((f"id {at}", label) for at, (_, label) in enumerate(rows))]
    )
    fsspec.filesystem("memory").pipe_file("/written/a.csv", text.getvalue().encode())
    made = Labels("memory://written/a.csv")
    assert sorted(made.labels) == sorted(label for _, label in rows)
    assert made.corrupt == 0
