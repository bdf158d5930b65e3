"""The prediction log: what a line holds, rotation, drops, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pytest

from ordain.errors import UserError
from ordain.runtime import predictionlog
from ordain.runtime.admission import Packed
from ordain.runtime.artifact import open_artifact
from ordain.runtime.endpoints import Scored
from ordain.runtime.model import Identity, Model
from ordain.runtime.predictionlog import Describe, Entry, PredictionLog
from ordain.runtime.sinks import FolderSink, Rotation, Sink, UrlSink, open_sink
from ordain.runtime.stats import LogStats
from tests.runtime.toy import ROW, files, serving, tensors, write


def lines(folder: Path) -> list[dict[str, Any]]:
    found = sorted(folder.glob("*.jsonl"))
    return [json.loads(line) for path in found for line in path.read_text("utf-8").splitlines()]


def test_a_server_logs_every_answer_and_loses_none_at_the_end(tmp_path: Path) -> None:
    folder, log = write(tmp_path / "toy", files()), tmp_path / "log"
    with serving(str(folder), ORDAIN_PREDICTION_LOG=str(log), ORDAIN_RELEASE="toy@3") as running:
        first = running.client.post("/predict", json=[ROW, {**ROW, "town": None}]).json()
        second = running.client.post("/v2/models/toy/infer", json={"inputs": tensors(ROW)}).json()
        assert running.client.post("/predict", json={}).status_code == 400
    one, two = lines(log)
    assert (one["id"], two["id"]) == (first["id"], second["parameters"]["prediction_id"])
    assert (one["model"], one["version"]) == ("toy", "3")
    assert one["time"].endswith("Z")
    assert one["latency"] > 0
    # Personal columns (town, vip) are left out.
    assert one["inputs"] == [{"plan": "x", "amount": 12.5, "visits": 3, "since": 18321.0}] * 2
    assert one["outputs"][0]["label"] == "Yes"
    assert one["outputs"][0]["probabilities"] == second["outputs"][0]["data"]


def test_a_server_with_a_salt_logs_hashes_of_personal_columns(tmp_path: Path) -> None:
    folder, log = write(tmp_path / "toy", files()), tmp_path / "log"
    with serving(str(folder), ORDAIN_PREDICTION_LOG=str(log), ORDAIN_LOG_SALT="pepper") as running:
        assert running.client.post("/predict", json=ROW).status_code == 200
    (line,) = lines(log)
    (row,) = line["inputs"]
    assert {len(row["town"]), len(row["vip"])} == {16}
    assert (row["plan"], row["amount"]) == ("x", 12.5)
    assert "Uster" not in json.dumps(line)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    verified = open_artifact(write(tmp_path / "model", files()), "")
    return Model(Identity(name="toy", version="1", artifact=verified.digest), verified)


def entry(model: Model, describe: Describe, rows: int = 1, size: int = 100) -> Entry:
    packed = Packed(rows, ["x", "Uster"] * rows, [12.5, 3, True, None] * rows)
    answers = model.run([packed])
    return Entry(Scored("a-1", answers, model.labels(answers)), 1e9, 0.001, packed, describe, size)


def first_inputs(model: Model, salt: bytes) -> dict[str, Any]:
    describe = Describe(model, salt)
    shown: dict[str, Any] = json.loads(msgspec.json.encode(describe.line(entry(model, describe))))["inputs"][
        0
    ]
    return shown


def test_personal_columns_are_hashed_only_with_a_salt(model: Model) -> None:
    plain = first_inputs(model, b"")
    assert set(plain) == {"plan", "amount", "visits", "since"}
    salted = first_inputs(model, b"pepper")
    other = first_inputs(model, b"other")
    assert len(salted["town"]) == 16
    assert "Uster" not in json.dumps(salted)
    assert salted["town"] != other["town"]
    assert salted["town"] != salted["vip"]


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("salt", "columns"), [(b"", 0), (b"salt", 6)])
def test_a_model_may_have_nothing_but_personal_columns(
    model: Model, rows: int, salt: bytes, columns: int
) -> None:
    features = tuple(msgspec.structs.replace(each, personal=True) for each in model.signature.features)
    model.signature = msgspec.structs.replace(model.signature, features=features)
    describe = Describe(model, salt)
    line = json.loads(msgspec.json.encode(describe.line(entry(model, describe, rows))))
    assert [len(each) for each in line["inputs"]] == [columns] * rows


def test_long_and_short_records_are_all_written(model: Model, tmp_path: Path) -> None:
    for rows, entries in ((1, 500), (predictionlog.LARGE + 1, 3)):
        stats = logged(model, FolderSink(tmp_path / str(rows), Rotation()), entries, rows)
        assert (stats.written, stats.dropped) == (entries, 0)
        assert [len(each["inputs"]) for each in lines(tmp_path / str(rows))] == [rows] * entries


class Stuck:
    """A disk that is full."""

    written = dropped = removed = 0

    def write(self, lines: bytes, records: int) -> None:
        self.dropped += records
        raise OSError(28, "No space left on device")

    def tick(self) -> None:
        pass

    def close(self) -> None:
        pass


def logged(model: Model, sink: Sink, entries: int, rows: int = 1) -> LogStats:
    stats = LogStats()

    async def run() -> None:
        log = PredictionLog(sink, stats)
        log.start()
        describe = Describe(model, b"")
        for _ in range(entries):
            log.add(entry(model, describe, rows))
        await asyncio.sleep(0.1)
        log.close()

    asyncio.run(run())
    return stats


def test_a_full_disk_drops_and_counts(model: Model) -> None:
    stats = logged(model, Stuck(), 300)
    assert (stats.written, stats.dropped) == (0, 300)


def test_a_full_queue_drops_and_counts(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictionlog, "CAPACITY", 10)
    stats = logged(model, FolderSink(tmp_path / "log", Rotation()), 30, rows=5)
    assert (stats.written, stats.dropped) == (2, 28)
    assert len(lines(tmp_path / "log")) == 2


class Held(FolderSink):
    """A disk that takes its time: it writes nothing until it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Rotation())
        self.go_on = threading.Event()

    def write(self, lines: bytes, records: int) -> None:
        self.go_on.wait()
        super().write(lines, records)


