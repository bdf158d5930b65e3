"""A batch from file to file: every format, every row in its place, refused rows with their reasons."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from ordain.errors import UserError
from ordain.runtime.batch.request import Progress
from tests.runtime.batch.desk import answers, command, read_table, rejects, rows, run, write_table

FORMATS = (".parquet", ".csv", ".jsonl")


def check(found: list[dict[str, Any]], content: list[dict[str, Any]]) -> None:
    wanted = answers(content)
    assert [row["id"] for row in found] == [row["id"] for row in content]
    np.testing.assert_allclose([[row["p_No"], row["p_Yes"]] for row in found], wanted, rtol=0, atol=1e-5)
    assert [row["label"] for row in found] == ["Yes" if each >= 0.5 else "No" for each in wanted[:, 1]]


@pytest.mark.parametrize("given", FORMATS)
@pytest.mark.parametrize("asked", FORMATS)
def test_every_format_into_every_format(folder: Path, tmp_path: Path, given: str, asked: str) -> None:
    content = rows(333)
    source, target = write_table(tmp_path / f"in{given}", content), tmp_path / f"out{asked}"
    report = run(folder, source, target, keep=("id",), partition=100, threads=2)
    assert (report.rows, report.rejected, report.resumed) == (333, 0, 0)
    check(read_table(target), content)
    assert rejects(target) == []
    assert sorted(each.name for each in tmp_path.iterdir() if each != source) == [
        target.name, f"{target.name}.rejects.jsonl", f"{target.name}.report.json",
    ]  # fmt: skip


@pytest.mark.parametrize("given", FORMATS)
def test_a_refused_row_keeps_its_place(folder: Path, tmp_path: Path, given: str) -> None:
    content = rows(30)
    content[4] |= {"plan": "unheard of"}
    content[17] |= {"visits": 61, "amount": 1e5}
    content[29] |= {"visits": None}
    target = tmp_path / "out.parquet"
    report = run(folder, write_table(tmp_path / f"in{given}", content), target, keep=("id",), partition=10)
    assert (report.rows, report.rejected) == (30, 3)
    found = read_table(target)
    assert [row["id"] for row in found] == [row["id"] for row in content]
    assert [number for number, row in enumerate(found) if row["p_Yes"] is None] == [4, 17, 29]
    assert all(row["label"] is None for row in found if row["p_Yes"] is None)
    good = [number for number in range(30) if number not in {4, 17, 29}]
    check([found[number] for number in good], [content[number] for number in good])
    told = {each["row"]: [(r["column"], r["kind"]) for r in each["reasons"]] for each in rejects(target)}
    assert told == {
        4: [("plan", "unknown_category")],
        17: [("amount", "out_of_range"), ("visits", "out_of_range")],
        29: [("visits", "missing_value")],
    }
    assert "unheard of" not in (tmp_path / "out.parquet.rejects.jsonl").read_text()


def test_the_policy_accept_scores_what_the_graph_can_answer(folder: Path, tmp_path: Path) -> None:
    content = rows(6)
    content[1] |= {"plan": "unheard of"}
    content[2] |= {"visits": 61}
    content[3] |= {"amount": 1e300}
    source = write_table(tmp_path / "in.jsonl", content)
    report = run(folder, source, tmp_path / "out.jsonl", policy="accept", keep=("id",))
    assert report.rejected == 1
    assert report.violations == (
        ("amount", "infinite", "rejected", 1),
        ("plan", "unknown_category", "accepted", 1),
        ("visits", "out_of_range", "accepted", 1),
    )
    found = read_table(tmp_path / "out.jsonl")
    check(found[:3] + found[4:], content[:3] + content[4:])


def test_arrow_types_that_hold_the_values_are_read(folder: Path, tmp_path: Path) -> None:
    """Dates as dates, numbers as any number, text as codes of a dictionary."""
    import pyarrow as pa
    from pyarrow import parquet

    content = rows(40)
    columns = {name: [row[name] for row in content] for name in content[0]}
    days = [dt.date.fromisoformat(each) for each in columns["since"]]
    table = pa.table(
        {
            "id": columns["id"],
            "plan": pa.array(columns["plan"]).dictionary_encode(),
            "town": pa.array(columns["town"], pa.large_string()),
            "amount": pa.array(columns["amount"], pa.float32()),
            "visits": pa.array(columns["visits"], pa.uint8()),
            "vip": pa.array([int(each) for each in columns["vip"]], pa.int8()),
            "since": pa.array([dt.datetime.combine(each, dt.time()) for each in days], pa.timestamp("us")),
        }
    )
    parquet.write_table(table, tmp_path / "in.parquet")
    run(folder, tmp_path / "in.parquet", tmp_path / "out.parquet", keep=("id", "plan"))
    found = read_table(tmp_path / "out.parquet")
    check(found, content)
    assert [row["plan"] for row in found] == columns["plan"]


@pytest.mark.parametrize("kind", [pa.decimal128(12, 3), pa.decimal256(40, 3)])
def test_decimals_are_numbers(folder: Path, tmp_path: Path, kind: pa.DataType) -> None:
    content = rows(40)
    table = pa.Table.from_pylist(content)
    for name in ("amount", "visits"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, table.column(name).cast(pa.float64()).cast(kind))
    parquet.write_table(table, tmp_path / "in.parquet")
    run(folder, tmp_path / "in.parquet", tmp_path / "out.parquet", keep=("id", "amount"))
    check(read_table(tmp_path / "out.parquet"), content)


def test_a_day_that_no_calendar_has_is_no_date(folder: Path, tmp_path: Path) -> None:
    table = pa.Table.from_pylist(rows(3))
    days = pa.array([0, 2**24, -(2**24)], pa.int32()).cast(pa.date32())
    place = table.column_names.index("since")
    parquet.write_table(table.set_column(place, "since", days), tmp_path / "in.parquet")
    assert run(folder, tmp_path / "in.parquet", tmp_path / "out.parquet").rejected == 2


def test_at_a_url(folder: Path, tmp_path: Path) -> None:
    content = rows(25)
    files = fsspec.filesystem("memory")
    with files.open("/pond/in.jsonl", "wb") as stream:
        stream.write(write_table(tmp_path / "in.jsonl", content).read_bytes())
    report = run(folder, "memory://pond/in.jsonl", "memory://pond/out.csv", keep=("id",), partition=10)
    assert report.rows == 25
    (tmp_path / "out.csv").write_bytes(files.cat_file("/pond/out.csv"))
    check(read_table(tmp_path / "out.csv"), content)
    assert sorted(each.rpartition("/")[2] for each in files.ls("/pond", detail=False)) == [
        "in.jsonl", "out.csv", "out.csv.rejects.jsonl", "out.csv.report.json",
    ]  # fmt: skip


def test_parquet_at_a_url_is_taken_up_after_a_kill(folder: Path, tmp_path: Path) -> None:
    content = rows(250)
    files = fsspec.filesystem("memory")
    with files.open("/sea/in.parquet", "wb") as stream:
        stream.write(write_table(tmp_path / "in.parquet", content).read_bytes())
    words = (folder, "memory://sea/in.parquet", "memory://sea/out.parquet")

    class Killed(BaseException):
        pass

    class Watched(list[Progress]):
        def append(self, progress: Progress) -> None:
            if progress.rows > 150:
                raise Killed

    with pytest.raises(Killed):
        run(*words, keep=("id",), partition=50, seen=Watched())
    assert not files.exists("/sea/out.parquet")
    report = run(*words, keep=("id",), partition=50)
    assert (report.rows, report.resumed >= 50) == (250, True)
    (tmp_path / "out.parquet").write_bytes(files.cat_file("/sea/out.parquet"))
    check(read_table(tmp_path / "out.parquet"), content)


PEAK = """
import resource, sys
from ordain.cli.main import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


