"""`ordain run`: regenerate the pipelines, let DVC run what changed, and record looks at holdouts.

One DVC process runs any number of models one after another and goes on past a model that fails; with
`jobs`, several processes share the models between them. Builds on `services.regenerate`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ordain._version import __version__
from ordain.adapters import dvc
from ordain.adapters import files as disk
from ordain.adapters.working_tree import content
from ordain.core.canonical import is_digest
from ordain.core.pipelines import durations, looks
from ordain.core.pipelines.failures import Failure, as_error
from ordain.core.pipelines.layout import steps
from ordain.core.pipelines.pipeline import CODE_TOPS, FOLDER, context_of, is_code_path, pipeline_files
from ordain.core.problems import did_you_mean
from ordain.core.state.instance import Instance, is_state_path, read_instance
from ordain.errors import RetryLater, UserError
from ordain.services.training.regenerate import Regenerated, regenerate, settle_locks
from ordain.services.training.staleness import in_working_tree, stale_pipelines

LOG = f"{dvc.LOCAL}/run.log"


class Watcher(Protocol):
    """Whoever shows progress. Calls never overlap."""

    def note(self, text: str) -> None:
        """A sentence worth reading."""

    def total(self, stages: int) -> None:
        """How many stages will be looked at."""

    def stage(self, model: str, stage: str, state: dvc.State) -> None:
        """Something happened to a stage."""


class ModelRun(msgspec.Struct, kw_only=True):
    """What happened to one model.

    Attributes:
        ran: stages that were executed. restored: stages whose outputs for the very same inputs DVC's
            run cache had. skipped: stages that did not change.
        seconds: wall time of all of them.
        durations: wall time of each that was executed.
        champion: the selected candidate. looks: how many artifacts its holdout has judged.
    """

    model: str
    ran: list[str] = []
    restored: list[str] = []
    skipped: list[str] = []
    seconds: float = 0.0
    durations: dict[str, float] = {}
    champion: str | None = None
    looks: int = 0


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `ordain run`."""

    files: Regenerated
    models: tuple[ModelRun, ...]


def run_lean(root: Path, model: str, watcher: Watcher) -> Ran:
    """Run what changed of one model in a clone that holds no more than `ordain data pull` fetched.

    Raises:
        UserError, RetryLater: as `run`.
    """
    return run(root, [model], 1, watcher, flags=("--allow-missing",))


def run(root: Path, wanted: Sequence[str], jobs: int, watcher: Watcher, flags: Sequence[str] = ()) -> Ran:
    """Regenerate everything, then run the wanted models (default: all).

    Args:
        root: the repository.
        wanted: names of models; none means all.
        jobs: how many DVC processes share the models.
        watcher: shows progress.
        flags: of `dvc repro`.

    Raises:
        UserError: an invalid state; or, after every other model had its turn, what failed: model, stage,
            file and the stage's own sentence.
        RetryLater: when another DVC works here, or a data source did not answer.
    """
    place = root.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    names = chosen(instance, wanted)
    context = context_of(disk.read_state(place, is_code_path, tops=CODE_TOPS), __version__)
    generated = pipeline_files(instance, context)
    with dvc.exclusive(place, lambda: watcher.note("waiting for an earlier run here to end")) as lock:
        files = regenerate(place, generated, watcher.note)
        if not names:
            return Ran(files=files, models=())
        dvc.prepare(place)
        watcher.total(sum(_size(instance, each) for each in names))
        crew = Crew(place, lock, watcher, flags)
        crew.run(names, jobs)
        for name in sorted(crew.complete):
            finish(place, crew.runs[name])
        settle_locks(place, generated)
        for name in sorted(crew.complete):
            remember(place, crew.runs[name])
    crew.raise_failures(len(names))
    return Ran(files=files, models=tuple(crew.runs[each] for each in names))


def expected(root: Path, wanted: Sequence[str]) -> dict[tuple[str, str], float]:
    """Seconds that each stage which is behind took in the past, by model and stage; of those ever timed.

    An estimate is not worth an error: where the state can't be read there is none, and `run` says why.
    """
    place = root.resolve()
    found: dict[tuple[str, str], float] = {}
    with suppress(UserError):
        instance = read_instance(disk.read_state(place, is_state_path))
        for each in stale_pipelines(instance, *in_working_tree(place)):
            if not wanted or each.model in wanted:
                known = _durations(place, each.model).stages
                found |= {(each.model, name): known[name] for name in each.stages if name in known}
    return found


def chosen(instance: Instance, wanted: Sequence[str]) -> list[str]:
    """The wanted models in the order of their names; all of them when none is named."""
    known = sorted(instance.models.models)
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, known) or "the models are in models.yaml"
            raise UserError(f"there is no model `{name}`", where="models.yaml", fix=hint)
    return [each for each in known if not wanted or each in wanted]


def _size(instance: Instance, model: str) -> int:
    """How many stages a model has, with its stage in the top file."""
    return len(steps(instance.models.models[model], list(instance.params.candidates[model]))) + 1


