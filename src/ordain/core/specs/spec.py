"""The types of `models.yaml` and `params.yaml`: the single source of their schemas and of their meaning.

The JSON Schemas in `ordain/schemas` are generated from these types, so a constraint or a sentence is
written once, here. The declared state is frozen; nothing in it is a live handle.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from ordain.core.specs.deployment import Deploy, Gitops, Monitoring
from ordain.core.specs.parts import (
    IMPORT_PATTERN,
    IMPORT_WORDS,
    Column,
    FilePath,
    Fraction,
    Name,
    Parameter,
    Part,
    Url,
    matching,
)


class ColumnContract(Part, frozen=True, kw_only=True):
    """What one column may hold. A row outside the contract stops the pipeline."""

    type: Annotated[
        Literal["string", "integer", "number", "boolean", "date"],
        Meta(description="`boolean` also reads 0 and 1; `date` is ISO 8601."),
    ]
    nullable: Annotated[bool, Meta(description="Whether a value may be missing.")] = False
    min: Annotated[float | None, Meta(description="Smallest value, inclusive (numbers).")] = None
    max: Annotated[float | None, Meta(description="Largest value, inclusive (numbers).")] = None
    categories: Annotated[
        tuple[str, ...] | None, Meta(description="Every value that a text column may hold.")
    ] = None
    feature: Annotated[bool, Meta(description="Whether the model sees the column.")] = True
    personal: Annotated[bool, Meta(description="Hashed or left out of prediction logs.")] = False


class Source(Part, frozen=True, kw_only=True):
    """Where the rows come from: exactly one of `path` and `url`."""

    path: Annotated[FilePath | None, Meta(description="A file in this repository.")] = None
    url: Annotated[Url | None, Meta(description="Any URL that fsspec reads; no credentials.")] = None
    format: Annotated[Literal["csv", "parquet"], Meta(description="How the bytes are read.")] = "csv"


class DerivedId(Part, frozen=True, kw_only=True):
    """An id made from a row's own values, so that equal rows share a side of the split."""

    derive: Annotated[
        Literal["features"] | Annotated[tuple[Column, ...], Meta(min_length=1)],
        Meta(description="`features` for every feature column, or a list of columns."),
    ] = "features"


class Data(Part, frozen=True, kw_only=True):
    """What the model learns from: source, target, id and the column contract."""

    source: Source
    target: Column
    positive: Annotated[
        str | None,
        Meta(description='The label that counts as positive; quote it: `"Yes"` is text, `Yes` is not.'),
    ] = None
    id: Annotated[Column | DerivedId, Meta(description="The id column, or how to derive an id.")] = (
        DerivedId()
    )
    sensitive: Annotated[
        tuple[Column, ...], Meta(description="Columns whose groups the fairness gates compare.")
    ] = ()
    columns: Annotated[
        dict[Column, ColumnContract], Meta(min_length=2, description="The contract, by column.")
    ]


class Split(Part, frozen=True, kw_only=True):
    """Which rows are held out: by a stable hash of the id, so no row changes side as data grows."""

    holdout: Annotated[float, Meta(gt=0, lt=1, description="Share of ids held out.")] = 0.2
    salt: Annotated[str, Meta(description="Change it only to draw another holdout.")] = ""


class Selection(Part, frozen=True, kw_only=True):
    """How the champion is chosen, by cross-validation on the training side only."""

    metric: Annotated[str, Meta(description="A metric of the task (docs/metrics.md).")]
    folds: Annotated[int, Meta(ge=2, le=20)] = 5
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0


class QualityGate(Part, frozen=True, kw_only=True):
    """A bound that the champion's metric on the holdout must reach."""

    metric: str
    min: float | None = None
    max: float | None = None


class NonInferiorityGate(Part, frozen=True, kw_only=True):
    """How much worse than the deployed release the champion may be, on the same holdout rows."""

    metric: str
    margin: Annotated[float, Meta(ge=0, description="In the units of the metric.")]


class CalibrationGate(Part, frozen=True, kw_only=True):
    """Largest expected calibration error (ten equal-count bins) on the holdout."""

    max: Fraction


class FairnessGate(Part, frozen=True, kw_only=True):
    """Largest disparity between the groups of one sensitive column (Fairlearn's definitions)."""

    column: Column
    metric: Literal[
        "demographic_parity_difference", "equalized_odds_difference", "equal_opportunity_difference"
    ]
    max: Fraction
    min_group: Annotated[int, Meta(ge=2, description="Smaller groups make the verdict `insufficient`.")] = 50
    rationale: Annotated[str, Meta(min_length=1, description="Why this metric and this bound.")]


class ParityGate(Part, frozen=True, kw_only=True):
    """Largest difference between the graph and the training pipeline, on every holdout row."""

    max_difference: Annotated[float, Meta(gt=0)] = 1e-5


class LatencyGate(Part, frozen=True, kw_only=True):
    """Largest single-row latency at the 99th percentile; the verdict is kept, the time is not."""

    p99_ms: Annotated[float, Meta(gt=0)]


class SizeGate(Part, frozen=True, kw_only=True):
    """Largest artifact."""

    max_mb: Annotated[float, Meta(gt=0)]


class Gates(Part, frozen=True, kw_only=True):
    """Every threshold that a champion must meet before it can be released."""

    quality: Annotated[tuple[QualityGate, ...], Meta(min_length=1)]
    non_inferiority: NonInferiorityGate | None = None
    calibration: CalibrationGate | None = None
    fairness: tuple[FairnessGate, ...] = ()
    parity: ParityGate = ParityGate()
    latency: LatencyGate | None = None
    size: SizeGate | None = None


class Spec(Part, frozen=True, kw_only=True):
    """One model."""

    owner: Annotated[Name, Meta(description="The team that answers for the model.")]
    description: Annotated[str, Meta(min_length=1, max_length=500)]
    task: Literal["binary", "multiclass", "regression"]
    risk: Literal["low", "medium", "high"]
    data: Data
    split: Split = Split()
    selection: Selection
    threshold: Annotated[
        float, Meta(gt=0, lt=1, description="Probability from which the positive label is given.")
    ] = 0.5
    gates: Gates
    deploy: Deploy = Deploy()
    monitoring: Monitoring = Monitoring()


class Models(Part, frozen=True, kw_only=True):
    """The file `models.yaml`."""

    version: Literal[1]
    renderer: Annotated[int, Meta(ge=1, description="The renderer version that this state pins.")]
    models: dict[Name, Spec]
    gitops: Annotated[
        Gitops | None, Meta(description="What Argo CD or Flux is told to follow; default: nothing.")
    ] = None


class Candidate(Part, frozen=True, kw_only=True):
    """One training recipe: an estimator by import path, and its parameters."""

    estimator: Annotated[str, matching(IMPORT_PATTERN, IMPORT_WORDS, description="By import path.")]
    parameters: dict[Parameter, Any] = {}
    scale: Annotated[
        bool | UnsetType,
        Meta(description="Standardise numbers first; default: only for estimators that need it."),
    ] = UNSET


class Params(Part, frozen=True, kw_only=True):
    """The file `params.yaml`: candidates by model and name."""

    version: Literal[1]
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    candidates: dict[Name, Annotated[dict[Name, Candidate], Meta(min_length=1)]]
