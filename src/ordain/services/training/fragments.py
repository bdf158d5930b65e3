"""`ordain fragment`: carry what training jobs made, one model each, to the job that records all of it.

A fragment mirrors the repository: the model's `dvc.lock` and the outputs that Git holds, and the top
`dvc.lock` of the job. What DVC's cache holds travels through the DVC remote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters.git import Repository, find_repository
from ordain.core.pipelines import lean
from ordain.core.pipelines.leftovers import blocks_of
from ordain.core.pipelines.looks import FILE as LOOKS
from ordain.core.pipelines.pipeline import FOLDER
from ordain.core.state.instance import Instance, is_state_path, read_instance
from ordain.errors import UserError
from ordain.services.training.data_pull import stages_by_model
from ordain.services.training.run import ModelRun, chosen, finish
from ordain.services.training.staleness import at_commit, in_working_tree, locked_stages, stale_pipelines

LOCK = "dvc.lock"


class Packed(Struct, frozen=True, kw_only=True):
    """A fragment's model and its paths."""

    model: str
    files: tuple[str, ...]


def pack(root: Path, model: str, to: Path) -> Packed:
    """Copy one model's fragment out of the working tree.

    Args:
        root: the repository, in which `dvc repro` has run the model.
        model: its name. to: a folder, made when absent.

    Raises:
        UserError: when an output is absent or not what its stage wrote, the pipeline is behind, or a
            stage ran that nothing had changed: its outputs were to be fetched, not made again.
    """
    place = root.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    (name,) = chosen(instance, [model])
    stages = stages_by_model(place, instance)[name]
    check_complete(place, instance, name)
    check_lean(find_repository(place), instance, name)
    paths = [LOCK, *(f"{FOLDER}/{name}/{each}" for each in (LOCK, *lean.kept(stages)))]
    files = {path: _read(place, path) for path in paths}
    check_content(name, stages, {path: data for path, data in files.items() if path != LOCK})
    for path, data in files.items():
        disk.write_atomic(disk.inside(to, path), data)
    return Packed(model=name, files=tuple(sorted(files)))


def join(root: Path, source: Path) -> tuple[Packed, ...]:
    """Bring fragments into the working tree, and record each model's look at its holdout.

    Args:
        root: the repository, at the commit that the fragments were made from.
        source: one fragment, or a folder of them.

    Raises:
        UserError: when a fragment is none, holds anything that its pipeline does not declare, or does
            not fit the declaration here. Fragments before it have then been joined.
    """
    place = root.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    pipelines = stages_by_model(place, instance)
    return tuple(_join_one(place, each, instance, pipelines) for each in fragments_in(source))


def fragments_in(source: Path) -> list[Path]:
    """The fragments at a place, in the order of their names.

    Raises:
        UserError: when there is none.
    """
    folders = [source, *sorted(each for each in source.iterdir() if each.is_dir())] if source.is_dir() else []
    found = [each for each in folders if (each / LOCK).is_file() and (each / FOLDER).is_dir()]
    if not found:
        fix = "make one with `ordain fragment pack MODEL --to FOLDER`"
        raise UserError("there is no fragment here", where=str(source), fix=fix)
    return found


def _join_one(
    root: Path, source: Path, instance: Instance, pipelines: Mapping[str, Mapping[str, Any]]
) -> Packed:
    files = disk.read_state(source, lambda _: True, tops=(LOCK, FOLDER))
    top = files.pop(LOCK)
    models = {path.split("/")[1] for path in files}
    if len(models) != 1:
        raise UserError("a fragment holds exactly one model", where=str(source), fix="pack it again")
    (name,) = chosen(instance, sorted(models))
    check_content(name, pipelines[name], files)
    ours = _read(root, LOCK) if disk.inside(root, LOCK).is_file() else b""
    joined = _joined(ours, top, name, source)
    for path, data in {**files, LOCK: joined}.items():
        disk.write_atomic(disk.inside(root, path), data)
    check_complete(root, instance, name)
    finish(root, ModelRun(model=name))
    return Packed(model=name, files=tuple(sorted((*files, f"{FOLDER}/{name}/{LOOKS}"))))


