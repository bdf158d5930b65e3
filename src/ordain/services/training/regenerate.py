"""Bring the generated pipeline files up to date, and clear away what removed models and candidates left."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from ordain.adapters import files as disk
from ordain.adapters.working_tree import content
from ordain.core.pipelines import leftovers
from ordain.core.pipelines.durations import FILE as DURATIONS
from ordain.core.pipelines.layout import SCRIPTS
from ordain.core.pipelines.looks import FILE as LOOKS
from ordain.core.pipelines.pipeline import DVC_FILES, FOLDER, STAGES
from ordain.errors import UserError

Say = Callable[[str], None]


class Regenerated(msgspec.Struct, frozen=True, kw_only=True):
    """Paths that were written, and paths that were removed with the model or candidate they belonged to."""

    written: tuple[str, ...]
    removed: tuple[str, ...]


def regenerate(root: Path, generated: Mapping[str, bytes], say: Say) -> Regenerated:
    """Write what differs, whole file by whole file; name leftovers, then remove them.

    Args:
        root: the repository.
        generated: `core.pipeline.pipeline_files`.
        say: told of every leftover before it goes.

    Raises:
        UserError: when a person's own `dvc.yaml` stands where a generated one belongs, a stage script is
            missing, or something cannot be written.
    """
    check_place(root, generated)
    old = {path: _read(root, path) for path in generated}
    doomed = leftover_paths(root, generated)
    if doomed:
        say(f"removing {len(doomed)} generated files that no model or candidate needs: {', '.join(doomed)}")
    for path in doomed:
        _remove(root, path)
    settle_locks(root, generated)
    missing = {path: data for path, data in DVC_FILES.items() if not disk.inside(root, path).exists()}
    changed = {path: data for path, data in generated.items() if old[path] != data}
    for path, data in sorted({**missing, **changed}.items()):
        disk.write_atomic(disk.inside(root, path), data)
    return Regenerated(written=tuple(sorted({**missing, **changed})), removed=tuple(doomed))


def check_place(root: Path, generated: Mapping[str, bytes]) -> None:
    """Refuse to replace a `dvc.yaml` that Ordain did not write, and to generate stages without scripts."""
    for path in generated:
        now = _read(root, path)
        if path.endswith("dvc.yaml") and now.strip() and not leftovers.is_generated(now):
            raise UserError(
                "this file is not generated, and Ordain needs its place",
                where=path,
                fix=f"move its stages to a folder of their own, then remove {path}",
            )
    for script in SCRIPTS:
        path = f"{STAGES}/{script}.py"
        if len(generated) > 1 and not disk.inside(root, path).is_file():
            raise UserError("the stage's script is missing", where=path, fix=f"git checkout {path}")


def leftover_paths(root: Path, generated: Mapping[str, bytes]) -> list[str]:
    """Every file (or folder output) of a removed model or candidate that Ordain or DVC wrote, sorted.

    Counts of looks at a holdout stay: a model that comes back must not start from zero.
    """
    found: list[str] = []
    folder = disk.inside(root, FOLDER)
    for model in sorted(each.name for each in folder.iterdir()) if folder.is_dir() else ():
        place = f"{FOLDER}/{model}"
        if not disk.inside(root, place).is_dir():
            continue
        now, wanted = _read(root, f"{place}/dvc.yaml"), generated.get(f"{place}/dvc.yaml", b"")
        before, after = leftovers.stages_of(now), leftovers.stages_of(wanted)
        outputs = frozenset().union(*before.values()) - frozenset([LOOKS]).union(*after.values())
        found += [
            f"{place}/{path}" for path in sorted(outputs) if disk.inside(root, f"{place}/{path}").exists()
        ]
        if not wanted and leftovers.is_generated(now):
            # `dvc.yaml` goes last: a run that is killed in between still finds its leftovers by it.
            names = [".gitignore", "dvc.lock", DURATIONS, "params.yaml", "dvc.yaml"]
            found += [f"{place}/{each}" for each in names if _is_ours(root, f"{place}/{each}")]
    return found


def _is_ours(root: Path, path: str) -> bool:
    data = _read(root, path)
    return leftovers.is_generated(data) or (path.endswith(("dvc.lock", DURATIONS)) and bool(data))


def _read(root: Path, path: str) -> bytes:
    return content(root, path) or b""


def _remove(root: Path, path: str) -> None:
    """Remove one file or folder, then the folders that it leaves empty."""
    target = disk.inside(root, path)
    try:
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink()
        for parent in target.relative_to(root / FOLDER).parents[:-1]:
            place = root / FOLDER / parent
            if any(place.iterdir()):
                break
            place.rmdir()
    except OSError as error:
        raise UserError(f"cannot remove: {error.strerror}", where=path, fix="check permissions") from error


def settle_locks(root: Path, generated: Mapping[str, bytes]) -> None:
    """Bring each `dvc.lock` to the stages of its `dvc.yaml`, in their order."""
    for path, data in generated.items():
        if not path.endswith("dvc.yaml"):
            continue
        lock = path.removesuffix("yaml") + "lock"
        try:
            now = _read(root, lock).decode("utf-8")
        except UnicodeDecodeError:
            continue  # DVC refuses it, and the run starts the lock anew
        settled = leftovers.settled_lock(now, leftovers.stages_of(data))
        if settled != now:
            disk.write_atomic(disk.inside(root, lock), settled.encode("utf-8"))
