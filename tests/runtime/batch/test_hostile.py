"""Damaged and hostile tables end with one sentence, or with the rows that they still have."""

from __future__ import annotations

import csv
import gzip
import io
import json
import resource
import uuid
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
from ordain.runtime.batch.longrows import BoundedRows
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


MARK = b"\xef\xbb\xbf"  # the byte order mark, which Windows programs put first


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".csv.gz", ".jsonl.gz"])
@pytest.mark.parametrize("before", [b"", b"\r\n"])
def test_a_byte_order_mark_costs_no_row(folder: Path, tmp_path: Path, suffix: str, before: bytes) -> None:
    content, name = rows(5), suffix.removesuffix(".gz")
    text = MARK + (before if name == ".jsonl" else b"")
    text += write_table(tmp_path / f"plain{name}", content).read_bytes()
    source = tmp_path / f"in{suffix}"
    source.write_bytes(gzip.compress(text) if suffix.endswith(".gz") else text)
    for partition in (100, 2):
        report = run(folder, source, tmp_path / "out.jsonl", keep=("id",), partition=partition)
        assert (report.rows, report.rejected) == (5, 0)
        assert [row["id"] for row in read_table(tmp_path / "out.jsonl")] == [row["id"] for row in content]


def test_a_byte_order_mark_is_one_at_the_start_only(folder: Path, tmp_path: Path) -> None:
    source = write_table(tmp_path / "in.jsonl", rows(2))
    first, second = source.read_bytes().splitlines(keepends=True)
    source.write_bytes(MARK + first + MARK + second)
    run(folder, source, tmp_path / "out.jsonl")
    assert [each["row"] for each in rejects(tmp_path / "out.jsonl")] == [1]


LONG = "x" * (2**20 + 5)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("size", [2**20 + 5, 3 * 2**20, 2**20 - 200])
def test_a_long_row_keeps_its_place(folder: Path, tmp_path: Path, suffix: str, size: int) -> None:
    content = rows(7)
    content[2] |= {"town": 'a "quoted"\nend, '}
    content[3] |= {"town": "x" * size}
    content[6] |= {"town": "x" * size}
    source = write_table(tmp_path / f"in{suffix}", content)
    report = run(folder, source, tmp_path / "out.jsonl", keep=("id",), partition=2)
    refused = {3, 6} if size > 2**20 else set()
    assert (report.rows, report.rejected) == (7, len(refused))
    found = read_table(tmp_path / "out.jsonl")
    assert [row["id"] for row in found] == [None if n in refused else f"c{n}" for n in range(7)]
    told = {each["row"]: each["reasons"] for each in rejects(tmp_path / "out.jsonl")}
    assert told.keys() == refused
    assert all("longer than 1 MiB" in reason["reason"] for (reason,) in told.values())


@pytest.mark.parametrize(
    "cell", [f'"{LONG}\n{LONG}"', f'"{LONG}', '"' + "a\n" * 2**20 + '"', '"a\n' + LONG + '"']
)
def test_a_long_row_of_several_lines_is_one_error(folder: Path, tmp_path: Path, cell: str) -> None:
    """Where the next row begins is not known, and a guess could shift every answer after it."""
    source = write_table(tmp_path / "in.csv", [*rows(2), *rows(1, town="HERE"), *rows(2)])
    source.write_text(source.read_text().replace("HERE", cell))
    with pytest.raises(UserError, match="longer than 1 MiB"):
        run(folder, source, tmp_path / "out.csv")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([b"a,b\n", b'"x\ny",c\r\n', b"\r", b'""', b"z" * 50, b"\n"]), max_size=40))
def test_short_rows_pass_as_they_are(parts: list[bytes]) -> None:
    data = b"".join(parts)
    read = io.BufferedReader(BoundedRows(io.BytesIO(data), 2, "in.csv")).read()
    assert read == data


@pytest.mark.parametrize("target", ["out.csv", "out.jsonl", "out.parquet"])
def test_bytes_that_are_no_text_keep_their_place(folder: Path, tmp_path: Path, target: str) -> None:
    source = write_table(tmp_path / "in.csv", rows(6))
    lines = source.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"c1", b"c\xff")
    lines[4] = lines[4].replace(b"x,", b"\xc3,")
    lines[5:5] = [b"two,cells\n"]
    source.write_bytes(b"".join(lines))
    report = run(folder, source, tmp_path / target, keep=("id",))
    assert (report.rows, report.rejected) == (7, 3)
    told = {each["row"]: each["reasons"][0]["reason"] for each in rejects(tmp_path / target)}
    assert told == {
        1: "the cell of column `id` is not UTF-8 text",
        3: "the cell of column `plan` is not UTF-8 text",
        4: "the row has 2 cells, which is not what the header has",
    }
    found = [row["id"] for row in read_table(tmp_path / target)]
    assert found == ["c0", None, "c2", "c3", None, "c4", "c5"]


