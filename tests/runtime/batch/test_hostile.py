"""Damaged and hostile tables end with one sentence, or with the rows that they still have."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from ordain.adapters.places import place_of
from ordain.errors import RetryLater, UserError
from ordain.runtime.batch.reading import open_source
from ordain.runtime.batch.sources import Wanted
from tests.runtime.batch.desk import command, read_table, rejects, rows, run, write_table
from tests.runtime.toy import signature

WANTED = Wanted(signature=signature(), policy="accept")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl", ".csv.gz"])
@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"PAR1" * 4, b"\x80\x04\x95.", b"\xff\xfe\x00", b"\x1f\x8b\x08junk"]
)
def test_what_is_no_table_is_one_error_and_leaves_nothing(
    folder: Path, tmp_path: Path, suffix: str, data: bytes
) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / "out.parquet"
    source.write_bytes(data)
    if suffix == ".jsonl" and not data.strip():
        return
    with pytest.raises(UserError):
        run(folder, source, target)
    assert not [each for each in tmp_path.glob("out.parquet") if suffix != ".jsonl"]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_table_that_is_cut_off(folder: Path, tmp_path: Path, share: float) -> None:
    source = write_table(tmp_path / "in.parquet", rows(5000))
    source.write_bytes(source.read_bytes()[: int(source.stat().st_size * share)])
    with pytest.raises(UserError, match="damaged or cut off"):
        run(folder, source, tmp_path / "out.parquet")
    assert [each.name for each in tmp_path.iterdir()] == ["in.parquet"]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_flipped_byte_is_an_error_or_other_values(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    source = write_table(folder / "in.parquet", rows(60))
    data = bytearray(source.read_bytes())
    data[place % len(data)] ^= flip
    source.write_bytes(bytes(data))
    try:
        found = sum(chunk.rows for chunk in open_source(place_of(str(source), Path()), WANTED).chunks(0))
    except UserError:
        return
    assert found <= 60


def test_rows_of_another_length_keep_their_place(folder: Path, tmp_path: Path) -> None:
    content = rows(6)
    source = write_table(tmp_path / "in.csv", content)
    lines = source.read_text().splitlines()
    lines[1:1] = ["only,two"]
    lines[4:4] = [lines[4] + ",more"]
    lines += ["last"]
    source.write_text("\n".join(lines) + "\n")
    for partition in (100, 2, 1):
        report = run(folder, source, tmp_path / "out.csv", keep=("id",), partition=partition)
        assert (report.rows, report.rejected) == (9, 3)
        found = read_table(tmp_path / "out.csv")
        assert [row["id"] for row in found] == [None, "c0", "c1", None, "c2", "c3", "c4", "c5", None]
        told = {each["row"]: each["reasons"] for each in rejects(tmp_path / "out.csv")}
        assert told.keys() == {0, 3, 8}
        assert told[0] == [
            {
                "column": None,
                "kind": "damaged",
                "reason": "the row has 2 cells, which is not what the header has",
            }
        ]


def test_a_cell_may_hold_line_ends_commas_and_quotes(folder: Path, tmp_path: Path) -> None:
    odd = ["a\nb", 'c,"d"', "é\u2028", "'"]
    source = write_table(tmp_path / "in.csv", [*rows(4)])
    content = [row | {"town": town} for row, town in zip(rows(4), odd, strict=True)]
    write_table(source, content)
    run(folder, source, tmp_path / "out.csv", keep=("town",))
    assert [row["town"] for row in read_table(tmp_path / "out.csv")] == odd


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"a":' * 50_000,
        "[]",
        "1",
        "nonsense",
        '{"plan": NaN}',
        '{"plan": "\\ud800"}',
        '"text"',
        "{",
        "\x00",
    ],
)
def test_a_line_that_is_no_object_keeps_its_place(folder: Path, tmp_path: Path, line: str) -> None:
    good = [json.dumps(row) for row in rows(2)]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join([good[0], line, "", good[1]]))
    report = run(folder, source, tmp_path / "out.jsonl", keep=("id",))
    assert (report.rows, report.rejected) == (3, 1)
    assert [row["id"] for row in read_table(tmp_path / "out.jsonl")] == ["c0", None, "c1"]


def test_a_line_or_row_without_end_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"plan": "' + b"x" * (2**20 + 5))
    with pytest.raises(UserError, match="line 1 is longer than"):
        run(folder, tmp_path / "in.jsonl", tmp_path / "out.csv")
    write_table(tmp_path / "in.csv", [*rows(1), *rows(1, town="x" * (3 * 2**20))])
    with pytest.raises(UserError, match="damaged or cut off"):
        run(folder, tmp_path / "in.csv", tmp_path / "out.csv")


def test_a_bomb_of_one_repeated_text_stays_small(folder: Path, tmp_path: Path) -> None:
    """400 rows of a MiB each in a file of a few KiB: codes are never written out."""
    table = pa.Table.from_pylist(rows(400))
    town = pa.DictionaryArray.from_arrays(np.zeros(400, np.int32), pa.array(["x" * 2**20]))
    place = table.column_names.index("town")
    source = tmp_path / "in.parquet"
    parquet.write_table(table.set_column(place, "town", town), source, dictionary_pagesize_limit=2**22)
    assert source.stat().st_size < 2**20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert run(folder, source, tmp_path / "out.parquet").rejected == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


def test_a_column_of_another_kind_refuses_its_rows_only(folder: Path, tmp_path: Path) -> None:
    content: list[dict[str, Any]] = [row | {"amount": [1.0], "visits": {"a": 1}} for row in rows(3)]
    parquet.write_table(pa.Table.from_pylist(content), tmp_path / "in.parquet")
    with pytest.raises(UserError, match="none of 3 rows"):
        run(folder, tmp_path / "in.parquet", tmp_path / "out.parquet")
    (reasons, *_) = [each["reasons"] for each in rejects(tmp_path / "out.parquet")]
    assert [(each["column"], each["kind"]) for each in reasons] == [("amount", "type"), ("visits", "type")]


def test_columns_are_held_to_the_contract_before_any_row(folder: Path, tmp_path: Path) -> None:
    content = [
        {key: value for key, value in row.items() if key != "visits"} | {"visit": 3} for row in rows(3)
    ]
    for suffix in (".csv", ".parquet"):
        source = write_table(tmp_path / f"in{suffix}", content)
        with pytest.raises(UserError, match=r"`visits` first; did you mean `visit`"):
            run(folder, source, tmp_path / "out.csv")
        assert run(folder, source, tmp_path / "out.csv", policy="accept").rejected == 0
        with pytest.raises(UserError, match="`nothing` is to be kept"):
            run(folder, source, tmp_path / "out.csv", policy="accept", keep=("nothing",))
    (tmp_path / "twice.csv").write_text("plan,plan\nx,y\n")
    with pytest.raises(UserError, match="more than once"):
        run(folder, tmp_path / "twice.csv", tmp_path / "out.csv")


def test_a_kept_column_must_not_pass_for_an_answer(folder: Path, tmp_path: Path) -> None:
    source = write_table(tmp_path / "in.csv", rows(3, label="Yes"))
    with pytest.raises(UserError, match="a column `label` of its own"):
        run(folder, source, tmp_path / "out.csv", keep=("label",))


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("in.csv", "in.csv", "would replace the input"),
        ("in.csv", "./in.csv", "would replace the input"),
        ("in.csv", "below/../in.csv", "would replace the input"),
        ("absent.csv", "out.csv", "there is nothing here"),
        ("in.csv", "out.txt", "which format"),
        ("in.csv", "out.csv.gz", "written plain"),
        ("in.parquet.gz", "out.csv", "which format"),
        ("nothing://in.csv", "out.csv", "nothing here reads such a URL"),
        ("simplecache::file:///etc/passwd.csv", "out.csv", "chained URLs"),
        ("in.csv", "in.csv/below/out.csv", "cannot be read or written"),
    ],
)
def test_places_that_cannot_be(folder: Path, tmp_path: Path, source: str, target: str, said: str) -> None:
    write_table(tmp_path / "in.csv", rows(3))
    done = command(str(folder), source, target, "-C", str(tmp_path))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_message_repeats_a_secret() -> None:
    place = place_of("http://user:hunter2@127.0.0.1:9/in.csv?token=hunter2#hunter2", Path())
    with pytest.raises((UserError, RetryLater)) as caught:
        place.fingerprint()
    assert "hunter2" not in str(caught.value) + place.shown
    assert place.beside("x").shown.startswith("http://127.0.0.1:9/")
