from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.adapters import dvc
from ordain.adapters.dvc import BrokenLock, Reader, StageEvent, trouble
from ordain.adapters.dvc_leftovers import forget_dead_locks, sweep
from ordain.core.pipelines.pipeline import DVC_FILES
from ordain.errors import RetryLater, UserError

TRAIN = "pipelines/churn/dvc.yaml:train-a"
GATE = "pipelines/churn/dvc.yaml:gate"


def read(*lines: str) -> tuple[list[tuple[str, str]], Reader, list[StageEvent]]:
    events: list[StageEvent] = []
    reader = Reader(events.append)
    for line in lines:
        reader.read(line)
    return [(each.stage, each.state) for each in events], reader, events


def test_a_stage_runs_and_ends() -> None:
    told, reader, _ = read(
        f"Running stage '{TRAIN}':",
        "> python x",
        "hello",
        "Updating lock file 'pipelines/churn/dvc.lock'",
        "",
    )
    assert told == [(TRAIN, "running"), (TRAIN, "done")]
    assert not reader.failed


def test_the_next_stage_ends_the_one_before() -> None:
    told, _, _ = read(f"Running stage '{TRAIN}':", f"Running stage '{GATE}':", "Generating lock file 'x'")
    assert told == [(TRAIN, "running"), (TRAIN, "done"), (GATE, "running"), (GATE, "done")]


def test_what_did_not_run() -> None:
    told, _, _ = read(
        f"Stage '{TRAIN}' didn't change, skipping",
        f"Stage '{GATE}' is cached - skipping run, checking out outputs",
    )
    assert told == [(TRAIN, "unchanged"), (GATE, "restored")]


def test_a_failed_stage_keeps_what_it_said_and_nobody_elses() -> None:
    told, reader, events = read(
        f"Stage '{GATE}' didn't change, skipping",
        f"Running stage '{TRAIN}':",
        "> python x",
        "error: no",
        "WARNING: failed to run: python x, exited with 1",
        f"WARNING: Stages '{GATE}' and 'churn' will be skipped due to this failure",
        "Running stage 'fraud':",
        "Updating lock file 'dvc.lock'",
        f"ERROR: failed to reproduce '{TRAIN}'",
    )
    assert told[1:] == [(TRAIN, "running"), (TRAIN, "failed"), ("fraud", "running"), ("fraud", "done")]
    assert events[2].said == ("> python x", "error: no", "WARNING: failed to run: python x, exited with 1")
    assert reader.failed == {TRAIN}


def test_what_failed_before_it_ran_is_named_at_the_end() -> None:
    told, reader, events = read(
        "WARNING: [Errno 2] No such file or directory: 'x'",
        f"ERROR: failed to reproduce stages: '{GATE}' and '{TRAIN}'",
    )
    assert told == [(GATE, "failed"), (TRAIN, "failed")]
    assert events[0].said == ("WARNING: [Errno 2] No such file or directory: 'x'",)
    assert reader.failed == {GATE, TRAIN}


@given(
    st.lists(st.text(max_size=60) | st.sampled_from(["Running stage 'a':", "ERROR: failed to reproduce 'a'"]))
)
def test_no_output_breaks_the_reader(lines: list[str]) -> None:
    told, _, _ = read(*lines)
    assert all(stage for stage, _ in told)


@pytest.mark.parametrize(
    "text", ["Unable to acquire lock. Most likely", "'x' is busy, it is being blocked by:"]
)
def test_another_dvc_is_worth_another_try(text: str) -> None:
    assert isinstance(trouble(255, [f"ERROR: {text}"]), RetryLater)


@pytest.mark.parametrize("lock", ["dvc.lock", "pipelines/churn/dvc.lock"])
@pytest.mark.parametrize("fault", ["is invalid.", "validation failed.", "validation failed: 2 errors."])
def test_a_broken_lock_is_recognised(lock: str, fault: str) -> None:
    found = trouble(255, [f"'./{lock}' {fault}", "", "expected a list"])
    assert isinstance(found, BrokenLock)
    assert found.path == lock


@pytest.mark.parametrize("path", ["../dvc.lock", "data/dvc.lock", "pipelines/a/b/dvc.lock", "/etc/dvc.lock"])
def test_no_other_file_is_taken_for_a_lock(path: str) -> None:
    assert not isinstance(trouble(255, [f"'{path}' is invalid."]), BrokenLock)


def test_other_troubles() -> None:
    assert "disk is full" in str(trouble(255, ["ERROR: unexpected error - database or disk is full"]))
    assert str(trouble(255, ["ERROR: unexpected error - x", "Having any troubles?"])).endswith("error - x")
    assert str(trouble(255, ["what"])).endswith("what")
    assert str(trouble(3, [])).endswith("exit code 3")
    assert "signal 9" in str(trouble(-9, []))