@pytest.mark.parametrize(
    ("kind", "binary"), [(pa.string(), pa.binary()), (pa.string_view(), pa.binary_view())]
)
def test_a_kept_text_of_parquet_that_is_none_keeps_its_place(
    folder: Path, tmp_path: Path, kind: pa.DataType, binary: pa.DataType
) -> None:
    table = pa.Table.from_pylist(rows(3))
    raw = pa.array([b"c0", b"\xff", b"c2"], binary)
    text = pa.Array.from_buffers(kind, 3, raw.buffers())
    parquet.write_table(table.set_column(table.column_names.index("id"), "id", text), tmp_path / "in.parquet")
    for target in ("out.csv", "out.jsonl", "out.parquet"):
        assert run(folder, tmp_path / "in.parquet", tmp_path / target, keep=("id",)).rejected == 1
        assert [row["id"] for row in read_table(tmp_path / target)] == ["c0", None, "c2"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([{"a": 1}, None], pa.struct([("a", pa.int8())])),
        ([[1], []], pa.list_(pa.int8())),
        ([[("a", 1)], None], pa.map_(pa.string(), pa.int8())),
        ([["a"], None], pa.list_view(pa.string_view())),
    ],
)
def test_a_kept_column_that_csv_has_no_cell_for(
    folder: Path, tmp_path: Path, values: list[Any], kind: pa.DataType
) -> None:
    table = pa.Table.from_pylist(rows(2)).append_column("more", pa.array(values, kind))
    parquet.write_table(table, tmp_path / "in.parquet")
    with pytest.raises(UserError, match=r"`more` .* cannot be written to CSV"):
        run(folder, tmp_path / "in.parquet", tmp_path / "out.csv", keep=("more",))
    assert [each.name for each in tmp_path.iterdir()] == ["in.parquet"]
    run(folder, tmp_path / "in.parquet", tmp_path / "out.jsonl", keep=("more",))


ID = uuid.UUID("77dc97e7-fad3-4582-9c67-ae9b10c00b72")


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        (pa.array([ID.bytes, None], pa.uuid()), [str(ID), None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array([b"a", None], pa.binary_view()), ["a", None]),
        (pa.array(['{"a":1}', None], pa.json_()), ['{"a":1}', None]),
        (pa.array([1, None], pa.int8()).cast(pa.bool8()), ["1", None]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
    ],
)
def test_a_kept_column_of_a_type_that_csv_has_no_name_for(
    folder: Path, tmp_path: Path, values: pa.Array, cells: list[str | None]
) -> None:
    """Ids as databases write them, and text as newer engines do."""
    table = pa.Table.from_pylist(rows(2)).append_column("more", values)
    parquet.write_table(table, tmp_path / "in.parquet")
    run(folder, tmp_path / "in.parquet", tmp_path / "out.csv", keep=("more",))
    with (tmp_path / "out.csv").open(newline="") as stream:
        assert [row["more"] or None for row in csv.DictReader(stream)] == cells


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("out.csv", pa.array([b"\xff"])),
        ("out.csv", pa.array([b"\xff"], pa.binary_view())),
        ("out.jsonl", pa.array([2**30], pa.int32()).cast(pa.date32())),
    ],
)
def test_a_kept_value_that_a_format_has_no_form_for(
    folder: Path, tmp_path: Path, target: str, value: pa.Array
) -> None:
    table = pa.Table.from_pylist(rows(1)).append_column("more", value)
    parquet.write_table(table, tmp_path / "in.parquet")
    with pytest.raises(UserError, match="a kept column holds a value that cannot be written to"):
        run(folder, tmp_path / "in.parquet", tmp_path / target, keep=("more",))


@pytest.mark.slow
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
        ("out.parquet.rejects.jsonl", "out.parquet", "would replace the input"),
        ("out.csv.rejects.jsonl", "below/../out.csv", "would replace the input"),
        ("out.csv.report.json", "out.csv", "would replace the input"),
        ("absent.csv", "out.csv", "there is nothing here"),
        ("in.csv", "out.txt", "which format"),
        ("in.csv", "out.csv.gz", "written plain"),
        ("in.csv", "http://127.0.0.1:1/out.csv", "can only be read"),
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


@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_a_store_that_is_away_is_for_later(folder: Path, tmp_path: Path, scheme: str) -> None:
    done = command(str(folder), f"{scheme}://127.0.0.1:1/in.jsonl", "out.csv", "-C", str(tmp_path))
    assert (done.returncode, "Traceback" in done.stderr) == (75, False), done.stderr
    assert "did not answer" in done.stderr


def test_no_message_repeats_a_secret() -> None:
    place = place_of("http://user:hunter2@127.0.0.1:9/in.csv?token=hunter2#hunter2", Path())
    with pytest.raises((UserError, RetryLater)) as caught:
        place.fingerprint()
    assert "hunter2" not in str(caught.value) + place.shown
    assert place.beside("x").shown.startswith("http://127.0.0.1:9/")
