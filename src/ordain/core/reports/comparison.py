"""Candidates, branches, experiments and releases of one model, side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from ordain.core.canonical import bytes_digest
from ordain.core.gating.release import Release
from ordain.core.metrics import METRICS
from ordain.core.pipelines import durations
from ordain.core.pipelines.changes import leaves
from ordain.core.pipelines.durations import Durations
from ordain.core.redaction import redacted_value
from ordain.core.releasing.measured import DAMAGED, Ends, Measured, md5
from ordain.core.state.schema import BASE, DIALECT, schema_of
from ordain.core.value import Value
from ordain.core.yaml import yamlplain

SCHEMA_NAME = "compare.schema.json"
LOCK, PARAMS, CHAMPION, GATES = "dvc.lock", "params.yaml", "champion.json", "gates.json"
TRAINING = "data/train.parquet"
_METRICS = re.compile(r"candidates/([^/]+)/metrics\.json")


class Run(Value, frozen=True, kw_only=True):
    """One training recipe as it was measured somewhere.

    Attributes:
        source: `working tree`, a revision, an experiment, or a release such as `churn@2`.
        commit: where it was read; None for the working tree and for a release's own record.
        measured: on which rows: a candidate's folds of the training side, or the holdout. The two are
            not comparable with one another.
        parameters: by dotted key. intervals: 95 %, by metric.
        seconds: wall time of training and evaluating a candidate; of the whole pipeline for what was
            measured on the holdout; None where no run was timed.
        champion: whether the selection chose it. runs_in: environments where the release runs.
        rows: digest of the rows that it was measured on, where known. Only runs on the same rows are
            comparable.
    """

    source: str
    commit: str | None
    candidate: str
    measured: Literal["cross-validation", "holdout"]
    estimator: str
    parameters: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    intervals: dict[str, Ends] = {}
    seconds: float | None = None
    champion: bool = False
    runs_in: tuple[str, ...] = ()
    rows: str | None = None


class Comparison(Value, frozen=True, kw_only=True):
    """All runs of one model, those of one measurement together, the best first.

    Attributes:
        metric: by which they are sorted. greater_is_better: how.
        notes: what could not be read, and why.
    """

    version: Literal[1] = 1
    model: str
    metric: str
    greater_is_better: bool
    runs: tuple[Run, ...]
    notes: tuple[str, ...] = ()


class _Holdout(msgspec.Struct, frozen=True):
    digest: str


class _Metrics(msgspec.Struct, frozen=True):
    """A candidate's `metrics.json`, or the same parts of `gates.json`."""

    metrics: dict[str, float | None]
    intervals: dict[str, Ends | None] = {}
    holdout: _Holdout | None = None


class _Champion(msgspec.Struct, frozen=True):
    candidate: str


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a pipeline's folder somewhere, and is what its stages wrote.

    Attributes:
        stages: all that the lock has. seconds: how long they took in the run that made it, where known.
        recipes: `candidates` of the resolved parameters. champion: the selected one, or empty.
        candidates, holdout: what was measured. training: MD5 of the rows that candidates were measured on.
    """

    stages: tuple[str, ...]
    recipes: Mapping[str, Any]
    champion: str
    candidates: Mapping[str, _Metrics]
    holdout: _Metrics | None
    seconds: Durations
    training: str | None = None


def is_compared(path: str) -> bool:
    """Whether a path in a pipeline's folder is read for a comparison."""
    return path in {LOCK, PARAMS, CHAMPION, GATES, durations.FILE} or bool(_METRICS.fullmatch(path))


def folder(files: Mapping[str, bytes]) -> Folder | None:
    """Read a pipeline's folder; None when it never ran, or holds what no stage wrote.

    Args:
        files: by path in the folder.
    """
    try:
        stages = yamlplain.load12(files[LOCK])["stages"]
        made = {out["path"]: out.get("md5") for stage in stages.values() for out in stage.get("outs") or ()}
        whole = {path: data for path, data in files.items() if made.get(path) == md5(data)}
        names = {path: found[1] for path in whole if (found := _METRICS.fullmatch(path))}
        recipes = yamlplain.load12(files.get(PARAMS, b"{}"))["candidates"]
        timed = durations.decode(files.get(durations.FILE, b""))
        chosen = msgspec.json.decode(whole[CHAMPION], type=_Champion).candidate if CHAMPION in whole else ""
        return Folder(
            stages=tuple(stages),
            recipes={str(name): dict(recipe) for name, recipe in recipes.items()},
            champion=chosen,
            candidates={name: _metrics(whole[path]) for path, name in sorted(names.items())},
            holdout=_metrics(whole[GATES]) if GATES in whole else None,
            seconds=timed if timed.lock == bytes_digest(files[LOCK]) else Durations(),
            training=f"md5:{made[TRAINING]}" if made.get(TRAINING) else None,
        )
    except DAMAGED:
        return None