def _joined(ours: bytes, theirs: bytes, name: str, source: Path) -> bytes:
    try:
        return lean.joined_lock(ours.decode("utf-8"), theirs.decode("utf-8"), name).encode("utf-8")
    except ValueError as error:
        raise UserError(str(error), where=f"{source}/{LOCK}", fix="pack the fragment again") from error


def check_content(model: str, stages: lean.Stages, files: Mapping[str, bytes]) -> None:
    """Exactly the declared outputs, each as the lock beside it says.

    Raises:
        UserError: naming the first file that is not.
    """
    import hashlib

    folder = f"{FOLDER}/{model}/"
    wanted = {f"{folder}{each}" for each in (LOCK, *lean.kept(stages))}
    odd = sorted(wanted ^ files.keys())
    if odd:
        what = "it is not an output of its pipeline" if odd[0] in files else "this output is not here"
        raise UserError(what, where=ascii(odd[0])[1:-1], fix=f"ordain run {model}")
    hashes = lean.locked_hashes(locked_stages(f"{folder}{LOCK}", files[f"{folder}{LOCK}"]))
    for path, data in sorted(files.items()):
        known = hashes.get(path.removeprefix(folder))
        if path != f"{folder}{LOCK}" and hashlib.md5(data, usedforsecurity=False).hexdigest() != known:
            raise UserError("it is not what its stage wrote", where=path, fix=f"ordain run {model}")


def check_complete(root: Path, instance: Instance, model: str) -> None:
    """The pipeline is not behind its declaration.

    Raises:
        UserError: saying what has yet to run.
    """
    behind = [each for each in stale_pipelines(instance, *in_working_tree(root)) if each.model == model]
    for each in behind:
        what = f"{len(each.stages)} stages of {model} have yet to run: {'; '.join(each.why[:3])}"
        raise UserError(what, where=f"{FOLDER}/{model}/{LOCK}", fix=f"dvc repro --allow-missing {model}")


def check_lean(repository: Repository, instance: Instance, model: str) -> None:
    """Nothing ran whose inputs are those of the newest commit.

    Raises:
        UserError: naming a stage that did.
    """
    head, path = repository.resolve("HEAD"), f"{FOLDER}/{model}/{LOCK}"
    here, md5 = in_working_tree(repository.folder)
    there, _ = at_commit(repository, head)

    def read(tops: Sequence[str], wanted: Callable[[str], bool]) -> Mapping[str, bytes]:
        # Everything as it lies here, but for the locks: those are from before the run.
        return (there if list(tops) == [FOLDER] else here)(tops, wanted)

    behind = {each.model: each.stages for each in stale_pipelines(instance, read, md5)}
    before = repository.read(head, [path]).get(path, b"").decode("utf-8", "replace")
    after = _read(repository.folder, path).decode("utf-8", "replace")
    gone = blocks_of(before)[1].keys() - blocks_of(after)[1].keys()
    _check_planned(model, lean.changed_blocks(before, after) - gone, behind.get(model, ()))


def _check_planned(model: str, ran: frozenset[str], planned: Sequence[str]) -> None:
    unplanned = sorted(ran - set(planned))
    if unplanned:
        raise UserError(
            f"stage {unplanned[0]} gave other outputs although nothing that it reads had changed",
            where=f"{FOLDER}/{model}/{LOCK}",
            fix=f"git checkout {FOLDER}/{model}, then: ordain data pull {model}",
        )


def _read(root: Path, path: str) -> bytes:
    target = disk.inside(root, path)
    if not target.is_file():
        raise UserError("this output is not here", where=path, fix="dvc repro --allow-missing MODEL")
    return disk.read_bytes(target, disk.STATE_LIMIT)
