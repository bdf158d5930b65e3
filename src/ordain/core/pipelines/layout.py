"""The stages of a model's pipeline: what each reads, which parameters decide it, and what it writes.

Paths are relative to `pipelines/<model>/`. The table is the contract between the generated `dvc.yaml` and
the scripts in `stages/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ordain.core.data.pins import FILE as PIN
from ordain.core.specs.parts import Part
from ordain.core.specs.spec import Spec

SCRIPTS = ("ingest", "contract", "split", "train", "evaluate", "select", "export", "package", "gate")

# The parts of the data contract that decide what a model learns from a row.
LEARNED = ("data.columns", "data.positive", "data.target")
# Every gate of the pipeline. Non-inferiority is judged in a release, against what is deployed then.
GATES = tuple(f"gates.{each}" for each in ("calibration", "fairness", "latency", "parity", "quality", "size"))


# Points of curves, by task: `evaluate` writes them per candidate, `gate` for the champion on the holdout.
CURVES: Mapping[str, tuple[str, ...]] = {
    "binary": ("calibration.csv", "roc.csv"),
    "multiclass": (),
    "regression": (),
}
# Title, then the columns that are drawn across and up.
AXES = {
    "calibration.csv": ("Calibration", "predicted", "observed"),
    "roc.csv": ("ROC curve", "false_positive_rate", "true_positive_rate"),
}


class Step(Part, frozen=True, kw_only=True):
    """One stage.

    Attributes:
        name: in `dvc.yaml`. script: below `stages/`. candidate: its argument, or empty.
        sources: files of the repository that it reads, relative to the root.
        reads: files of the pipeline folder that it reads.
        params: keys of the pipeline's `params.yaml`.
        records_read: keys that it reads of other stages' records. The stage reruns when one of these
            changes, and not for the rest of the record.
        caches: outputs that DVC's cache holds. records, metrics: outputs that Git holds.
    """

    name: str
    script: str
    candidate: str = ""
    sources: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    records_read: Mapping[str, tuple[str, ...]] = {}
    caches: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


def steps(spec: Spec, candidates: Sequence[str]) -> tuple[Step, ...]:
    """Every stage of one model, in the order of the flow."""
    return (
        *_data(spec),
        *(each for name in candidates for each in _candidate(spec.task, name)),
        *_champion(spec.task, candidates),
    )


def _data(spec: Spec) -> tuple[Step, ...]:
    source = spec.data.source.path
    return (
        Step(
            name="ingest",
            script="ingest",
            sources=() if source is None else (source,),
            reads=(PIN,) if source is None else (),
            params=("data.columns", "data.id", "data.source", "data.target"),
            caches=("data/rows.parquet",),
        ),
        Step(
            name="contract",
            script="contract",
            reads=("data/rows.parquet",),
            params=("task", *LEARNED, "data.sensitive"),
            records=("data/contract.json",),
        ),
        Step(
            name="split",
            script="split",
            reads=("data/contract.json", "data/rows.parquet"),
            params=("data.target", "split"),
            caches=("data/holdout.parquet", "data/train.parquet"),
        ),
    )


def _candidate(task: str, name: str) -> tuple[Step, ...]:
    folder = f"candidates/{name}"
    return (
        Step(
            name=f"train-{name}",
            script="train",
            candidate=name,
            reads=("data/train.parquet",),
            params=("task", "seed", *LEARNED, "selection.folds", "selection.seed", f"candidates.{name}"),
            caches=(f"{folder}/oof.parquet",),
            records=(f"{folder}/training.json",),
        ),
        Step(
            name=f"evaluate-{name}",
            script="evaluate",
            candidate=name,
            reads=(f"{folder}/oof.parquet",),
            params=("task", "seed", "threshold", *LEARNED),
            records=tuple(f"{folder}/{file}" for file in CURVES[task]),
            metrics=(f"{folder}/metrics.json",),
        ),
    )


def _champion(task: str, candidates: Sequence[str]) -> tuple[Step, ...]:
    graph = ("export/model.onnx", "export/profile.json", "export/signature.json")
    return (
        Step(
            name="select",
            script="select",
            reads=tuple(f"candidates/{name}/metrics.json" for name in candidates),
            params=("compared", "selection.metric", *(f"candidates.{name}" for name in candidates)),
            records=("champion.json",),
        ),
        Step(
            name="export",
            script="export",
            reads=("data/holdout.parquet", "data/train.parquet"),
            params=("model", "task", "seed", "threshold", *LEARNED),
            records_read={"champion.json": ("candidate", "recipe")},
            caches=(*graph, "export/reference.parquet"),
        ),
        Step(
            name="package",
            script="package",
            reads=graph,
            caches=("artifact",),
            records=("package.json",),
        ),
        Step(
            name="gate",
            script="gate",
            reads=(
                "data/holdout.parquet",
                "export/model.onnx",
                "export/reference.parquet",
                "export/signature.json",
                "package.json",
            ),
            params=("seed", *LEARNED, "data.sensitive", *GATES),
            records=tuple(f"holdout/{file}" for file in CURVES[task]),
            metrics=("gates.json",),
        ),
    )


def plots(task: str, candidates: Sequence[str]) -> list[dict[str, Any]]:
    """What `dvc plots` draws: each curve of all candidates in one frame, and of the champion's holdout."""
    drawn: list[dict[str, Any]] = []
    for file in CURVES[task]:
        title, across, up = AXES[file]
        shared = {"template": "linear", "x": across, "x_label": across, "y_label": up}
        stem = file.removesuffix(".csv")
        oof = {f"candidates/{name}/{file}": up for name in candidates}
        drawn += [
            {f"{stem}-candidates": {**shared, "y": oof, "title": f"{title}, cross-validation"}},
            {f"{stem}-holdout": {**shared, "y": {f"holdout/{file}": up}, "title": f"{title}, holdout"}},
        ]
    return drawn
