"""A compacted log says what its lines said, whatever is in them, and wherever the compaction was killed."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from ordain.adapters import compacted
from ordain.adapters.log_places import LogPlace
from ordain.adapters.met import Met
from ordain.adapters.places import place_of
from ordain.adapters.prediction_files import read_log
from ordain.adapters.predictions import Batch, Shape, Text
from ordain.cli.compact import command
from ordain.core.drift.evidence import Evidence, Settings
from ordain.errors import UserError
from ordain.services.monitoring.compact import Report, compact
from ordain.services.monitoring.monitor import Ask, monitor
from ordain.services.monitoring.watched import Approved, watched
from tests.watch.world import DAY, END, NOW, Log, artifact

SHAPE = Shape(
    text=("plan",),
    numbers=("price", "vip"),
    answers=("p_No", "p_Yes"),
    known=frozenset({"plan", "price", "vip"}),
)
DAY_MS = 86_400_000
Row = dict[str, Any]


def record(number: int, *inputs: Row, **changed: Any) -> Row:
    rows = inputs or ({"plan": "pro", "price": 1.5, "vip": True},)
    answer = {"label": "No", "probabilities": [0.75, 0.25]}
    return {
        "id": f"r{number}", "time": f"2026-11-20T00:00:{number % 60:02d}.125Z", "model": "churn",
        "version": "7", "latency": 0.001, "inputs": list(rows), "outputs": [answer] * len(rows), **changed,
    }  # fmt: skip


def written(folder: Path, *lines: Row | bytes, number: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"predictions-pod-1-{1_763_596_800_000 + number}-{number}.jsonl"
    encoded = [each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in lines]
    path.write_bytes(b"".join(encoded))
    return path


def run(folder: Path | str, now_ms: int = 0, keep_days: int | None = None) -> Report:
    return compact(place_of(str(folder), Path()), now_ms, keep_days)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def said(folder: Path | str, shape: Shape = SHAPE) -> tuple[Counter[Any], Counter[str], Met]:
    """Every prediction of a log with all that its columns say, how often each flag, and what was met."""
    met, rows, flags = Met(), Counter[Any](), Counter[str]()
    for batch in read_log(LogPlace(str(folder), "the log"), shape, met):
        rows.update(told(batch, shape))
        for kind in ("absent", "mistyped", "extra"):
            for name, found in getattr(batch, kind).items():
                flags[f"{kind} {name}"] += int(found.sum())
    return rows, flags, met


def told(batch: Batch, shape: Shape) -> list[Any]:
    def column(values: Any) -> list[Any]:
        if isinstance(values, Text):
            return [None if each < 0 else values.values[each] for each in values.places]
        return [None if np.isnan(each) else float(each) for each in values]

    nothing = [None] * len(batch.times)
    inputs = [
        column(batch.inputs[each]) if each in batch.inputs else nothing
        for each in (*shape.text, *shape.numbers)
    ]
    outputs = [column(batch.outputs[each]) for each in shape.answers]
    keys, times = batch.keys.tolist(), batch.times.tolist()
    return list(
        zip(keys, times, column(batch.models), column(batch.versions), *inputs, *outputs, strict=True)
    )


STRANGE = (
    record(1),
    record(2, {"plan": None, "price": None, "vip": None}),
    record(3, {"plan": "pro", "price": 2}),
    record(4, {"plan": 7, "price": "much", "vip": False}),
    record(5, {"plan": "pro", "price": 1.5, "vip": True, "shoe": 43}),
    record(6, {"plan": "a", "price": 1.0, "vip": True}, {"plan": "b", "price": None, "vip": False}),
    record(7, outputs=[{"probabilities": [0.5]}]),
    record(8, outputs=[{"prediction": 4.5}]),
    record(9, {}),
    record(10, time="2026-11-20T02:00:00+02:00"),
)
DAMAGED: tuple[Row | bytes, ...] = (
    b"\n", b"{}\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b'{"id": "\\ud800"}\n', b"null\n",
    record(20, outputs=[]), record(21, time="2026-11-20T00:00:00"), record(22, time="1950-01-01T00:00:00Z"),
    b'{"id": "cut off',
)  # fmt: skip


def test_a_compacted_log_says_what_its_lines_said(tmp_path: Path) -> None:
    for number in range(1, 4):
        written(tmp_path, *STRANGE, *DAMAGED, number=number)
    before = said(tmp_path)
    assert before[0].total() == 33
    report = run(tmp_path)
    assert (report.files, report.rows, report.rejected) == (3, 33, 3 * len(DAMAGED))
    after = said(tmp_path)
    assert after[:2] == before[:2]
    assert (after[2].corrupt, after[2].unreadable) == (before[2].corrupt, 0)
    kinds = Counter(each.partition("-")[0] for each in names(tmp_path))
    assert kinds.keys() == {"compacted", "rejects"}
    assert run(tmp_path) == Report(left=len(names(tmp_path)))
    assert said(tmp_path)[:2] == before[:2]


def test_what_was_rejected_is_told_with_where_it_was_and_why(tmp_path: Path) -> None:
    source = written(tmp_path, record(1), b"nonsense\n", b"x" * 9000 + b"\n")
    run(tmp_path)
    (path,) = tmp_path.glob("rejects-*.jsonl")
    one, two = (json.loads(each) for each in path.read_text().splitlines())
    assert one == {
        "file": source.name,
        "line": 2,
        "reason": "no record of the log",
        "bytes": 9,
        "text": "nonsense\n",
    }
    assert (two["line"], two["bytes"], len(two["text"])) == (3, 9001, compacted.SHOWN)


def test_a_monitor_finds_the_same_in_lines_and_in_parquet(tmp_path: Path) -> None:
    folder = artifact(tmp_path / "artifact")
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, 400, lambda inputs: inputs.update(price=inputs["price"] * 1.5))
    log.write([record(1, {"plan": "pro"})])
    labels = str(log.write_labels(tmp_path / "labels.jsonl"))

    def found() -> Evidence:
        ask = Ask(
            log=str(log.folder), labels=labels, length=DAY.total_seconds(), rows=0, horizon=30, season=0,
            now=NOW, end=END,
        )  # fmt: skip
        subject = watched(tmp_path, "churn@production", folder, Approved(release="churn@7"))
        return monitor(subject, ask, Settings())

    before = msgspec.to_builtins(found())
    run(log.folder)
    after = msgspec.to_builtins(found())
    assert before["outcome"] == "fail"
    for each in (before, after):
        each["reading"].pop("files", None)
    assert after == before


@pytest.mark.parametrize("opened", [1, 2, 5])
def test_a_monitor_that_reads_while_it_compacts_loses_nothing(
    opened: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files vanish between the listing and the reading, and what has come in their place is read."""
    for number in range(5):
        written(tmp_path, record(2 * number), record(2 * number + 1), number=number)
    (tmp_path / "predictions-pod-2-1763596800100-1.jsonl.open").write_text(json.dumps(record(50)) + "\n")
    before, real, calls = said(tmp_path)[0], LogPlace.opened, iter(range(1, 100))

    def meanwhile(self: LogPlace, path: str) -> Any:
        if next(calls) == opened:
            run(tmp_path)
            left = tmp_path / "predictions-pod-2-1763596800100-1.jsonl"
            left.with_suffix(".jsonl.open").rename(left)
        return real(self, path)

    monkeypatch.setattr(LogPlace, "opened", meanwhile)
    rows, _, met = said(tmp_path)
    assert set(rows) == set(before)
    assert met.unreadable == 0


