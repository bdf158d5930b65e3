"""`ordain data pull`: fetch what changed stages read and no more, and refuse to go on without it.

`dvc repro --pull` fetches as it goes, and what it can't fetch it makes again: a model is then retrained
because a download failed. Here everything is fetched and proven before a stage may start; after that,
`dvc repro --allow-missing` has nothing left to guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from ordain._version import __version__
from ordain.adapters import dvc, dvc_remote
from ordain.adapters import files as disk
from ordain.adapters.git import find_repository
from ordain.adapters.working_tree import content
from ordain.core.pipelines import lean
from ordain.core.pipelines.dvcfiles import FOLDER as FOLDER_OF_DVC
from ordain.core.pipelines.dvcfiles import check_tracked, tracked_md5
from ordain.core.pipelines.pipeline import CODE_TOPS, FOLDER, context_of, is_code_path, pipeline_files
from ordain.core.state.instance import Instance, is_state_path, read_instance
from ordain.core.yaml import yaml12
from ordain.errors import UserError
from ordain.services.training.evidence import TABLES
from ordain.services.training.run import chosen
from ordain.services.training.staleness import in_working_tree, locked_stages, stale_pipelines

Purpose = Literal["run", "release"]
PURPOSES: dict[str, Purpose] = {"run": "run", "release": "release"}
ARTIFACT = "artifact"


class Pulled(Struct, frozen=True, kw_only=True):
    """The answer: what was fetched, and what was here already, by path in the repository."""

    fetched: tuple[str, ...] = ()
    present: tuple[str, ...] = ()


class Wanted(Struct, frozen=True):
    """One file or folder that must be here.

    Attributes:
        path: in the repository. target: by which DVC fetches it. md5: what it must be.
    """

    path: str
    target: str
    md5: str


def pull(root: Path, models: Sequence[str], purpose: Purpose, say: Callable[[str], None]) -> Pulled:
    """Fetch what some models need from the DVC remote.

    Args:
        root: the repository. models: names; none means every model.
        purpose: `run`: what stages that will run read of those that will not, and their data files;
            `release`: what a release record is made from.
        say: told when another run has to be waited for.

    Raises:
        UserError: when something can't be had, naming it; nothing may then be run.
        RetryLater: when another DVC works here.
    """
    place = root.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    names = chosen(instance, models)
    find = to_run if purpose == "run" else to_release
    wanted = find(place, instance, names)
    with dvc.exclusive(place, lambda: say("waiting for an earlier run here to end")) as lock:
        dvc.prepare(place)
        check_local_folders(place)
        absent = [each for each in wanted if not is_here(place, each)]
        if absent:
            dvc_remote.pull(place, [each.target for each in absent], lock)
        missing = [each.path for each in absent if not is_here(place, each)]
    if missing:
        raise UserError(
            f"{len(missing)} needed files can't be had from the DVC remote: {', '.join(missing[:5])}",
            where=missing[0],
            fix="`dvc push` where they were made, or retrain on purpose: ordain run",
        )
    fetched = {each.path for each in absent}
    return Pulled(
        fetched=tuple(sorted(fetched)),
        present=tuple(sorted(each.path for each in wanted if each.path not in fetched)),
    )


def check_local_folders(root: Path) -> None:
    """Refuse a clone that brings along what DVC and Ordain keep on one machine only.

    Raises:
        UserError: reason `hostile-object`, naming the first such path.
    """
    for path in find_repository(root).tracked([FOLDER_OF_DVC, dvc.LOCAL]):
        check_tracked(path)


def is_here(root: Path, wanted: Wanted) -> bool:
    """Whether it lies in the working tree as it should be: of a folder every file, and no other."""
    target = disk.inside(root, wanted.path)
    if wanted.md5.endswith(".dir"):
        return target.is_dir() and wanted.md5 == lean.folder_md5(_files_in(target))
    return target.is_file() and wanted.md5 == disk.hash_file(target, "md5")[0]


def _files_in(folder: Path) -> dict[str, str]:
    """The MD5 of every file of a folder, by its path there; whatever is no file counts as none."""
    found = sorted(each for each in folder.rglob("*") if each.is_symlink() or not each.is_dir())
    return {
        each.relative_to(folder).as_posix(): disk.hash_file(each, "md5")[0] if _is_plain(each) else ""
        for each in found
    }


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def to_run(root: Path, instance: Instance, names: Sequence[str]) -> list[Wanted]:
    """What the stages that are behind read and don't make themselves."""
    behind = {each.model: each.stages for each in stale_pipelines(instance, *in_working_tree(root))}
    pipelines = stages_by_model(root, instance)
    found: list[Wanted] = []
    for model in names:
        if model not in behind:
            continue
        stages = pipelines[model]
        if "ingest" in behind[model]:
            found += source_of(root, instance, model)
        found += outputs(root, model, lean.needed(stages, behind[model]))
    return found


def to_release(root: Path, instance: Instance, names: Sequence[str]) -> list[Wanted]:
    """What a release of these models is made from."""
    found: list[Wanted] = []
    for model in names:
        found += [*source_of(root, instance, model), *outputs(root, model, (*TABLES, ARTIFACT))]
    return found


def stages_by_model(root: Path, instance: Instance) -> dict[str, Mapping[str, Any]]:
    """The stages of every generated `dvc.yaml`."""
    context = context_of(disk.read_state(root, is_code_path, tops=CODE_TOPS), __version__)
    files = pipeline_files(instance, context)
    return {
        model: yaml12.load(files[f"{FOLDER}/{model}/dvc.yaml"])["stages"] for model in instance.models.models
    }


def source_of(root: Path, instance: Instance, model: str) -> list[Wanted]:
    """The model's data file, where DVC holds it and Git only its `.dvc` file.

    Raises:
        UserError: reason `hostile-object`, when that file leads anywhere else.
    """
    source = instance.models.models[model].data.source.path
    tracked = f"{source}.dvc"
    if source is None or not disk.inside(root, tracked).is_file():
        return []
    md5 = tracked_md5(disk.read_bytes(disk.inside(root, tracked), disk.STATE_LIMIT), tracked)
    return [Wanted(source, tracked, md5)]


def outputs(root: Path, model: str, paths: Sequence[str]) -> list[Wanted]:
    """Outputs of a pipeline with the hashes that its lock gives them.

    Raises:
        UserError: when the lock knows one of them not, which then nobody can have.
    """
    place = f"{FOLDER}/{model}"
    lock = f"{place}/dvc.lock"
    hashes = lean.locked_hashes(locked_stages(lock, content(root, lock)))
    unknown = [path for path in paths if path not in hashes]
    if unknown:
        raise UserError(
            f"the lock of {model} does not know {', '.join(unknown)}",
            where=f"{place}/dvc.lock",
            fix=f"ordain run {model}",
        )
    return [Wanted(f"{place}/{path}", f"{place}/{path}", hashes[path]) for path in paths]
