"""Several processes at one address: shared work, one page of metrics, deaths, and a clean end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.artifacts.artifact import digest_of_files
from ordain.runtime.contract import Kind, Violation
from ordain.runtime.stats import Tally
from ordain.runtime.workers.wire import Counts, Frames, Others, Refused, Serving, Told, frame, others, told
from tests.runtime.test_lifecycle import GONE, refused
from tests.runtime.test_metrics import labelled, scrape
from tests.runtime.toy import PROGRAM, ROW, Running, files, process, serving, write
from tests.runtime.toy import told as said

WORKERS = 3


def children(pid: int) -> list[int]:
    """Processes that this one has started."""
    tasks = Path(f"/proc/{pid}/task")
    return sorted(
        int(each)
        for task in tasks.iterdir()
        for each in (task / "children").read_text(encoding="ascii").split()
    )


def eventually(holds: Callable[[], Any], seconds: float = 30) -> Any:
    """What the function answers, once that is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.05)
    pytest.fail("it did not come to pass")


def ask(running: Running, times: int) -> set[str]:
    """Ask on a new connection each time; by which processes the answers were made."""
    made = set()
    for _ in range(times):
        answer = httpx.post(f"http://127.0.0.1:{running.port}/predict", json=ROW)
        assert answer.status_code == 200
        made.add(answer.json()["id"].split("-")[1])
    return made


def counted(running: Running) -> dict[Any, float]:
    """The metrics by any of the processes."""
    with httpx.Client(base_url=running.client.base_url) as client:
        return scrape(client)


REQUESTS = labelled("ordain_requests_total", endpoint="predict", code="200")
ENDED: tuple[str, frozenset[tuple[str, str]]] = ("ordain_workers_ended_total", frozenset())


def test_all_of_them_answer_and_any_of_them_counts_for_all(folder: Path, tmp_path: Path) -> None:
    words = (str(folder), "--workers", str(WORKERS), "--log", str(tmp_path))
    with serving(*words, ORDAIN_RELEASE="toy@3") as running:
        assert len(children(running.process.pid)) == WORKERS
        assert len(ask(running, 60)) == WORKERS
        time.sleep(1.5)  # each has reported since
        for _ in range(8):
            seen = counted(running)
            assert seen[REQUESTS] == 60
            assert seen[labelled("ordain_rows_total")] == 60
            assert seen[labelled("ordain_request_duration_seconds_count", endpoint="predict")] == 60
        parent = Path(f"/proc/{running.process.pid}/statm").read_text(encoding="ascii").split()
        assert seen["process_resident_memory_bytes", frozenset()] > 3 * int(parent[1]) * os.sysconf(
            "SC_PAGESIZE"
        )
        running.process.terminate()
        assert running.process.wait(30) == 0
    logged = [
        json.loads(line) for each in tmp_path.glob("*.jsonl") for line in each.read_text("utf-8").splitlines()
    ]
    assert len({each["id"] for each in logged}) == len(logged) == 60
    assert len({each.name.split("-")[-3] for each in tmp_path.iterdir()}) == WORKERS


@pytest.mark.slow
def test_one_that_dies_is_replaced_and_its_counts_stay(folder: Path, tmp_path: Path) -> None:
    words = (str(folder), "--workers", "2", "--log", str(tmp_path))
    with serving(*words, ORDAIN_RELEASE="toy@3") as running:
        ask(running, 30)
        time.sleep(1.5)
        before = children(running.process.pid)
        os.kill(before[0], signal.SIGKILL)
        ask(running, 10)  # the other one, alone: nothing that listens is left behind
        after = eventually(lambda: len(now := children(running.process.pid)) == 2 and now)
        assert len({*before, *after}) == 3
        eventually(lambda: len(ask(running, 20)) == 2)
        time.sleep(1.2)
        seen = counted(running)
        assert seen[REQUESTS] >= 60
        assert seen[ENDED] == 1
        assert seen["ordain_requests_in_flight", frozenset()] == 1
        running.process.terminate()
        assert running.process.wait(30) == 0
    assert not list(tmp_path.glob("*.open")), "what the killed one had left open was taken over"


