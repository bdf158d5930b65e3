"""The door to DVC: its command line as a child process of the same interpreter, and nothing of its insides.

DVC comes with what a run needs to be repeatable: this interpreter's `python` first on the path, a plain
shell, a cache folder of the repository's own, no analytics, and none of a surrounding Git or DVC command's
variables. What an earlier run left when it was killed is mended before the next one starts.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from ordain.adapters import files as disk
from ordain.adapters.dvc_leftovers import forget_dead_locks, sweep
from ordain.core.pipelines.dvcfiles import CONFIG, check_config
from ordain.core.pipelines.failures import known_fault
from ordain.errors import RetryLater, UserError

LOCAL = ".ordain/local"
SITE_CACHE = f"{LOCAL}/dvc"
RUN_LOCK = f"{LOCAL}/run.lock"
_KEPT = ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR")

State = Literal["running", "done", "restored", "unchanged", "failed"]
_RUNNING = re.compile(r"Running stage '([^']+)':")
_STILL = re.compile(r"Stage '([^']+)' (didn't change|is cached)")
_QUOTED = re.compile(r"'([^']+)'")
_FAILED = ("WARNING: failed to run: ", "WARNING: output '")
_ALL_FAILED = "ERROR: failed to reproduce"
_ENDED = ("Updating lock file", "Generating lock file")
_SKIPPED = "will be skipped due to this failure"
BUSY = ("Unable to acquire lock", "is busy, it is being blocked by")
_BROKEN = re.compile(r"'(?:\./)?((?:pipelines/[^/']+/)?dvc\.lock)' (?:is invalid|validation failed)")


class StageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one stage.

    Attributes:
        stage: as DVC addresses it from the root: `pipelines/churn/dvc.yaml:train-xgboost`, or `churn`
            for a stage of the top file.
        state: `restored` means that DVC's run cache had the outputs of the very same inputs.
        said: for `failed`, what the stage and DVC printed.
    """

    stage: str
    state: State
    said: tuple[str, ...] = ()


Watch = Callable[[StageEvent], None]


def environment(root: Path) -> dict[str, str]:
    """The variables of a DVC process that runs nothing: no Python path leads it to the repository's code."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not name.startswith(("GIT_", "DVC_", "PYTHONPATH"))
    }
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    kept["SHELL"] = "/bin/sh"
    kept["COLUMNS"] = "1000"  # DVC would wrap the paths that are read from its messages
    kept["DVC_NO_ANALYTICS"] = "1"
    kept["DVC_SITE_CACHE_DIR"] = str(root / SITE_CACHE)
    return kept


def stage_environment(root: Path) -> dict[str, str]:
    """The variables of a DVC process that runs stages."""
    found = environment(root)
    if (root / "src/ordain/__init__.py").is_file():
        # Stages depend on the source in this very tree, so this is what they must run.
        found["PYTHONPATH"] = str(root / "src")
    elif "PYTHONPATH" in os.environ:
        found["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return found


def command(*words: str) -> list[str]:
    """DVC's command line by this interpreter; -P keeps the current folder off the import path."""
    return [sys.executable, "-P", "-m", "dvc", *words]


