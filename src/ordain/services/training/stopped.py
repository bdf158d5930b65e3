"""Where training stopped, told by the locks that it left."""

from __future__ import annotations

from pathlib import Path

from ordain.adapters import files as disk
from ordain.adapters.git import Repository
from ordain.adapters.working_tree import content
from ordain.core.data.broken import Fault, decode
from ordain.core.pipelines.pipeline import FOLDER
from ordain.core.pipelines.stale import ready
from ordain.core.reports.report_failure import Stopped
from ordain.core.state.instance import is_state_path, read_instance
from ordain.services.training.data_pull import stages_by_model
from ordain.services.training.staleness import in_working_tree, stale_pipelines


def stopped(clone: Repository, told: Path | None = None) -> tuple[Stopped, ...]:
    """Every model whose pipeline has stages that have yet to run, and the stages of which one failed.

    DVC adds each stage to the lock when it has run, so what is missing there comes after the failure. A lock
    that is as committed tells of no stage that ran.

    Args:
        clone: with the locks in place. told: the folder of `ordain data faults`, which need not be.

    Raises:
        UserError: an invalid state, or a damaged file in that folder.
    """
    place = clone.folder.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    pipelines = stages_by_model(place, instance)
    behind = stale_pipelines(instance, *in_working_tree(place))
    paths = {each.model: f"{FOLDER}/{each.model}/dvc.lock" for each in behind}
    before = clone.read(clone.resolve("HEAD"), [*paths.values()])
    return tuple(
        Stopped(
            model=each.model,
            at=ready(pipelines[each.model], each.stages),
            left=len(each.stages),
            ended=content(place, paths[each.model]) != before.get(paths[each.model]),
            faults=_broken(told, each.model),
        )
        for each in behind
    )


def _broken(told: Path | None, model: str) -> tuple[Fault, ...]:
    path = f"{model}.json"
    data = content(told.absolute(), path) if told is not None else None
    return decode(data, f"{told}/{path}").faults if data is not None else ()