def test_a_file_that_vanishes_without_another_in_its_place_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, real = written(tmp_path, record(1)), LogPlace.files
    written(tmp_path, record(2), number=2)

    def listed(self: LogPlace, endings: tuple[str, ...]) -> list[str]:
        found = real(self, endings)
        gone.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(LogPlace, "files", listed)
    rows, _, met = said(tmp_path)
    assert (rows.total(), met.files, met.unreadable) == (1, 2, 1)


def test_rows_of_one_kind_are_one_file_and_of_any_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacted, "GROUP_ROWS", 7)
    late = {"plan": "pro", "price": None, "vip": None}
    written(
        tmp_path,
        *(record(number, late) for number in range(10)),
        *(record(number) for number in range(10, 50)),
    )
    before = said(tmp_path)
    run(tmp_path)
    assert said(tmp_path)[:2] == before[:2]
    # The first group held nothing but missing values, so its file says nothing of their type.
    assert len(list(tmp_path.glob("*.parquet"))) == 2
    sizes = [parquet.ParquetFile(each).metadata.num_rows for each in tmp_path.glob("*.parquet")]
    assert sum(sizes) == 50


def test_too_many_kinds_of_rows_and_too_many_columns_are_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacted, "MOST_SHAPES", 3)
    monkeypatch.setattr(compacted, "MOST_COLUMNS", 5)
    many = [record(number, {f"c{number}": 1.0}) for number in range(10)]
    written(tmp_path, *many, record(11, {f"x{place}": 1.0 for place in range(6)}))
    report = run(tmp_path)
    assert (report.rows, report.rejected) == (3, 8)
    assert len(list(tmp_path.glob("*.parquet"))) == 3