class Crew:
    """The DVC processes of one run, and what they reported."""

    def __init__(self, root: Path, lock: int, watcher: Watcher, flags: Sequence[str]) -> None:
        self.root, self.lock, self.watcher, self.flags = root, lock, watcher, flags
        self.runs: dict[str, ModelRun] = {}
        self.complete: set[str] = set()
        self.failures: list[Failure] = []
        self.troubles: list[UserError | RetryLater] = []
        self._one = threading.Lock()

    def run(self, names: Sequence[str], jobs: int) -> None:
        """Share the models between at most `jobs` processes, and wait for all."""
        self.runs = {name: ModelRun(model=name) for name in names}
        shares = [share for share in (names[first::jobs] for first in range(jobs)) if share]
        if len(shares) == 1:
            return self._share(shares[0])
        # Between two stages a process may have to wait for another that is writing a lock file.
        with ThreadPoolExecutor(len(shares)) as pool:
            list(pool.map(lambda share: self._share(share, "--wait-for-lock"), shares))
        return None

    def _share(self, names: Sequence[str], *options: str) -> None:
        clock = _Clock()

        def watch(event: dvc.StageEvent) -> None:
            with self._one:
                self._take(event, clock.lap())

        try:
            while not self._repro(names, watch, options):
                pass
        except (UserError, RetryLater) as error:
            self.troubles.append(error)

    def _repro(self, names: Sequence[str], watch: dvc.Watch, options: Sequence[str]) -> bool:
        """Run DVC; False when it met a broken lock file, which is now gone."""
        try:
            dvc.repro(self.root, names, self.lock, watch, *options, flags=self.flags)
        except dvc.BrokenLock as broken:
            with self._one:
                self.watcher.note(f"{broken}: its stages run anew")
            disk.inside(self.root, broken.path).unlink(missing_ok=True)
            return False
        return True

    def _take(self, event: dvc.StageEvent, seconds: float) -> None:
        model, stage = parts_of(event.stage)
        run = self.runs.get(model)
        if run is None:
            return
        run.seconds = round(run.seconds + seconds, 3)
        if event.state == "failed":
            self.failures.append(Failure(model=model, stage=stage or "top dvc.yaml", said=event.said))
        elif not stage and event.state != "running":
            self.complete.add(model)
        elif stage:
            if event.state == "done":
                run.durations[stage] = round(seconds, 3)
            lists = {"done": run.ran, "restored": run.restored, "unchanged": run.skipped}
            lists.get(event.state, []).append(stage)
        self.watcher.stage(model, stage, event.state)

    def raise_failures(self, total: int) -> None:
        """Raise what went wrong, if anything did, and leave everything that was printed in the log."""
        if self.failures:
            said = "".join(f"{line}\n" for each in self.failures for line in each.said)
            with suppress(UserError):  # on a full disk the error itself matters more than its log
                disk.write_atomic(disk.inside(self.root, LOG), said.encode())
            raise as_error(self.failures, total, LOG)
        if self.troubles:
            raise self.troubles[0]


class _Clock:
    """Seconds between two events, so that what DVC needs to start counts for no model."""

    def __init__(self) -> None:
        self._last: float | None = None

    def lap(self) -> float:
        """Seconds since the last call; 0 for the first."""
        now = time.monotonic()
        last, self._last = self._last, now
        return 0.0 if last is None else now - last


def parts_of(address: str) -> tuple[str, str]:
    """Model and stage of an address; the stage is empty for a model's stage in the top file."""
    file, colon, stage = address.rpartition(":")
    return (file.split("/")[1], stage) if colon and file.count("/") == 2 else (address, "")


def finish(root: Path, run: ModelRun) -> None:
    """Name the champion and record the look at the holdout, once per artifact.

    Raises:
        UserError: when the records of the pipeline are not what its stages write.
    """
    folder = f"{FOLDER}/{run.model}"
    run.champion = str(_record(root, f"{folder}/champion.json", "candidate"))
    holdout = _record(root, f"{folder}/gates.json", "holdout", "digest")
    artifact = _record(root, f"{folder}/package.json", "artifact")
    if not (is_digest(holdout) and is_digest(artifact)):
        raise UserError("a record has no digest", where=folder, fix=f"ordain run {run.model}")
    path = f"{folder}/{looks.FILE}"
    known = content(root, path)
    before = looks.decode(known or b"", path)
    after = before.with_look(holdout, artifact)
    run.looks = after.count(holdout)
    if after != before or known is None:
        disk.write_atomic(disk.inside(root, path), looks.encode(after))


def remember(root: Path, run: ModelRun) -> None:
    """Keep how long the stages that ran took."""
    if not run.durations:
        return
    before = _durations(root, run.model)
    lock = disk.hash_file(disk.inside(root, f"{FOLDER}/{run.model}/dvc.lock"), "sha256")[0]
    after = before.updated(run.durations, {*run.ran, *run.restored, *run.skipped}, f"sha256:{lock}")
    if after != before:
        path = f"{FOLDER}/{run.model}/{durations.FILE}"
        disk.write_atomic(disk.inside(root, path), durations.encode(after))


def _durations(root: Path, model: str) -> durations.Durations:
    path = f"{FOLDER}/{model}/{durations.FILE}"
    return durations.decode(content(root, path) or b"", path)


def _record(root: Path, path: str, *keys: str) -> Any:
    """A value of a stage's record."""
    try:
        value = json.loads(disk.read_bytes(disk.inside(root, path), disk.STATE_LIMIT))
        for key in keys:
            value = value[key]
    except (ValueError, KeyError, TypeError) as error:
        fix = f"remove {path}, then: ordain run"
        raise UserError(f"not the record that its stage writes: {error}", where=path, fix=fix) from error
    return value
