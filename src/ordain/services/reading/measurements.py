"""What pipelines measured of the releases that a plan compares, from wherever it is proven to be of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ordain.adapters.git import Repository
from ordain.core.decisions import Deployed
from ordain.core.gating.release import Release
from ordain.core.pipelines.pipeline import FOLDER
from ordain.core.plans.planning import Inputs, pinned, record_of
from ordain.core.releasing.measured import FILES, Measured, measured
from ordain.core.state.declared import release_path
from ordain.services.training.staleness import Read, at_commit


def measurements(inputs: Inputs, here: Read, repository: Repository) -> dict[str, Measured]:
    """Of each release that would take the place of another, and of that other, by the record's digest.

    Args:
        inputs: of the plan. here: what lies where the plan is made for.
        repository: with the history of the base branch.
    """
    found: dict[str, Measured] = {}
    for decision in inputs.decisions:
        target = decision.transition.target
        running, wanted = inputs.state.deployed.get(target), inputs.desired.get(target)
        old, new = record_of(running, inputs), pinned(wanted, inputs)
        if new is None or new == old:
            continue
        for record in (new, *([old] if old else [])):
            if record.digest not in found:
                places = _places(record, running, inputs.base.commit, repository)
                one = first_proven(record, here, places)
                found.update({record.digest: one} if one else {})
    return found


def _places(
    record: Release, running: Deployed | None, base: str | None, repository: Repository
) -> Iterator[Read]:
    """Commits that may hold what a release came from: where it was deployed from, where it was recorded."""
    if running is not None and repository.find(running.source):
        yield at_commit(repository, running.source)[0]
    if base is not None:
        for commit in repository.changes(base, release_path(record.model, record.number), "A"):
            yield at_commit(repository, commit)[0]


def first_proven(record: Release, here: Read, others: Iterator[Read]) -> Measured | None:
    """What the first place that proves to be of this release says."""
    for read in (here, *others):
        found = measured(record, outputs(record.model, FILES, read))
        if found is not None:
            return found
    return None


def outputs(model: str, files: Sequence[str], read: Read) -> dict[str, bytes]:
    """Some files of a pipeline's folder, those that are there, by path in it."""
    folder = f"{FOLDER}/{model}/"
    wanted = {f"{folder}{name}" for name in files}
    content = read(sorted(wanted), wanted.__contains__)
    return {path.removeprefix(folder): data for path, data in content.items()}