@contextmanager
def exclusive(root: Path, waiting: Callable[[], None]) -> Iterator[int]:
    """Be the only `ordain run` in this working tree.

    The descriptor becomes the standard input of DVC, hence of every stage. The lock is therefore held until
    the last of them has ended, even when this process is killed and they are not: a rerun never meets a
    stage of its predecessor.

    Args:
        root: the repository.
        waiting: called once when another run holds the lock.
    """
    path = disk.inside(root, RUN_LOCK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, disk.FILE_MODE)
    except OSError as error:
        raise UserError(
            f"cannot write: {error.strerror}", where=RUN_LOCK, fix="check the folder's permissions and space"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def prepare(root: Path) -> None:
    """Check that DVC can run here, and mend what a killed DVC leaves behind.

    Raises:
        UserError: when the folder is no DVC repository, its configuration leads elsewhere
            (`hostile-object`), DVC is not installed, or the interpreter's folder has no `python`, by which
            the stages' commands call it.
    """
    config = disk.inside(root, CONFIG)
    if not config.is_file():
        fix = "git checkout .dvc, or in a new repository: ordain init"
        raise UserError("this is not a DVC repository", where=CONFIG, fix=fix)
    check_config(disk.read_bytes(config, disk.STATE_LIMIT))
    if not (Path(sys.executable).parent / "python").exists():
        raise UserError(
            "the environment has no command `python`, by which stages are run",
            where=sys.executable,
            fix="create the environment with `python3 -m venv`",
        )
    if find_spec("dvc") is None:
        raise UserError(
            "DVC is not installed", where=sys.executable, fix="install Ordain with its extra `train`"
        )
    folder = disk.inside(root, SITE_CACHE)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write: {error.strerror}", where=SITE_CACHE, fix="free some space") from error
    forget_dead_locks(disk.inside(root, ".dvc/tmp"))
    sweep(disk.inside(root, "pipelines"))


def repro(
    root: Path, targets: Sequence[str], lock: int, watch: Watch, *options: str, flags: Sequence[str] = ()
) -> None:
    """Run stages and what they depend on; where one fails, go on with what doesn't depend on it.

    Args:
        root: the repository. targets: stages of the top file. lock: the descriptor of `exclusive`.
        watch: told of every stage; failures are told here, not raised. options: of `dvc`. flags: of `repro`.

    Raises:
        RetryLater: when another DVC process works here.
        UserError: when DVC itself could not work: disk full, a broken pipeline file.
    """
    reader = Reader(watch)
    words = command(*options, "repro", "--keep-going", *flags, *targets)
    with subprocess.Popen(
        words,
        cwd=root,
        env=stage_environment(root),
        stdin=lock,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            reader.read(line.rstrip("\n"))
    if process.returncode and not reader.failed:
        raise trouble(process.returncode, reader.said)


class BrokenLock(UserError):  # noqa: N818 - a kind of user error
    """A `dvc.lock` that a killed write or a merge left broken; its stages must run anew.

    Attributes:
        path: relative to the root.
    """

    def __init__(self, path: str) -> None:
        super().__init__(
            "the file is broken (a killed write, a merge conflict)", where=path, fix=f"rm {path}"
        )
        self.path = path


def trouble(code: int, said: Sequence[str]) -> UserError | RetryLater:
    """What DVC's own failure means for the person who reads it."""
    text = "\n".join(said)
    broken = _BROKEN.search(text)
    if broken:
        return BrokenLock(broken[1])
    if any(each in text for each in BUSY):
        return RetryLater("another DVC command is working in this repository")
    if code < 0:
        return UserError(f"DVC was ended by signal {-code}", fix="ordain run")
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    last = (errors or list(said) or [f"exit code {code}"])[0 if errors else -1]
    return known_fault(said) or UserError(f"DVC could not run: {last}", fix="ordain check")


class Reader:
    """Turns the lines of `dvc repro --keep-going` into events."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.failed: set[str] = set()
        self.said: list[str] = []
        self._current = ""

    def read(self, line: str) -> None:
        """Take the next line."""
        running, still = _RUNNING.fullmatch(line), _STILL.match(line)
        if running:
            self._end("done")
            self._current = running[1]
            self._tell(running[1], "running")
        elif still:
            self._end("done")
            self._tell(still[1], "restored" if still[2] == "is cached" else "unchanged")
        elif line.startswith(_ENDED):
            self._end("done")
        elif line.startswith(_FAILED):
            self.said.append(line)
            self._end("failed")
        elif line.startswith(_ALL_FAILED):
            self._fail_rest(line)
        elif line.strip() and _SKIPPED not in line:
            self.said.append(line)

    def _tell(self, stage: str, state: State, said: tuple[str, ...] = ()) -> None:
        self.said.clear()
        self.watch(StageEvent(stage=stage, state=state, said=said))

    def _end(self, state: State) -> None:
        stage, self._current = self._current, ""
        if stage and state == "failed":
            self.failed.add(stage)
            self._tell(stage, state, tuple(self.said))
        elif stage:
            self._tell(stage, state)

    def _fail_rest(self, line: str) -> None:
        """DVC's closing line names every failed stage, those too that failed before they ran."""
        said, self._current = tuple(self.said), ""
        for stage in _QUOTED.findall(line):
            if stage not in self.failed:
                self.failed.add(stage)
                self._tell(stage, "failed", said)
