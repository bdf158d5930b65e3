"""Proofs about what was released: the record, the lock, the code, the data and the artifact."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters.artifacts import Store
from ordain.adapters.git import Listed
from ordain.core.canonical import PREFIX, bytes_digest, digest
from ordain.core.gating.release import Release
from ordain.core.pipelines.pipeline import FOLDER, UP
from ordain.core.reasons import Reason
from ordain.core.reports.verification import (
    Proof,
    absent,
    declared_proof,
    failed,
    lock_proof,
    md5_of,
    measured_proof,
    ok,
    release_proof,
    same_bytes,
)
from ordain.core.specs.identity import ReleaseRef, training_slice
from ordain.core.specs.spec import Models, Params
from ordain.core.state.declared import release_path
from ordain.core.yaml import yamlplain
from ordain.errors import UserError
from ordain.services.judging.clone import Clone
from ordain.services.training.staleness import locked_stages

RELEASES = "releases"
CACHE = ".dvc/cache/files/md5"
TABLES = {"rows": "data/rows.parquet", "train": "data/train.parquet", "holdout": "data/holdout.parquet"}


class Origin(Struct, frozen=True, kw_only=True):
    """The commit that holds the very lock that a release was made from.

    Attributes:
        files: of the pipeline's folder there, by path in it. stages: of its `dvc.lock`.
    """

    commit: str
    files: Mapping[str, bytes]
    stages: Mapping[str, Any]


class Releases:
    """Proofs about releases of one clone.

    Args:
        clone: where the commits and files are. store: artifacts at hand.
        many: whether so many will be asked about that reading the whole history once costs less than
            asking Git about each file.
    """

    def __init__(self, clone: Clone, store: Store, *, many: bool) -> None:
        self._clone, self._store, self._many = clone, store, many

    @cached_property
    def _records(self) -> Mapping[str, Release]:
        """Every record of the history, by its digest: for what does not stand where it was written."""
        return self._clone.releases()

    def proofs(self, ref: ReleaseRef) -> Iterator[Proof]:
        """Every link from a pinned release back to its data."""
        record = self._clone.states.release(self._clone.commit, ref) or self._records.get(ref.record)
        if record is None:
            yield failed("release", ref.label, f"no commit holds the record {ref.record}")
        else:
            yield release_proof(record, ref.record)
            yield from self._origin_proofs(record)
        yield self.artifact(ref)

    def artifact(self, ref: ReleaseRef) -> Proof:
        """Whether the bytes in the store are those that were released."""
        what = f"{ref.label}: {ref.artifact}"
        try:
            layout = self._store.get(ref.artifact)
        except UserError as error:
            if error.reason == Reason.ARTIFACT_ABSENT:
                return absent("artifact", what, "its bytes are not in this clone's store")
            return failed("artifact", what, str(error))
        return ok("artifact", what, f"{layout.size} bytes")

    def _origin_proofs(self, record: Release) -> Iterator[Proof]:
        label = f"{record.model}@{record.number}"
        added = self._changes(release_path(record.model, record.number), "A")
        if not added:
            yield absent("lock", label, "the commit that recorded it is not in this clone")
            return
        declared = self._clone.models(added[0])
        yield declared_proof(record, _slice(record, *declared) if declared else None)
        try:
            origin = self._origin(record, added[0])
        except UserError as error:
            yield failed("lock", error.where or label, error.what)
            return
        if origin is None:
            yield self._no_lock(record, added[0])
            return
        place = f"{FOLDER}/{record.model}"
        yield ok("lock", f"{label}: {place}/dvc.lock", f"as in {origin.commit[:12]}")
        yield lock_proof(f"{label}: {place}/dvc.lock", origin.stages, origin.files)
        yield _measured(record, origin)
        yield from self._inputs(record, origin)

    def _changes(self, path: str, kinds: str, head: str | None = None) -> list[str]:
        """The first-parent steps, up to one, that touched a file, newest first."""
        repository, newest = self._clone.repository, self._clone.commit
        if self._many:
            repository.history(newest, path.partition("/")[0])  # read once: `touched` answers from it
        return repository.touched(head or newest, path, kinds)

    def _no_lock(self, record: Release, commit: str) -> Proof:
        path = f"{FOLDER}/{record.model}/dvc.lock"
        what = f"{record.model}@{record.number}: {path}"
        if path in self._clone.repository.listing(commit, (path,)):
            return failed("lock", what, "no commit holds the lock that it was made from")
        return absent("lock", what, "not in the commit that recorded it")

    def _origin(self, record: Release, added: str) -> Origin | None:
        """The newest commit, up to the one that recorded the release, with the lock that it names."""
        repository = self._clone.repository
        place = f"{FOLDER}/{record.model}"
        (commit,) = repository.commits([added])
        before = commit.parents[0] if commit.parents else None
        nearby = [added, *(repository.between(before, added) if before else ())]
        locks = self._changes(f"{place}/dvc.lock", "AMD", head=added)
        candidates = dict.fromkeys([*nearby, *locks])
        seen: set[str] = set()
        for candidate in candidates:
            listed: Mapping[str, Listed] = repository.listing(candidate, (f"{place}/dvc.lock",))
            blob = listed.get(f"{place}/dvc.lock")
            if blob is None or blob.id in seen:
                continue
            seen.add(blob.id)
            data = repository.objects([blob.id], "blob")[blob.id]
            if bytes_digest(data) == record.lock:
                found = repository.read(candidate, (f"{place}/",))
                files = {path.removeprefix(f"{place}/"): each for path, each in found.items()}
                return Origin(commit=candidate, files=files, stages=locked_stages(f"{place}/dvc.lock", data))
        return None

    def _inputs(self, record: Release, origin: Origin) -> Iterator[Proof]:
        """Parameters, code and data of the run, as its commit holds them."""
        label = f"{record.model}@{record.number}"
        parameters = _parsed("params.yaml", origin.files.get("params.yaml"))
        if parameters is not None:
            actual = digest("parameters/v1", parameters)
            right = actual == record.parameters
            link_ok = ok("lock", f"{label}: params.yaml", "the parameters that it was made with")
            yield link_ok if right else failed("lock", f"{label}: params.yaml", "other parameters")
        deps = {path for stage in origin.stages.values() for path in locked(stage, "deps")}
        outside = sorted(path.removeprefix(UP) for path in deps if path.startswith(UP))
        source = self._source(record, origin)
        yield self._code(record, origin, [path for path in outside if path != source])
        if source is not None:
            yield from self._source_proofs(record, origin, source)
        for side, path in TABLES.items():
            data = self._table(record.model, path, origin)
            yield same_bytes("data", f"{label}: {side} ({path})", data, getattr(record.data, side))

    def _source(self, record: Release, origin: Origin) -> str | None:
        declared = self._clone.models(origin.commit)
        spec = declared[0].models.get(record.model) if declared else None
        return spec.data.source.path if spec else None

    def _code(self, record: Release, origin: Origin, paths: list[str]) -> Proof:
        what = f"{record.model}@{record.number}: {len(paths)} files of code"
        found = self._clone.repository.read(origin.commit, tuple(paths)) if paths else {}
        if set(found) != set(paths):
            return absent("code", what, f"not in {origin.commit[:12]}")
        actual = digest("code/v1", {path: bytes_digest(data) for path, data in found.items()})
        if actual != record.code:
            return failed("code", what, f"other code in {origin.commit[:12]}")
        return ok("code", what, f"as in {origin.commit[:12]}")

    def _source_proofs(self, record: Release, origin: Origin, source: str) -> Iterator[Proof]:
        what = f"{record.model}@{record.number}: {source}"
        committed = self._clone.repository.read(origin.commit, (source,)).get(source)
        if committed is not None:
            yield same_bytes("data", f"{what} in {origin.commit[:12]}", committed, record.data.source)
        here = _on_disk(self._clone.repository.folder, source)
        if here is None:
            yield absent("data", what, "not in the working tree")
        elif here[1] == record.data.source:
            yield ok("data", what, "the bytes it learned from")
        elif self._newer(record.model, source, here[0]):
            yield ok("data", what, "newer than this release; the current lock names it")
        else:
            yield failed("data", what, "neither the bytes it learned from nor those that the lock names")

    def _newer(self, model: str, source: str, md5: str) -> bool:
        """Whether the committed lock of the base branch names these bytes as its source."""
        path = f"{FOLDER}/{model}/dvc.lock"
        data = self._clone.repository.read(self._clone.commit, (path,)).get(path)
        stages = locked_stages(path, data)
        return any(locked(stage, "deps").get(f"{UP}{source}") == md5 for stage in stages.values())

    def _table(self, model: str, path: str, origin: Origin) -> bytes | None:
        """A table that DVC keeps: from its cache, or from the folder when it is still that one."""
        made = {name: md5 for stage in origin.stages.values() for name, md5 in locked(stage, "outs").items()}
        md5 = made.get(path)
        root = self._clone.repository.folder
        if not md5 or not md5.isalnum():
            return None
        cached = disk.inside(root, f"{CACHE}/{md5[:2]}/{md5[2:]}")
        if cached.is_file():
            return disk.read_bytes(cached)
        try:
            here = disk.inside(root, f"{FOLDER}/{model}/{path}")
        except UserError:
            return None  # DVC may have linked it to a cache elsewhere
        data = disk.read_bytes(here) if here.is_file() else None
        return data if data is not None and md5_of(data) == md5 else None


def _slice(record: Release, models: Models, params: Params) -> str | None:
    spec = models.models.get(record.model)
    candidates = params.candidates.get(record.model, {})
    return training_slice(spec, candidates, params.seed) if spec else None


def _measured(record: Release, origin: Origin) -> Proof:
    try:
        package, gates = (json.loads(origin.files[name]) for name in ("package.json", "gates.json"))
        return measured_proof(record, package, gates)
    except (KeyError, ValueError, AttributeError, msgspec.ValidationError):
        return failed("release", f"{record.model}@{record.number}", "its pipeline's records can't be read")


def _parsed(path: str, data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return yamlplain.load12(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError("this is not YAML", where=path, fix=f"git checkout {path}") from error


def locked(stage: Mapping[str, Any], key: str) -> dict[str, str]:
    """MD5 by path of a stage's `deps` or `outs`, as a lock records them."""
    return {each["path"]: str(each.get("md5")) for each in stage.get(key) or ()}


def _on_disk(root: Path, path: str) -> tuple[str, str] | None:
    """MD5, and SHA-256 as we write it, of a file of the working tree."""
    place = disk.inside(root, path)
    if not place.is_file():
        return None
    md5, sha256 = disk.hash_file(place, "md5", "sha256")
    return md5, PREFIX + sha256
