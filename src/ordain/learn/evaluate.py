"""Measure a candidate on its out-of-fold predictions: metrics, intervals, groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ordain.core.artifacts.signature import Signature
from ordain.core.gating.gates import finite
from ordain.core.gating.statistics import Interval
from ordain.core.specs.spec import Data
from ordain.learn.bootstrap import intervals
from ordain.learn.fairness import describe, expected_groups, group_names, groups
from ordain.learn.labels import encoded, labels_of
from ordain.learn.metrics import MEASURES, Answers, measure


def answers_of(signature: Signature, target: pd.Series[Any], output: Any) -> Answers:
    """Answers of a model on rows whose true labels are known.

    Args:
        signature: task, classes and threshold.
        target: the target column.
        output: probabilities [N, classes], or predictions [N, 1].
    """
    if signature.classes is None:
        truth: Any = target.to_numpy(dtype="float64")
    else:
        truth = encoded(labels_of(target), signature.classes)
    wide = np.asarray(output, dtype=np.float64)
    return Answers(task=signature.task, target=truth, output=wide, threshold=signature.threshold)


def out_of_fold(signature: Signature, oof: pd.DataFrame) -> Answers:
    """The answers in an `oof.parquet`."""
    return answers_of(signature, oof["target"], oof[list(signature.answer_columns)].to_numpy(dtype="float64"))


def metrics_report(answers: Answers, ends: Mapping[str, Interval | None]) -> dict[str, Any]:
    """Every metric of the task beside its interval; None where one is undefined."""
    return {
        "metrics": {name: finite(measure(name, answers)) for name in MEASURES[answers.task]},
        "intervals": {
            name: None if each is None else {"low": finite(each.low), "high": finite(each.high)}
            for name, each in ends.items()
        },
    }


def group_tables(answers: Answers, frame: pd.DataFrame, data: Data, positive: int) -> dict[str, Any]:
    """Counts and rates of every group of every sensitive column."""
    tables = {}
    for column in data.sensitive:
        expected = expected_groups(data.columns[column])
        found = groups(answers, group_names(frame[column]), expected, positive)
        tables[column] = {group.name: describe(group) for group in found}
    return tables


def evaluate(signature: Signature, oof: pd.DataFrame, seed: int) -> tuple[dict[str, Any], Answers]:
    """The report `metrics.json` of one candidate, and its answers for the curves.

    Args:
        signature: of the model.
        oof: the candidate's `oof.parquet`.
        seed: of the bootstrap.
    """
    answers = out_of_fold(signature, oof)
    return {**metrics_report(answers, intervals(answers, seed)), "rows": len(oof)}, answers


def positive_class(signature: Signature, data: Data) -> int | None:
    """The number of the class that counts as the positive decision; None where there is none."""
    if signature.task == "binary":
        return 1
    if signature.classes is not None and data.positive in signature.classes:
        return signature.classes.index(data.positive)
    return None