@pytest.mark.parametrize("rows", [1, predictionlog.LARGE + 1])
def test_the_queue_is_bounded_in_bytes_until_they_are_written(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Few rows may hold much text, and what the thread has taken is still in memory."""
    size = predictionlog.LARGE_BYTES + 1
    monkeypatch.setattr(predictionlog, "CAPACITY_BYTES", 3 * size)
    sink, stats, describe = Held(tmp_path), LogStats(), Describe(model, b"")

    async def run() -> None:
        log = PredictionLog(sink, stats)
        log.start()
        for _ in range(8):
            log.add(entry(model, describe, rows, size))
            await asyncio.sleep(2 * predictionlog.PAUSE)  # the thread takes it, and waits for the disk
        sink.go_on.set()
        log.close()
        assert (log._rows, log._bytes) == (0, 0)

    asyncio.run(run())
    assert (stats.written, stats.dropped) == (3, 5)


def test_files_are_rotated_whole_and_the_oldest_go(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path, Rotation(bytes=20, keep=3))
    for number in range(8):
        sink.write(b'{"number": %d, "filler": 1}\n' % number, 1)
        assert not list(tmp_path.glob("*.open"))
    assert [each["number"] for each in lines(tmp_path)] == [5, 6, 7]
    assert sink.removed == 5
    sink.write(b"{}\n", 1)
    sink.tick()
    (left,) = tmp_path.glob("*.open")
    sink.close()
    left.with_name(left.name.replace(".jsonl", "0.jsonl")).write_bytes(b"{}\n")
    old = FolderSink(tmp_path, Rotation(seconds=0))  # what a killed process left is whole now
    assert len(lines(tmp_path)) == 4
    old.write(b"{}\n", 1)
    old.tick()
    old.close()
    assert not list(tmp_path.glob("*.open"))


def gone() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


@pytest.mark.parametrize("worker", ["", ".2"])
def test_files_of_processes_that_are_no_more_are_rotated_with_ones_own(tmp_path: Path, worker: str) -> None:
    """A unit that restarts has another number each time."""
    host, living = socket.gethostname(), os.getppid()
    for number in range(6):
        name = f"predictions-{host}-{gone()}{worker}-{1000 + number}-1.jsonl"
        (tmp_path / name).write_bytes(b'{"number": %d}\n' % number)
    others = tmp_path / f"predictions-{host}-{living}-999-1.jsonl"
    others.write_bytes(b'{"number": -1}\n')
    sink = FolderSink(tmp_path, Rotation(keep=3), f"{os.getpid()}{worker}")
    sink.write(b'{"number": 6}\n', 1)
    sink.close()
    assert sorted(each["number"] for each in lines(tmp_path)) == [-1, 4, 5, 6]


def test_what_a_killed_process_had_open_is_ended_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    left = tmp_path / f"predictions-{socket.gethostname()}-{gone()}-1000-1.jsonl.open"
    left.write_bytes(b'{"number": 1}\n')
    living = FolderSink(tmp_path, Rotation(), "77.1")
    living.write(b'{"number": 2}\n', 1)
    FolderSink(tmp_path, Rotation())
    assert [each["number"] for each in lines(tmp_path)] == [1]
    living.close()
    assert sorted(each["number"] for each in lines(tmp_path)) == [1, 2]


@pytest.mark.parametrize("moment", ["locked", "closed"])
def test_a_process_that_starts_at_any_moment_ends_no_file_of_a_living_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Neither between the making of a file and its lock, nor before it has the name of a whole one."""
    lock, rename = fcntl.flock, Path.rename
    living = FolderSink(tmp_path, Rotation(), "77.1")

    def start(*_: object) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        monkeypatch.setattr(Path, "rename", rename)
        FolderSink(tmp_path, Rotation())

    def late_lock(stream: Any, flags: int) -> None:
        start()
        lock(stream, flags)

    def late_rename(path: Path, target: Path) -> Path:
        start()
        return rename(path, target)

    if moment == "locked":
        monkeypatch.setattr(fcntl, "flock", late_lock)
    living.write(b'{"number": 1}\n', 1)
    assert lines(tmp_path) == []
    if moment == "closed":
        monkeypatch.setattr(Path, "rename", late_rename)
    living.close()
    assert [each["number"] for each in lines(tmp_path)] == [1]


@pytest.mark.parametrize("call", ["rename", "unlink"])
def test_a_file_that_somebody_else_has_to_end_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Where several users write to one folder, such as `/tmp`, each ends and removes their own only."""
    stem, kept = f"predictions-{socket.gethostname()}-{gone()}", getattr(Path, call)
    for number, name in enumerate(("1000-1.jsonl", "1001-2.jsonl.open")):
        (tmp_path / f"{stem}-{name}").write_bytes(b'{"number": %d}\n' % number)

    def refuse(path: Path, *rest: Any) -> Any:
        if path.name.startswith(stem):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return kept(path, *rest)

    monkeypatch.setattr(Path, call, refuse)
    sink = FolderSink(tmp_path, Rotation(keep=1), str(os.getpid()))
    sink.write(b'{"number": 2}\n', 1)
    sink.close()
    assert (sink.written, sink.dropped) == (1, 0)
    assert {"number": 2} in lines(tmp_path)


def test_objects_appear_whole_at_a_url() -> None:
    files = fsspec.filesystem("memory")
    sink = open_sink("memory://predictions/churn", Rotation(bytes=30, seconds=0))
    assert isinstance(sink, UrlSink)
    sink.write(b'{"number": 1}\n', 1)
    assert not files.exists("/predictions/churn")
    sink.write(b'{"number": 2, "filler": 1}\n', 1)
    sink.write(b'{"number": 3}\n', 1)
    sink.tick()
    sink.close()
    found = [files.cat_file(path) for path in sorted(files.ls("/predictions/churn", detail=False))]
    assert [each.count(b"\n") for each in found] == [2, 1]
    assert (sink.written, sink.dropped) == (3, 0)


def test_an_object_that_cannot_be_stored_is_counted_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sink = UrlSink(f"file://{tmp_path}/file/below", Rotation(bytes=30))
    sink.write(b'{"number": 1}\n', 1)
    assert (sink.written, sink.dropped) == (0, 0)
    with pytest.raises(OSError, match=r"Not a directory|exists"):
        sink.write(b'{"number": 2, "filler": 1}\n{}\n', 2)
    assert (sink.written, sink.dropped) == (0, 3)


def test_a_disk_that_fills_in_the_middle_leaves_whole_lines(tmp_path: Path) -> None:
    sink, before = FolderSink(tmp_path, Rotation()), resource.getrlimit(resource.RLIMIT_FSIZE)
    line = b'{"filler": "%s"}\n' % (b"x" * 600)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # the second line fits in part
    try:
        sink.write(line, 1)
        with pytest.raises(OSError, match="too large"):
            sink.write(line, 1)
        sink.write(b"{}\n", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    sink.close()
    assert len(lines(tmp_path)) == 2
    assert (sink.written, sink.dropped) == (2, 1)


def test_places_that_cannot_be_written_are_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the prediction log"):
        open_sink(str(tmp_path / "file"), Rotation())
    with pytest.raises(UserError, match="cannot write the prediction log there"):
        open_sink("nosuch://place", Rotation())
    with pytest.raises(UserError, match="another host"):
        open_sink("file://elsewhere/log", Rotation())
    for place in (f"file://{tmp_path}/log", f"file://localhost{tmp_path}/log2"):
        sink = open_sink(place, Rotation())
        sink.write(b"{}\n", 1)
        sink.close()
    assert (len(lines(tmp_path / "log")), len(lines(tmp_path / "log2"))) == (1, 1)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_ended(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / f"predictions-{socket.gethostname()}-1-1-1.jsonl.open")
    opened = threading.Thread(target=FolderSink, args=(tmp_path, Rotation()), daemon=True)
    opened.start()
    opened.join(10)
    assert not opened.is_alive()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        open_sink(str(tmp_path / "log"), Rotation())