@pytest.mark.slow
def test_sigterm_drains_all_of_them(folder: Path) -> None:
    with serving(str(folder), "--workers", "2", "--drain", "2") as running:
        workers = children(running.process.pid)
        running.process.terminate()
        ready = f"http://127.0.0.1:{running.port}/v2/health/ready"
        eventually(lambda: all(httpx.get(ready).status_code == 503 for _ in range(8)), 2)
        assert ask(running, 1), "it goes on serving"
        assert running.process.wait(30) == 0
        assert not any(Path(f"/proc/{each}").exists() for each in workers)
        with pytest.raises((httpx.ConnectError, *GONE)):
            ask(running, 1)


def test_they_end_when_their_parent_is_killed(folder: Path) -> None:
    with serving(str(folder), "--workers", "2") as running:
        workers = children(running.process.pid)
        running.process.kill()
        running.process.wait(10)

        def ended() -> bool:
            return not any(_runs(each) for each in workers)

        eventually(ended)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # nobody may be there to take note of its end


def test_what_must_not_start_is_one_error(folder: Path) -> None:
    said = refused(str(folder), "--workers", "3", "--digest", "sha256:" + "0" * 64)
    assert said.count("was approved; it is not loaded") == 1
    with serving(str(folder), "--workers", "2") as running:
        words = [sys.executable, "-c", PROGRAM, "serve", str(folder), "--workers", "2", "--port"]
        done = subprocess.run(
            [*words, str(running.port)], capture_output=True, text=True, timeout=30, check=False
        )
        assert (done.returncode, "Address already in use" in done.stderr) == (1, True)


@pytest.mark.slow
def test_a_changed_artifact_is_refused_by_the_one_that_starts_later(tmp_path: Path) -> None:
    content = files()
    folder, digest = write(tmp_path, content), digest_of_files(content)
    words = [PROGRAM, "serve", str(folder), "--port", "0", "--json", "--workers", "2", "--digest", digest]
    with process(words, {}) as server:
        port = said(server)["port"]
        write(folder, {"profile.json": b'{"a":1}\n'})
        os.kill(children(server.pid)[0], signal.SIGKILL)
        time.sleep(3)
        for _ in range(20):
            assert httpx.post(f"http://127.0.0.1:{port}/predict", json=ROW).status_code == 200
        server.terminate()
        _, errors = server.communicate(timeout=30)
        assert server.returncode == 0
    lines = [json.loads(line) for line in errors.splitlines()]
    assert any("it is not loaded" in each.get("reason", "") for each in lines)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(1, 4000))
def test_messages_arrive_however_the_stream_is_cut(counts: list[int], size: int) -> None:
    sent: list[Told] = []
    for each in counts:
        tally = Tally.of(2)
        tally.models[1].requests["infer", 200] = each
        tally.models[0].count_violations([Violation(Kind.TYPE, "plan", 0, "")], "rejected", frozenset())
        tally.server.requests[404] = each
        tally.models[0].batches.observe(each)
        sent += [Counts(tally, asks=each > 3), Serving({"port": each}), Refused("a", "b", "c", "d")]
    stream = b"".join(frame(each) for each in sent)
    frames, got = Frames(), []
    for start in range(0, len(stream), size):
        got += [told(body) for body in frames.feed(stream[start : start + size])]
    assert got == sent
    answer = Others(sent[0].tally if isinstance(sent[0], Counts) else None, [1, 2], 0.5)
    (body,) = frames.feed(frame(answer))
    assert others(body) == answer


@given(st.lists(st.integers(0, 5000), max_size=5), st.lists(st.integers(0, 5000), max_size=5))
def test_a_sum_is_what_one_process_would_have_counted(mine: list[int], theirs: list[int]) -> None:
    def count(*runs: list[int]) -> Tally:
        tally = Tally.of(1)
        for rows in (each for run in runs for each in run):
            model = tally.models[0]
            model.batches.observe(rows)
            model.latency["infer"].observe(rows / 1024)
            model.labels["Yes"] += rows
            model.rows += rows
            tally.server.requests[200] += 1
            tally.log.written += rows
        return tally

    total = count(mine)
    total.add(count(theirs))
    assert total == count(mine, theirs)
