"""Killed anywhere, a batch that is started again ends with the same bytes, and does nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ordain.errors import RetryLater, UserError
from ordain.runtime.batch.request import Progress, Report
from tests.runtime.batch.desk import read_table, rejects, rows, run, write_table

KILLED = -signal.SIGKILL
# A run whose process dies before or after its n-th file appears, or in the middle of a partition.
DYING = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from ordain.adapters import places
from tests.runtime.batch import desk
when, number = sys.argv[5], int(sys.argv[6])
whole, written = places._local_writing, 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

@contextmanager
def dying(path):
    global written
    with whole(path) as stream:
        yield stream
        if when == "before" and written == number:
            die()
    written += 1
    if when == "after" and written == number + 1:
        die()

class Watched(list):
    def append(self, progress):
        if when == "row" and progress.rows > number:
            die()

places._local_writing = dying
desk.run(Path(sys.argv[2]), sys.argv[3], sys.argv[4], partition=100, keep=("id",), seen=Watched())
"""
ROOT = str(Path(__file__).parents[3])
WRITES = 1 + 3 * 3 + 3  # a note; rejects, scores and a record a partition; rejects, scores and the report


def dying(folder: Path, source: Path, target: Path, when: str, number: int) -> int:
    words = [sys.executable, "-c", DYING, ROOT, str(folder), str(source), str(target), when, str(number)]
    return subprocess.run(words, check=False, capture_output=True, timeout=120).returncode


def leftovers(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir() if "ordain-" in each.name]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    content = rows(250)
    content[120] |= {"plan": "w"}
    return write_table(tmp_path_factory.mktemp("table") / "in.csv", content)


