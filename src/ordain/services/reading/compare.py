"""`ordain compare`: candidates, branches, experiments and releases side by side, from a clone alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from ordain.adapters import files as disk
from ordain.adapters.git import Repository, find_repository
from ordain.core.gating.release import Release
from ordain.core.metrics import METRICS
from ordain.core.pipelines.pipeline import FOLDER
from ordain.core.problems import did_you_mean
from ordain.core.releasing.measured import FILES, measured
from ordain.core.reports import comparison as core
from ordain.core.reports.comparison import Comparison, Run
from ordain.core.state.declared import Instance, release_path
from ordain.core.state.instance import is_state_path, read_instance
from ordain.errors import UserError
from ordain.services.judging.clone import Clone, open_clone, unproven_clone
from ordain.services.reading.measurements import outputs
from ordain.services.training.staleness import Read, at_commit, in_working_tree

HERE = "."
WORKING_TREE = "working tree"
NEWEST = 10
SHALLOW = (
    "this clone is shallow, so the ledger can't be proven: where releases run is not told, nor what the rest "
    "of history recorded"
)
_EXPERIMENT = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/([^/]+)")


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be compared.

    Attributes:
        what: releases (`churn@2`), revisions, DVC experiments by name, `.` for the working tree; none
            for the working tree and the newest releases.
        experiments: whether every DVC experiment is added. metric: None for the selection's own.
    """

    model: str
    what: tuple[str, ...] = ()
    experiments: bool = False
    metric: str | None = None


def compare(root: Path, wanted: Wanted) -> Comparison:
    """Read every run that is wanted.

    Raises:
        UserError: for a model, release, revision or metric that is not known here.
    """
    repository = find_repository(root)
    clone = unproven_clone(repository) if repository.is_shallow() else open_clone(root)
    desk = Desk(clone, wanted.model, _declared(clone))
    _known(wanted, desk.metrics)
    desk.notes += [] if clone.genesis else [f"{SHALLOW} ({repository.deepening()})"]
    runs = [run for each in desk.sources(wanted) for run in desk.runs(each)]
    return core.comparison(wanted.model, wanted.metric or desk.metrics[wanted.model], runs, desk.notes)


def _declared(clone: Clone) -> list[Instance]:
    """What the working tree, its commit and the base branch declare, as far as it can be used."""
    snapshot = clone.states.snapshot(clone.commit)
    try:
        here = read_instance(disk.read_state(clone.repository.folder, is_state_path))
    except UserError:
        here = None
    found = (here, clone.instance(clone.repository.find("HEAD")), snapshot.instance)
    usable = [each for each in found if each is not None]
    if not usable:
        raise snapshot.fault or UserError("the declared state can't be read", fix="ordain check")
    return usable


def _known(wanted: Wanted, models: Iterable[str]) -> None:
    for kind, name, known in (
        ("model", wanted.model, sorted(models)),
        ("metric", wanted.metric, sorted(METRICS)),
    ):
        if name is not None and name not in known:
            fix = did_you_mean(name, known) or f"one of: {', '.join(known)}"
            raise UserError(f"there is no {kind} `{name}`", where="models.yaml", fix=fix)


class Desk:
    """Where the runs of one model are read.

    Args:
        declared: the instances that say which models there are, the one that counts first.

    Attributes:
        metrics: by which each model is selected, or was when it was last released.
    """

    def __init__(self, clone: Clone, model: str, declared: Sequence[Instance]) -> None:
        self.clone, self.model = clone, model
        self.notes: list[str] = []
        self.experiments = experiments(clone.repository)
        recorded = sorted(clone.releases().values(), key=lambda each: each.number)
        self.records = {each.number: each for each in recorded if each.model == model}
        self.metrics = {each.model: each.champion.metric for each in recorded}
        for instance in reversed(declared):
            self.records |= instance.releases.get(model, {})
            self.metrics |= {name: each.selection.metric for name, each in instance.models.models.items()}

    def sources(self, wanted: Wanted) -> list[str]:
        """What to read, each once."""
        newest = [f"{self.model}@{number}" for number in sorted(self.records)[-NEWEST:]]
        chosen = list(wanted.what) or [HERE, *newest]
        return list(dict.fromkeys([*chosen, *(sorted(self.experiments) if wanted.experiments else [])]))

    def runs(self, source: str) -> Iterator[Run]:
        """The runs of one source; a note when there are none."""
        release = re.fullmatch(rf"{re.escape(self.model)}@([1-9][0-9]{{0,8}})", source)
        if release:
            yield self._release(int(release[1]))
            return
        read, name, commit = self._place(source)
        found = core.folder(self._files(read))
        if found is None:
            self.notes.append(f"{name}: the pipeline of {self.model} has not run there")
            return
        yield from core.folder_runs(found, name, commit)

    def _place(self, source: str) -> tuple[Read, str, str | None]:
        repository = self.clone.repository
        if source == HERE:
            return in_working_tree(repository.folder)[0], WORKING_TREE, None
        commit = self.experiments.get(source) or repository.resolve(source)
        return at_commit(repository, commit)[0], source, commit

    def _files(self, read: Read) -> dict[str, bytes]:
        top = f"{FOLDER}/{self.model}/"
        content = read([FOLDER], lambda path: path.startswith(top) and core.is_compared(path[len(top) :]))
        return {path.removeprefix(top): data for path, data in content.items()}

    def _release(self, number: int) -> Run:
        record = self.records.get(number)
        if record is None:
            known = ", ".join(f"{self.model}@{each}" for each in sorted(self.records)) or "none"
            raise UserError(f"there is no release {self.model}@{number} here", fix=f"recorded: {known}")
        state = self.clone.state
        runs_in = tuple(
            target.environment
            for target, each in sorted(state.deployed.items())
            if each.release is not None and each.release.record == record.digest
        )
        return self._proven(core.release_run(record, None, runs_in), record)

    def _proven(self, run: Run, record: Release) -> Run:
        """With parameters, intervals and cost, from the commit that recorded it, where that is proven."""
        repository, path = self.clone.repository, release_path(record.model, record.number)
        heads = dict.fromkeys([self.clone.commit, repository.resolve("HEAD")])
        for commit in (each for head in heads for each in self._adding(head, path)):
            read = at_commit(repository, commit)[0]
            proven = measured(record, outputs(self.model, FILES, read))
            found = core.folder(self._files(read)) if proven else None
            if proven and found:
                (whole,) = [each for each in core.folder_runs(found, "", None) if each.measured == "holdout"]
                return replace(
                    run, intervals=proven.intervals, parameters=whole.parameters, seconds=whole.seconds
                )
        return run

    def _adding(self, head: str, path: str) -> Sequence[str]:
        """The commits that added a record; where history is cut off, its newest commit stands for them."""
        return self.clone.repository.changes(head, path, "A") if self.clone.genesis else (head,)


def experiments(repository: Repository) -> dict[str, str]:
    """The commit of each of DVC's experiments in this clone, by name."""
    listed = repository.commits_below("refs/exps").items()
    return {match[1]: commit for name, commit in listed if (match := _EXPERIMENT.fullmatch(name))}