def test_a_line_that_is_too_long_is_one_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacted, "LINE_LIMIT", 600)
    written(tmp_path, record(1), b"x" * 5000 + b"\n", record(2))
    report = run(tmp_path)
    assert (report.rows, report.rejected) == (2, 1)


def test_what_a_server_still_writes_and_what_others_wrote_stays(tmp_path: Path) -> None:
    written(tmp_path, record(1))
    for name in ("predictions-pod-1-5-2.jsonl.open", "notes.jsonl", "other.parquet"):
        (tmp_path / name).write_bytes(b"as it was")
    run(tmp_path)
    for name in ("predictions-pod-1-5-2.jsonl.open", "notes.jsonl", "other.parquet"):
        assert (tmp_path / name).read_bytes() == b"as it was"
    assert len(names(tmp_path)) == 4


def test_what_is_too_old_is_removed(tmp_path: Path) -> None:
    written(tmp_path, record(1))
    now = 1_763_596_800_000 + 10 * DAY_MS
    assert run(tmp_path, now, 30).removed == 0
    assert run(tmp_path, now, 5).removed == 1
    assert names(tmp_path) == []


def test_a_log_at_a_url_and_one_that_is_not_there(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    for number in (1, 2):
        data = written(tmp_path, record(number), b"x\n", number=number).read_bytes()
        memory.pipe_file(f"/compact/churn/predictions-pod-1-{number}-1.jsonl", data)
    before = said("memory://compact/churn")
    assert run("memory://compact/churn").rows == 2
    assert said("memory://compact/churn")[0] == before[0]
    assert all("predictions" not in each for each in memory.ls("/compact/churn", detail=False))
    assert run("memory://compact/absent") == Report(), "a store of objects knows no empty folder"


def test_a_place_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    file = written(tmp_path, record(1))
    fsspec.filesystem("memory").pipe_file("/compact/single.jsonl", file.read_bytes())
    for place in (tmp_path / "absent", file, "memory://compact/single.jsonl"):
        with pytest.raises(UserError, match="no folder") as caught:
            run(place)
        assert caught.value.where == str(place)
    assert names(tmp_path) == [file.name]


def test_a_compaction_that_finds_nothing_says_what_is_there(tmp_path: Path) -> None:
    def told(folder: str) -> str:
        done = CliRunner().invoke(command, [folder, "-C", str(tmp_path)])
        assert done.exit_code == 0
        return done.output.strip()

    zero = "0 files became Parquet: 0 rows, 0 lines rejected"
    (tmp_path / "log").mkdir()
    assert told("log") == f"{zero}; log is empty"
    (tmp_path / "log/other.txt").write_text("x")
    assert told("log") == f"{zero}; of 1 files there a server ended none"
    assert told("memory://user:hunter2@absent/log") == f"{zero}; memory://absent/log is empty"
    written(tmp_path / "log", record(1))
    assert told("log").startswith("1 files became Parquet: 1 rows, 0 lines rejected")


def test_a_journal_of_another_making_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    source = written(tmp_path, record(1))
    for content in (b"{}", b'{"sources":[{"name":"../x","size":1}],"written":true}', b"\xff"):
        (tmp_path / "compaction-0123456789ab.json").write_bytes(content)
        with pytest.raises(UserError, match="no journal"):
            run(tmp_path)
    true = f'{{"sources":[{{"name":"{source.name}","size":1}}],"written":true}}'
    (tmp_path / "compaction-0123456789ab.json").write_text(true)
    with pytest.raises(UserError, match="of other files"):
        run(tmp_path)
    assert source.exists()


KILLED = """
import os, sys
from pathlib import Path
from ordain.adapters.places import Place, place_of
from ordain.services.monitoring.compact import compact
left = [int(sys.argv[2])]
def counted(method):
    def call(self, *words):
        if not left[0]:
            os._exit(9)  # as a kill does: nothing is tidied up
        left[0] -= 1
        return method(self, *words)
    return call
for name in ("write", "remove", "writing", "text"):
    setattr(Place, name, counted(getattr(Place, name)))
real = Path.replace
Path.replace = lambda self, other: counted(lambda _: real(self, other))(None)
compact(place_of(sys.argv[1], Path()), 0, None)
"""


def test_killed_anywhere_the_next_run_ends_it_and_no_row_is_lost_or_there_twice(tmp_path: Path) -> None:
    kills, step = 0, 0
    while True:
        folder = tmp_path / str(step)
        written(folder, record(1), record(2, {"plan": "x"}), b"x\n")
        written(folder, record(3), number=2)
        before = said(folder)
        words = [sys.executable, "-c", KILLED, str(folder), str(step)]
        code = subprocess.run(words, check=False, env=os.environ).returncode
        if code == 0:
            break
        assert code == 9
        kills += 1
        written(folder, record(4), number=3)  # servers go on
        run(folder)
        after = said(folder)
        assert after[0].total() == 4
        assert before[0].keys() <= after[0].keys()
        assert after[2].corrupt == 1
        left = [each for each in names(folder) if not each.startswith((".", "compacted", "rejects"))]
        assert left == []
        step += 1
    assert kills > 10


cells = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
row_of = st.dictionaries(st.sampled_from(["plan", "price", "vip", "shoe"]), cells)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(row_of, min_size=1, max_size=3), min_size=1, max_size=6))
def test_any_rows_are_the_same_afterwards(
    tmp_path_factory: pytest.TempPathFactory, found: Sequence[Any]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    written(folder, *(record(number, *rows) for number, rows in enumerate(found)))
    before = said(folder)
    run(folder)
    after = said(folder)
    assert after[:2] == before[:2]
    assert after[2].corrupt == 0


def test_times_stay_to_the_microsecond(tmp_path: Path) -> None:
    written(tmp_path, record(1, time="2026-11-20T00:00:00.123456Z"))
    run(tmp_path)
    (path,) = tmp_path.glob("*.parquet")
    (row,) = parquet.read_table(path).to_pylist()
    assert row["time"] == dt.datetime(2026, 11, 20, microsecond=123456, tzinfo=dt.UTC)
    assert (row["label"], row["latency"], row["id"], row["row"]) == ("No", 0.001, "r1", 0)