@pytest.fixture(scope="module")
def wanted(folder: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    target = tmp_path_factory.mktemp("wanted") / "out.csv"
    run(folder, table, target, partition=100, keep=("id",))
    return {name: target.with_name(name).read_bytes() for name in ("out.csv", "out.csv.rejects.jsonl")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", [(when, number) for when in ("before", "after") for number in range(WRITES)]
)
def test_killed_around_every_file_that_appears(
    folder: Path, table: Path, wanted: dict[str, bytes], tmp_path: Path, moment: tuple[str, int]
) -> None:
    when, number = moment
    target = tmp_path / "out.csv"
    assert dying(folder, table, target, when, number) == KILLED
    report = tmp_path / "out.csv.report.json"
    done = report.exists()
    assert target.exists() <= (number >= WRITES - 3), "nothing appears before it is whole"
    again = run(folder, table, target, partition=100, keep=("id",))
    assert {name: (tmp_path / name).read_bytes() for name in wanted} == wanted
    assert again.rows == 250
    assert again.rejected == 1
    assert again.resumed == (250 if done else min(max(number - (when == "before"), 0) // 3 * 100, 250))
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("number", [0, 99, 100, 150])
def test_killed_within_a_partition(
    folder: Path, table: Path, wanted: dict[str, bytes], tmp_path: Path, number: int
) -> None:
    target = tmp_path / "out.csv"
    assert dying(folder, table, target, "row", number) == KILLED
    assert not target.exists()
    report = run(folder, table, target, partition=100, keep=("id",))
    assert report.resumed in {0, 100, 200}
    assert {name: (tmp_path / name).read_bytes() for name in wanted} == wanted


def test_finished_partitions_are_not_touched_again(folder: Path, table: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert dying(folder, table, target, "after", 6) == KILLED  # two partitions
    (work,) = [each for each in tmp_path.iterdir() if "ordain-" in each.name]
    finished = {
        each.name: each.stat().st_ino for each in work.iterdir() if each.name[:6] in {"000000", "000001"}
    }
    assert len(finished) == 6
    assert dying(folder, table, target, "before", 3) == KILLED  # while the rejects are put together
    assert {name: (work / name).stat().st_ino for name in finished} == finished


def test_killed_from_outside(folder: Path, tmp_path: Path) -> None:
    """A process that is at work, at a moment that nobody chose."""
    source = write_table(tmp_path / "in.jsonl", rows(60_000))
    program = "from ordain.cli.main import main; main()"
    words = [sys.executable, "-c", program, "score", str(folder), str(source), str(tmp_path / "out.jsonl")]
    process = subprocess.Popen(words, env={**os.environ, "PYTHONUNBUFFERED": "1"}, stderr=subprocess.DEVNULL)
    while process.poll() is None and not leftovers(tmp_path):
        time.sleep(0.005)
    process.kill()
    process.wait(timeout=30)
    report = run(folder, source, tmp_path / "out.jsonl", keep=("id",))
    assert [row["id"] for row in read_table(tmp_path / "out.jsonl")] == [
        f"c{number}" for number in range(60_000)
    ]
    assert report.rows == 60_000


def test_a_batch_that_is_done_is_not_done_again(folder: Path, table: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    first = run(folder, table, target)
    before = target.stat().st_ino
    again = run(folder, table, target)
    assert target.stat().st_ino == before
    assert (again.batch, again.resumed, again.rows) == (first.batch, 250, 250)
    target.unlink()
    assert run(folder, table, target).resumed == 0
    target.write_bytes(b"cut off")
    assert run(folder, table, target).resumed == 0
    (tmp_path / "out.csv.report.json").write_text("{}")
    assert run(folder, table, target).resumed == 0


def test_another_input_or_option_is_another_batch(folder: Path, tmp_path: Path) -> None:
    source, target = write_table(tmp_path / "in.csv", rows(250)), tmp_path / "out.csv"
    assert dying(folder, source, target, "after", 6) == KILLED
    assert len(leftovers(tmp_path)) == 1
    source.write_bytes(write_table(tmp_path / "other.csv", rows(250, vip=False)).read_bytes())
    report = run(folder, source, target, partition=100, keep=("id",))
    assert report.resumed == 0
    assert leftovers(tmp_path) == []
    ids = {
        run(folder, source, target, **each).batch for each in ({"keep": ("id",)}, {"policy": "accept"}, {})
    }
    assert len({report.batch, *ids}) == 4


def test_a_record_that_no_batch_wrote_is_named(folder: Path, table: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert dying(folder, table, target, "after", 3) == KILLED
    (work,) = [each for each in tmp_path.iterdir() if "ordain-" in each.name]
    (work / "000000.json").write_text(json.dumps({"rows": "many"}))
    with pytest.raises(UserError, match="not a record that a batch wrote"):
        run(folder, table, target, partition=100, keep=("id",))


def test_rejects_are_numbered_through_all_partitions(folder: Path, table: Path, tmp_path: Path) -> None:
    run(folder, table, tmp_path / "out.csv", partition=7)
    assert [each["row"] for each in rejects(tmp_path / "out.csv")] == [120]


class Overtaken(list[Progress]):
    """Another start of the same batch ends, or only takes the partitions away, while this one is at work."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile: Callable[[], object] | None = meanwhile

    def append(self, progress: Progress) -> None:
        if progress.rows > 150 and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()


def test_the_same_batch_twice_at_once(
    folder: Path, table: Path, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    target = tmp_path / "out.csv"
    first: list[Report] = []
    other = Overtaken(lambda: first.append(run(folder, table, target, partition=100, keep=("id",))))
    second = run(folder, table, target, partition=100, keep=("id",), seen=other)
    assert (second.batch, second.rows, second.resumed) == (first[0].batch, 250, 250)
    assert {name: (tmp_path / name).read_bytes() for name in wanted} == wanted
    assert leftovers(tmp_path) == []


def test_partitions_that_another_batch_took_away(folder: Path, table: Path, tmp_path: Path) -> None:
    """Two batches with one output: the one that comes second is to be started again."""
    target = tmp_path / "out.csv"
    other = Overtaken(lambda: run(folder, table, target, policy="accept"))
    with pytest.raises(RetryLater, match="done first"):
        run(folder, table, target, partition=100, keep=("id",), seen=other)
    assert run(folder, table, target, partition=100, keep=("id",)).rows == 250


def test_a_batch_without_its_rejects_is_done_again(
    folder: Path, table: Path, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    """The report names the file, so it has to be there."""
    target = tmp_path / "out.csv"
    for _ in range(2):
        report = run(folder, table, target, partition=100, keep=("id",))
        assert report.rejected == 1
        assert {name: (tmp_path / name).read_bytes() for name in wanted} == wanted
        target.with_name("out.csv.rejects.jsonl").unlink()