def _metrics(data: bytes) -> _Metrics:
    return msgspec.json.decode(data, type=_Metrics)


def folder_runs(found: Folder, source: str, commit: str | None) -> Iterator[Run]:
    """Every candidate by its folds, and the champion on the holdout."""
    for name, measured in found.candidates.items():
        stages = [f"train-{name}", f"evaluate-{name}"]
        run = _run(found, (source, commit, name), measured, _total(found.seconds, stages))
        yield msgspec.structs.replace(run, rows=found.training)
    if found.holdout is not None and found.champion:
        total = _total(found.seconds, found.stages)
        run = _run(found, (source, commit, found.champion), found.holdout, total)
        rows = found.holdout.holdout.digest if found.holdout.holdout else None
        yield msgspec.structs.replace(run, measured="holdout", rows=rows)


def _run(found: Folder, of: tuple[str, str | None, str], measured: _Metrics, seconds: float | None) -> Run:
    source, commit, name = of
    recipe = found.recipes.get(name, {})
    return Run(
        source=source,
        commit=commit,
        candidate=name,
        measured="cross-validation",
        estimator=str(recipe.get("estimator", "")),
        parameters=parameters_of(recipe),
        metrics={key: value for key, value in measured.metrics.items() if value is not None},
        intervals={key: value for key, value in measured.intervals.items() if value is not None},
        seconds=seconds,
        champion=name == found.champion,
    )


def parameters_of(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about a recipe but its estimator, by dotted key; `parameters.` is understood."""
    flat = leaves({key: value for key, value in recipe.items() if key != "estimator"})
    short = {key.removeprefix("parameters."): value for key, value in flat.items() if key and value != {}}
    return {key: redacted_value(value) for key, value in short.items()}


def _total(seconds: Durations, stages: Sequence[str]) -> float | None:
    known = [seconds.stages.get(name) for name in stages]
    return round(sum(filter(None, known)), 1) if None not in known else None


def release_run(record: Release, measured: Measured | None, runs_in: tuple[str, ...]) -> Run:
    """A release by its own record.

    Args:
        record: what it is. measured: what is proven to have been measured of it, for the intervals.
        runs_in: environments where it runs by the ledger.
    """
    champion = record.champion
    return Run(
        source=record.ref.label,
        commit=None,
        candidate=champion.candidate,
        measured="holdout",
        estimator=champion.estimator,
        metrics=record.metrics,
        intervals=measured.intervals if measured else _judged(record),
        champion=True,
        runs_in=runs_in,
        rows=record.data.holdout,
    )


def _judged(record: Release) -> dict[str, Ends]:
    """The intervals that a record's quality gates state."""
    return {
        each.gate.removeprefix("quality."): Ends(low=each.interval[0], high=each.interval[1])
        for each in record.verdicts
        if each.gate.startswith("quality.") and each.interval
    }


def alike(runs: Sequence[Run]) -> tuple[tuple[Run, ...], ...]:
    """The runs in groups that were measured on the same rows, each as ordered; the groups as first met."""
    groups: dict[tuple[str, str | None], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.measured, run.rows), []).append(run)
    return tuple(map(tuple, groups.values()))


def comparison(model: str, metric: str, runs: Sequence[Run], notes: Sequence[str] = ()) -> Comparison:
    """The runs in order: the holdout first, then by the metric; what lacks it comes last."""
    known = METRICS.get(metric)
    greater = known is None or known.greater_is_better

    def place(run: Run) -> tuple[bool, bool, float]:
        value = run.metrics.get(metric)
        return (
            run.measured != "holdout",
            value is None,
            0.0 if value is None else -value if greater else value,
        )

    ordered = tuple(sorted(runs, key=place))
    return Comparison(model=model, metric=metric, greater_is_better=greater, runs=ordered, notes=tuple(notes))


def schema_bytes() -> bytes:
    """The JSON Schema (draft 2020-12) of a comparison, as `ordain/schemas` ships it."""
    head = {
        "$schema": DIALECT,
        "$id": BASE + SCHEMA_NAME,
        "title": "Ordain: compare",
        "description": (Comparison.__doc__ or "").partition("\n")[0],
    }
    return json.dumps({**head, **schema_of(Comparison)}, indent=2, ensure_ascii=False).encode() + b"\n"
