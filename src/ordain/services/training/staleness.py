"""Which pipelines are behind their declaration, in a working tree or at a commit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ordain._version import __version__
from ordain.adapters import files as disk
from ordain.adapters.git import BLOB_LIMIT, Repository
from ordain.core.pipelines import durations, dvclock
from ordain.core.pipelines.dvcfiles import tracked_md5
from ordain.core.pipelines.pipeline import (
    CODE_TOPS,
    FOLDER,
    TRAINING_LOCK,
    UP,
    context_of,
    is_code_path,
    pipeline_files,
)
from ordain.core.pipelines.stale import Stale, outputs_of, paths_of, stale
from ordain.core.releasing.releasing import promotion_order
from ordain.core.state.declared import Instance
from ordain.core.yaml import yaml12
from ordain.errors import UserError

# Files below some tops that a predicate accepts, and the MD5 of one file (None where it is not here).
Read = Callable[[Sequence[str], Callable[[str], bool]], Mapping[str, bytes]]
Hash = Callable[[str], str | None]


_FOLDERS = {FOLDER, *CODE_TOPS} - {TRAINING_LOCK}


def stale_pipelines(instance: Instance, read: Read, md5: Hash) -> tuple[Stale, ...]:
    """Every pipeline that would run.

    Args:
        instance: the declared state.
        read, md5: of `in_working_tree` or `at_commit`.

    Raises:
        UserError: when a stage script is not Python, or a lock is not one.
    """
    context = context_of(read(CODE_TOPS, is_code_path), __version__)
    generated = pipeline_files(instance, context)
    kept = read([FOLDER], lambda path: path.endswith(("/dvc.lock", f"/{durations.FILE}")))
    first = promotion_order(instance.environments)[:1] if instance.environments else ()
    sums: dict[str, str | None] = {}

    def hashes(model: str, stages: Mapping[str, Any]) -> dict[str, str]:
        made = {path for stage in stages.values() for path in outputs_of(stage)}
        wanted = {path for stage in stages.values() for path in paths_of(stage, "deps")} - made
        # By its path in the repository: a file of the pipeline's own folder that no stage writes is a pin.
        places = {
            path: path.removeprefix(UP) if path.startswith(UP) else f"{FOLDER}/{model}/{path}"
            for path in wanted
        }
        for place in set(places.values()) - sums.keys():
            sums[place] = md5(place)
        return {path: value for path in wanted if (value := sums[places[path]]) is not None}

    found = []
    for model in sorted(instance.models.models):
        folder = f"{FOLDER}/{model}"
        stages = yaml12.load(generated[f"{folder}/dvc.yaml"])["stages"]
        parameters = {"params.yaml": yaml12.load(generated[f"{folder}/params.yaml"])}
        lock = locked_stages(f"{folder}/dvc.lock", kept.get(f"{folder}/dvc.lock"))
        behind = stale(model, stages, lock, parameters, hashes(model, stages))
        if behind is not None:
            path = f"{folder}/{durations.FILE}"
            known = durations.decode(kept.get(path, b""), path)
            found.append(durations.forecast(behind, known, first))
    return tuple(found)


def locked_stages(path: str, data: bytes | None) -> dict[str, Any]:
    """The stages of a `dvc.lock`; none where there is no such file.

    Raises:
        UserError: when it is no lock.
    """
    if data is None:
        return {}
    try:
        return dvclock.stages_of(data)
    except ValueError as error:
        raise UserError("this is no lock of DVC's", where=path, fix=f"git checkout {path}") from error


def in_working_tree(root: Path) -> tuple[Read, Hash]:
    """Reading the files as they lie there."""

    def read(tops: Sequence[str], wanted: Callable[[str], bool]) -> Mapping[str, bytes]:
        return disk.read_state(root, wanted, tops=tops)

    def md5(path: str) -> str | None:
        place, tracked = disk.inside(root, path), disk.inside(root, f"{path}.dvc")
        if place.is_file():
            return disk.hash_file(place, "md5")[0]
        if not tracked.is_file():
            return None
        return tracked_md5(disk.read_bytes(tracked, disk.STATE_LIMIT), f"{path}.dvc")

    return read, md5


def at_commit(repository: Repository, commit: str) -> tuple[Read, Hash]:
    """Reading a commit's own files. What only DVC's cache holds, or is very large, is taken as it was."""

    def read(tops: Sequence[str], wanted: Callable[[str], bool]) -> Mapping[str, bytes]:
        # A folder's files, or the file itself; the rows of other files are left unread.
        listed = repository.listing(commit, [f"{each}/" if each in _FOLDERS else each for each in tops])
        ids = {path: each.id for path, each in listed.items() if wanted(path) and each.size <= BLOB_LIMIT}
        content = repository.objects(ids.values(), "blob")
        return {path: content[blob] for path, blob in ids.items()}

    def md5(path: str) -> str | None:
        found = read([path, f"{path}.dvc"], lambda _: True)
        if path in found:
            return hashlib.md5(found[path], usedforsecurity=False).hexdigest()
        with suppress(UserError):  # what a commit tracks oddly is unknown here, and refused where it is used
            return tracked_md5(found[f"{path}.dvc"], f"{path}.dvc") if f"{path}.dvc" in found else None
        return None

    return read, md5