def test_the_environment_is_private_and_repeatable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_AUTHOR_NAME", "DVC_STAGE", "DVC_STUDIO_TOKEN"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", "/mine")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    found = dvc.environment(tmp_path)
    assert not [each for each in found if each.startswith("GIT_")]
    assert "DVC_STUDIO_TOKEN" not in found
    assert (found["DVC_GLOBAL_CONFIG_DIR"], found["AWS_PROFILE"]) == ("/mine", "mine")
    assert found["DVC_NO_ANALYTICS"] == "1"
    assert found["DVC_SITE_CACHE_DIR"] == str(tmp_path / ".ordain/local/dvc")
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert "PYTHONPATH" not in found
    assert dvc.stage_environment(tmp_path).get("PYTHONPATH") == os.environ.get("PYTHONPATH")
    (tmp_path / "src/ordain").mkdir(parents=True)
    (tmp_path / "src/ordain/__init__.py").touch()
    assert dvc.stage_environment(tmp_path)["PYTHONPATH"] == str(tmp_path / "src")
    assert "PYTHONPATH" not in dvc.environment(tmp_path)


def test_a_module_in_the_repository_cannot_stand_in_for_dvc(tmp_path: Path) -> None:
    (tmp_path / "dvc.py").write_text("open('pwned', 'w')\n")
    (tmp_path / "yaml.py").write_text("open('pwned', 'w')\n")
    done = subprocess.run(
        dvc.command("--version"), cwd=tmp_path, env=dvc.environment(tmp_path), capture_output=True, check=True
    )
    assert done.stdout.startswith(b"3.")
    assert not (tmp_path / "pwned").exists()


def initialised(root: Path) -> Path:
    for path, data in DVC_FILES.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(data)
    return root


def test_preparing_makes_the_private_cache_and_sweeps(tmp_path: Path) -> None:
    left = initialised(tmp_path) / "pipelines/churn/data"
    left.mkdir(parents=True)
    (left / ".rows.parquet.abc.ordain-tmp").write_bytes(b"half")
    (left / ".artifact.x.ordain-tmp").mkdir()
    (left / "rows.parquet").write_bytes(b"whole")
    dvc.prepare(tmp_path)
    assert [each.name for each in left.iterdir()] == ["rows.parquet"]
    assert (tmp_path / ".ordain/local/dvc").stat().st_mode & 0o777 == 0o700


def test_sweeping_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "away/file").touch()
    (tmp_path / "here").mkdir()
    (tmp_path / "here/.a.ordain-tmp").symlink_to(tmp_path / "away")
    sweep(tmp_path / "here")
    assert (tmp_path / "away/file").exists()
    assert not list((tmp_path / "here").iterdir())


def test_a_folder_that_is_no_repository_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        dvc.prepare(tmp_path)
    assert caught.value.where == ".dvc/config"


def test_an_interpreter_without_a_command_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3.11"))
    with pytest.raises(UserError, match="no command `python`"):
        dvc.prepare(initialised(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        '{"write": {"/x": {"pi',
        '{"write": [], "read": 3}',
        "[]",
        "",
        '{"write": {"/x": 1}, "read": {}}',
        "\xff",
    ],
)
def test_a_half_written_lock_list_is_emptied(tmp_path: Path, text: str) -> None:
    (tmp_path / "rwlock").write_text(text, encoding="latin-1")
    forget_dead_locks(tmp_path)
    assert json.loads((tmp_path / "rwlock").read_text()) == {"write": {}, "read": {}}


def test_locks_of_the_living_stay(tmp_path: Path) -> None:
    code = "import sys, time; print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, "dvc"], stdout=subprocess.PIPE) as living:
        try:
            assert living.stdout is not None
            living.stdout.readline()
            mine, dead = {"pid": living.pid, "cmd": "dvc"}, {"pid": 2**22 + 1, "cmd": "dvc"}
            held = {"write": {"/a": mine, "/b": dead}, "read": {"/c": [mine, dead], "/d": [dead]}}
            (tmp_path / "rwlock").write_text(json.dumps(held))
            forget_dead_locks(tmp_path)
        finally:
            living.kill()
    found = json.loads((tmp_path / "rwlock").read_text())
    assert found == {"write": {"/a": mine}, "read": {"/c": [mine], "/d": []}}


def test_without_locks_nothing_is_written(tmp_path: Path) -> None:
    forget_dead_locks(tmp_path)
    assert not list(tmp_path.iterdir())


def test_one_run_at_a_time(tmp_path: Path) -> None:
    waited: list[int] = []

    class Turned(Exception):  # noqa: N818
        pass

    def turn() -> None:
        raise Turned

    with dvc.exclusive(tmp_path, lambda: waited.append(1)):
        with pytest.raises(Turned), dvc.exclusive(tmp_path, turn):
            pass
        assert not waited
    with dvc.exclusive(tmp_path, turn):
        pass


def test_the_lock_outlives_its_owner_in_a_child(tmp_path: Path) -> None:
    """A stage inherits the lock as its standard input, so the next run waits for it."""
    told: list[str] = []
    with dvc.exclusive(tmp_path, lambda: None) as lock:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.6)"], stdin=lock)
    with dvc.exclusive(tmp_path, lambda: told.append("waiting")):
        assert told == ["waiting"]
        assert child.wait(timeout=5) == 0


def test_a_link_in_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".ordain/local").mkdir(parents=True)
    (tmp_path / ".ordain/local/run.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError) as caught, dvc.exclusive(tmp_path, lambda: None):
        pass
    assert caught.value.reason == "hostile-object"
    assert not (tmp_path / "elsewhere").exists()
