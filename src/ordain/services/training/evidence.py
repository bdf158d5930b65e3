"""What a pipeline's outputs say about its champion, after a look at whether they are current and whole.

A release rests on files that anybody can edit between a run and a release, so each one is held against
`dvc.lock`, the lock against the declaration, and the artifact against its own digests.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ordain._version import __version__
from ordain.adapters import files as disk
from ordain.adapters.artifacts import read_folder
from ordain.adapters.working_tree import content
from ordain.core.artifacts.artifact import Layout
from ordain.core.canonical import PREFIX, digest
from ordain.core.data import pins
from ordain.core.gating.release import Champion, DataRecord, Sha256
from ordain.core.gating.verdicts import Verdict
from ordain.core.gating.waivers import complete
from ordain.core.pipelines import dvclock, looks
from ordain.core.pipelines.pipeline import (
    CODE_TOPS,
    FOLDER,
    UP,
    Context,
    context_of,
    is_code_path,
    pipeline_files,
)
from ordain.core.pipelines.stale import paths_of, stale
from ordain.core.reasons import Reason
from ordain.core.releasing.releasing import Evidence
from ordain.core.specs.identity import training_slice
from ordain.core.specs.parts import Count
from ordain.core.state.instance import Instance
from ordain.core.state.validate_models import gate_names
from ordain.core.yaml import yaml12
from ordain.errors import UserError

T = TypeVar("T")
RECORDS = ("champion.json", "data/contract.json", "gates.json", "package.json")
TABLES = ("data/holdout.parquet", "data/rows.parquet", "data/train.parquet")


class Collected(msgspec.Struct, frozen=True):
    """The evidence for one model, and what a comparison needs besides.

    Attributes:
        layout: its artifact. holdout: the file that holds the rows held out.
        looks: content of the holdout's count of looks, this one included.
    """

    evidence: Evidence
    layout: Layout
    holdout: Path
    looks: bytes


class _Holdout(msgspec.Struct):
    digest: Sha256
    rows: Count


class _Gates(msgspec.Struct):
    metrics: dict[str, float | None]
    verdicts: tuple[Verdict, ...]
    holdout: _Holdout


class _Package(msgspec.Struct):
    artifact: Sha256


class _Contract(msgspec.Struct):
    rows: Count


class _Champion(msgspec.Struct):
    candidate: str
    estimator: str
    metric: str
    score: float
    interval: tuple[float, float] | None


class Outputs:
    """One model's pipeline folder.

    Args:
        root: the repository. model: the name of a declared model. instance: the declared state.
    """

    def __init__(self, root: Path, model: str, instance: Instance) -> None:
        self.root, self.model, self.instance = root, model, instance
        self.place = f"{FOLDER}/{model}"

    def collect(self) -> Collected:
        """The champion's evidence.

        Raises:
            UserError: naming the file that is absent, edited, damaged or behind the declaration.
        """
        pipeline, lock = self._current()
        self._whole(lock)
        gates = self._record("gates.json", _Gates)
        package, chosen = self._record("package.json", _Package), self._record("champion.json", _Champion)
        layout = read_folder(disk.inside(self.root, f"{self.place}/artifact"))
        if layout.manifest_digest != package.artifact:
            raise self._error("artifact", "it is not the artifact that package.json names")
        data = self._data(gates.holdout)
        counted = self._looks(gates.holdout.digest, package.artifact)
        spec, params = self.instance.models.models[self.model], self.instance.params
        needed = [each for each in gate_names(spec) if not each.startswith("non_inferiority.")]
        evidence = Evidence(
            model=self.model,
            training_slice=training_slice(spec, params.candidates[self.model], params.seed),
            parameters=digest("parameters/v1", yaml12.load(self._read("params.yaml"))),
            code=self._code(pipeline),
            lock=PREFIX + self._hash("dvc.lock", "sha256"),
            data=data,
            champion=Champion(**msgspec.structs.asdict(chosen)),
            artifact=layout.manifest_digest,
            artifact_bytes=layout.size,
            metrics={name: value for name, value in sorted(gates.metrics.items()) if value is not None},
            verdicts=complete(gates.verdicts, needed),
            looks=counted.count(gates.holdout.digest),
        )
        holdout = disk.inside(self.root, f"{self.place}/data/holdout.parquet")
        return Collected(evidence, layout, holdout, looks.encode(counted))

    def _current(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The stages of `dvc.yaml` and of `dvc.lock`, neither of them behind the declaration."""
        generated = pipeline_files(self.instance, context(self.root))
        for path in (f"{self.place}/{name}" for name in ("dvc.yaml", "params.yaml")):
            target = disk.inside(self.root, path)
            if not target.is_file() or disk.read_bytes(target) != generated[path]:
                raise self._error(path.rpartition("/")[2], "it is not what models.yaml and params.yaml give")
        pipeline = yaml12.load(generated[f"{self.place}/dvc.yaml"])["stages"]
        lock = self._lock()
        parameters = {"params.yaml": yaml12.load(generated[f"{self.place}/params.yaml"])}
        behind = stale(self.model, pipeline, lock, parameters, self._hashes(pipeline))
        if behind:
            first = "; ".join(behind.why[:3])
            raise self._error("dvc.lock", f"{len(behind.stages)} stages are behind the declaration: {first}")
        return pipeline, lock

    def _lock(self) -> dict[str, Any]:
        if not disk.inside(self.root, f"{self.place}/dvc.lock").is_file():
            raise self._error("dvc.lock", "the pipeline never ran")
        try:
            return dvclock.stages_of(self._read("dvc.lock"))
        except ValueError as error:
            raise self._error("dvc.lock", "it is damaged") from error

    def _hashes(self, pipeline: Mapping[str, Any]) -> dict[str, str]:
        """MD5 of every dependency that is here, by its path in `dvc.yaml`."""
        wanted = {path for stage in pipeline.values() for path in paths_of(stage, "deps")}
        there = [path for path in sorted(wanted) if self._path(path).is_file()]
        return {path: self._hash(path, "md5") for path in there}

    def _whole(self, lock: Mapping[str, Any]) -> None:
        """Everything that is read here is, byte for byte, what its stage wrote."""
        made = {out["path"]: out.get("md5") for stage in lock.values() for out in stage.get("outs") or ()}
        for name in (*RECORDS, *TABLES):
            if not self._path(name).is_file():
                raise self._error(name, "this output is not here")
            if self._hash(name, "md5") != made.get(name):
                raise self._error(name, "it is not what its stage wrote")

    def _data(self, holdout: _Holdout) -> DataRecord:
        found = {name: PREFIX + self._hash(name, "sha256") for name in TABLES}
        if found["data/holdout.parquet"] != holdout.digest:
            raise self._error("gates.json", "it judges another holdout")
        source = self.instance.models.models[self.model].data.source.path
        rows = found["data/rows.parquet"]
        return DataRecord(
            source=self._pin().identity if source is None else PREFIX + self._hash(UP + source, "sha256"),
            rows=rows,
            train=found["data/train.parquet"],
            holdout=holdout.digest,
            row_count=self._record("data/contract.json", _Contract).rows,
            holdout_count=holdout.rows,
        )

    def _pin(self) -> pins.Pin:
        return pins.decode(self._read(pins.FILE), f"{self.place}/{pins.FILE}")

    def _looks(self, holdout: str, artifact: str) -> looks.Looks:
        path = f"{self.place}/{looks.FILE}"
        return looks.decode(content(self.root, path) or b"", path).with_look(holdout, artifact)

    def _code(self, pipeline: Mapping[str, Any]) -> str:
        """Digest of every file of code that a stage runs on, by path."""
        source = self.instance.models.models[self.model].data.source.path
        listed = {path for stage in pipeline.values() for path in paths_of(stage, "deps")}
        code = sorted(path for path in listed if path.startswith(UP) and path != f"{UP}{source}")
        return digest(
            "code/v1", {path.removeprefix(UP): PREFIX + self._hash(path, "sha256") for path in code}
        )

    def _path(self, relative: str) -> Path:
        up = relative.startswith(UP)
        return disk.inside(self.root, relative.removeprefix(UP) if up else f"{self.place}/{relative}")

    def _hash(self, relative: str, algorithm: str) -> str:
        return disk.hash_file(self._path(relative), algorithm)[0]

    def _read(self, relative: str) -> bytes:
        return disk.read_bytes(self._path(relative), disk.STATE_LIMIT)

    def _record(self, relative: str, kind: type[T]) -> T:
        """A JSON record; NaN is no JSON, and a wrong type is no record."""
        try:
            return msgspec.json.decode(self._read(relative), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._error(relative, f"it is not the record that its stage writes: {error}") from error

    def _error(self, relative: str, what: str) -> UserError:
        return UserError(
            f"{self.model} cannot be released: {what}",
            where=f"{self.place}/{relative}",
            fix=f"ordain run {self.model}",
            reason=Reason.STATE_INVALID,
        )


def context(root: Path) -> Context:
    """What generated pipelines depend on besides the declared state."""
    return context_of(disk.read_state(root, is_code_path, tops=CODE_TOPS), __version__)
