"""Proofs about what the base branch and the working tree hold now: records, locks, and their inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ordain.adapters import files as disk
from ordain.core.pipelines.pipeline import FOLDER, UP
from ordain.core.reports.verification import Proof, absent, failed, lock_proof, md5_of, ok
from ordain.errors import UserError
from ordain.services.judging.clone import Clone
from ordain.services.proofs.verify_release import RELEASES, locked
from ordain.services.training.staleness import locked_stages


def record_proofs(clone: Clone) -> Iterator[Proof]:
    """Whether every release record is, byte for byte, the one that was written first, at every step."""
    repository = clone.repository
    try:
        found = repository.listing(clone.commit, (f"{RELEASES}/",))
        # Reading the whole history is worth it only where a record was ever touched again.
        touched = repository.changes(clone.commit, RELEASES, "DM")
        wrong = list(_rewritten(clone)) if touched else []
        yield from wrong
        if not wrong:
            yield ok("release", f"{len(found)} records of {clone.base.name}", "none was changed since")
    except UserError as error:
        yield failed("release", error.where or RELEASES, error.what)


def _rewritten(clone: Clone) -> Iterator[Proof]:
    """The paths below which one step of the branch held another record than the first that stood there."""
    repository = clone.repository
    history = repository.history(clone.commit, RELEASES)
    for path in history.paths("DM"):
        *later, first = history.changes(path, "AM")
        written = repository.stood(first, path)
        other = next((each for each in later if repository.stood(each, path) != written), None)
        if other is not None:
            yield failed("release", path, f"{other[:12]} holds another record than {first[:12]} wrote")


def current_proofs(clone: Clone) -> Iterator[Proof]:
    """The pipelines as they lie in the working tree: each lock and the outputs that Git holds beside it."""
    declared = clone.models(clone.commit)
    for model in sorted(declared[0].models) if declared else ():
        path = f"{FOLDER}/{model}/dvc.lock"
        try:
            yield from _pipeline(clone, model, path)
        except UserError as error:
            yield failed("lock", error.where or path, error.what)


def _pipeline(clone: Clone, model: str, path: str) -> Iterator[Proof]:
    place = f"{FOLDER}/{model}"
    root = clone.repository.folder
    found = disk.read_state(root, lambda each: not each.endswith((".parquet", ".onnx")), tops=(place,))
    files = {name.removeprefix(f"{place}/"): data for name, data in found.items()}
    if "dvc.lock" not in files:
        yield absent("lock", path, "the pipeline never ran here")
        return
    stages = locked_stages(path, files["dvc.lock"])
    yield lock_proof(path, stages, files)
    yield from _inputs_proof(clone, path, files["dvc.lock"], stages)


def _inputs_proof(clone: Clone, path: str, data: bytes, stages: Mapping[str, Any]) -> Iterator[Proof]:
    """Whether a committed lock names the code and data that its own commit holds."""
    repository = clone.repository
    commit = repository.last_change(clone.commit, path)
    if commit is None or repository.read(commit, (path,)).get(path) != data:
        yield absent("lock", f"{path}: its inputs", "the lock of the working tree is in no commit yet")
        return
    named = {
        (name.removeprefix(UP), md5)
        for stage in stages.values()
        for name, md5 in locked(stage, "deps").items()
        if name.startswith(UP)
    }
    held = repository.read(commit, sorted({name for name, _ in named})) if named else {}
    wrong = sorted(name for name, md5 in named if name in held and md5_of(held[name]) != md5)
    if wrong:
        yield failed("lock", path, f"it names another {wrong[0]} than its commit {commit[:12]} holds")
    else:
        yield ok("lock", f"{path}: {len(held)} inputs", f"as in {commit[:12]}")
