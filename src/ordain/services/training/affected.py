"""`ordain affected`: the models that a change gives work, as CI needs them to share it out."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from ordain.adapters import files as disk
from ordain.core.pipelines.pipeline import FOLDER
from ordain.core.pipelines.stale import Cause, Stale
from ordain.core.specs.identity import training_slice
from ordain.core.state.instance import Instance, is_state_path, read_instance
from ordain.errors import UserError
from ordain.services.training.staleness import in_working_tree, stale_pipelines

UNRELEASED = Cause(kind="pipeline", name="release", sentence="its champion is in no release")


def affected(root: Path) -> tuple[Stale, ...]:
    """Every model whose pipeline would run, or whose champion is not the one of its newest release.

    Args:
        root: the repository; neither data nor cached outputs need be there.

    Raises:
        UserError: an invalid state.
    """
    place = root.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    behind = {each.model: each for each in stale_pipelines(instance, *in_working_tree(place))}
    for model in instance.models.models:
        if model not in behind and not is_released(place, instance, model):
            behind[model] = Stale(model=model, stages=(), causes=(UNRELEASED,))
    return tuple(behind[model] for model in sorted(behind))


def is_released(root: Path, instance: Instance, model: str) -> bool:
    """Whether the newest record is of the champion that lies here, judged by what is declared here."""
    records = instance.releases.get(model)
    if not records:
        return False
    newest, spec, params = records[max(records)], instance.models.models[model], instance.params
    wanted = training_slice(spec, params.candidates[model], params.seed)
    return newest.training_slice == wanted and newest.artifact == _packaged(root, model)


def _packaged(root: Path, model: str) -> object:
    target = disk.inside(root, f"{FOLDER}/{model}/package.json")
    try:
        return json.loads(disk.read_bytes(target, disk.STATE_LIMIT))["artifact"] if target.is_file() else None
    except (ValueError, KeyError, TypeError):
        return None


def append_lines(path: Path, lines: Sequence[str]) -> None:
    """Add lines to the file by which a CI step hands values on (`$GITHUB_OUTPUT`, a dotenv report).

    Raises:
        UserError: when it can't be written.
    """
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise UserError(
            f"cannot write: {error.strerror}", where=str(path), fix="name a file that can be written"
        ) from error