POOL = """
from ordain.cli.main import main
try:
    main()
finally:
    import pyarrow
    print(pyarrow.default_memory_pool().backend_name)
"""


def test_arrow_gives_back_what_it_has_had(folder: Path, tmp_path: Path) -> None:
    """Parquet is read with memory of the C++ library's pool, which is not the one of the bindings."""
    source = write_table(tmp_path / "in.parquet", rows(3))
    words = [sys.executable, "-c", POOL, "score", str(folder), str(source), f"{source}.csv", "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "system\n"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_table(folder: Path, tmp_path: Path) -> None:
    peaks = []
    for count in (50_000, 1_000_000):
        table = pa.Table.from_pylist(rows(1000))
        source, target = tmp_path / f"{count}.parquet", tmp_path / f"{count}.scores.parquet"
        with parquet.ParquetWriter(source, table.schema) as writer:
            for _ in range(count // 50_000):
                writer.write_table(pa.concat_tables([table] * 50))
        words = [sys.executable, "-c", PEAK, "score", str(folder), str(source), str(target), "--quiet"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.splitlines()[-1]))
    assert peaks[1] - peaks[0] < 40, peaks


def test_packed_text_is_read(folder: Path, tmp_path: Path) -> None:
    content = rows(20)
    for suffix in (".csv", ".jsonl"):
        plain = write_table(tmp_path / f"in{suffix}", content)
        packed = tmp_path / f"in{suffix}.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        run(folder, packed, tmp_path / f"out{suffix}", keep=("id",))
        check(read_table(tmp_path / f"out{suffix}"), content)


def test_no_rows_give_no_rows(folder: Path, tmp_path: Path) -> None:
    for suffix in FORMATS:
        source = write_table(tmp_path / f"in{suffix}", rows(1))
        if suffix == ".parquet":
            from pyarrow import parquet

            parquet.write_table(parquet.read_table(source).slice(0, 0), source)
        else:
            header = source.read_text().splitlines(keepends=True)[:1]
            source.write_text("".join(header) if suffix == ".csv" else "")
        target = tmp_path / f"out{suffix}"
        assert run(folder, source, target, keep=("id",)).rows == 0
        assert read_table(target) == []


def test_all_rows_refused_is_an_error_and_stays_one(folder: Path, tmp_path: Path) -> None:
    source = write_table(tmp_path / "in.csv", rows(9, plan="w"))
    for _ in range(2):
        with pytest.raises(UserError, match="none of 9 rows"):
            run(folder, source, tmp_path / "out.csv")
    assert len(rejects(tmp_path / "out.csv")) == 9


def test_the_command_as_a_job_runs_it(folder: Path, tmp_path: Path) -> None:
    """Arguments and environment as the CronJob renders them; the result on stdout, nothing on stderr."""
    write_table(tmp_path / "in.parquet", rows(50))
    pod = {"ORDAIN_RELEASE": "toy@7", "ORDAIN_INTENT": "i1", "ORDAIN_ENVIRONMENT": "staging"}
    words = (str(folder), f"file://{tmp_path}/in.parquet", f"file://{tmp_path}/out.parquet")
    done = command(*words, "--json", **pod)
    assert (done.returncode, done.stderr) == (0, "")
    facts = json.loads(done.stdout)
    assert (facts["rows"], facts["version"], facts["release"], facts["intent"]) == (50, "7", "toy@7", "i1")
    assert json.loads((tmp_path / "out.parquet.report.json").read_text()) == facts
    refused = command(*words, **pod, ORDAIN_ARTIFACT="sha256:" + "0" * 64)
    assert refused.returncode == 1
    assert "it is not loaded" in refused.stderr


def test_people_read_a_sentence(folder: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "in.csv", [*rows(5), *rows(1, visits=99)])
    done = command(str(folder), "in.csv", "out.jsonl", "-C", str(tmp_path))
    assert done.returncode == 0
    assert "scored 6 rows with toy/" in done.stdout
    assert "1 rows are outside the contract" in done.stdout
    again = command(str(folder), "in.csv", "out.jsonl", "-C", str(tmp_path))
    assert "6 rows were scored already" in again.stdout


@pytest.mark.parametrize("pandas", ["with", "without"])
def test_nanoseconds_give_the_same_bytes_with_and_without_pandas(
    folder: Path, tmp_path: Path, pandas: str
) -> None:
    """Where pandas is there, Arrow makes its types of nanoseconds; the image for jobs has none."""
    content, second = rows(3), 1_700_000_000 * 10**9
    table = pa.Table.from_pylist(content)
    for name, kind in (("at", pa.timestamp("ns")), ("zoned", pa.timestamp("ns", "Europe/Zurich"))):
        table = table.append_column(name, pa.array([second, second + 1, None], kind))
    table = table.append_column("took", pa.array([10**9, 0, None], pa.duration("ns")))
    table = table.set_column(0, "plan", pa.array([second, second + 1, None], pa.timestamp("ns")))
    parquet.write_table(table, tmp_path / "in.parquet")
    hidden = tmp_path / "hidden/pandas"
    hidden.mkdir(parents=True)
    if pandas == "without":
        (hidden / "__init__.py").write_text("raise ImportError('hidden')\n")
    path = os.pathsep.join([str(hidden.parent), os.environ.get("PYTHONPATH", "")])
    keep = [word for name in ("at", "zoned", "took") for word in ("--keep", name)]
    done = command(
        str(folder), str(tmp_path / "in.parquet"), str(tmp_path / "out.jsonl"), *keep,
        "--invalid-input", "accept", PYTHONPATH=path,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    found = read_table(tmp_path / "out.jsonl")
    told = {each["row"]: each["reasons"][0]["kind"] for each in rejects(tmp_path / "out.jsonl")}
    assert told == {0: "type", 1: "type"}
    assert [row["at"] for row in found] == [
        "2023-11-14T22:13:20.000000000", "2023-11-14T22:13:20.000000001", None,
    ]  # fmt: skip
    assert [row["zoned"] for row in found] == [
        "2023-11-14T22:13:20.000000000Z", "2023-11-14T22:13:20.000000001Z", None,
    ]  # fmt: skip
    assert [row["took"] for row in found] == ["PT1S", "P0D", None]
