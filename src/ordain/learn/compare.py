"""Two models on the same rows: how much they differ, and how sure that is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ordain.core.artifacts.signature import Signature
from ordain.core.gating.gates import Comparison
from ordain.core.gating.statistics import Interval
from ordain.core.metrics import METRICS
from ordain.errors import UserError
from ordain.learn.bootstrap import percentile, resamples
from ordain.learn.evaluate import answers_of
from ordain.learn.graph import score
from ordain.learn.metrics import MEASURES, Answers, measure


class Difference(NamedTuple):
    """New minus old in the metric's units, and its 95 % interval (None where it is undefined)."""

    value: float
    interval: Interval | None


class Packaged(NamedTuple):
    """What an artifact holds: the graph's bytes, its signature, and what people call it (`churn@3`)."""

    model: bytes
    signature: Signature
    label: str


def paired_difference(metric: str, new: Answers, old: Answers, seed: int = 0) -> Difference:
    """How much a new model's metric differs from an old one's on the same rows.

    Both are measured on the same resamples, so what the rows have in common cancels out and the
    interval is far narrower than the two models' own.

    Args:
        metric: a metric of the task.
        new, old: answers on the same rows in the same order.
        seed: of the bootstrap.

    Raises:
        ValueError: when the two do not have the same targets.
    """
    if not np.array_equal(new.target, old.target):
        raise ValueError("a paired difference needs the same rows in the same order")
    function = MEASURES[new.task][metric]
    value = measure(metric, new) - measure(metric, old)
    drawn = [function(new, weights) - function(old, weights) for weights in resamples(len(new.target), seed)]
    return Difference(value, percentile(np.concatenate(drawn)))


def compare(metric: str, holdout: pd.DataFrame, target: str, new: Packaged, old: Packaged) -> Comparison:
    """A champion's graph against a baseline's on the same holdout rows, for the non-inferiority gate.

    Args:
        metric: a metric of the task.
        holdout: labelled rows with the features of both graphs.
        target: the label's column.
        new, old: each is packed by its own signature.

    Raises:
        UserError: when the baseline cannot answer these rows: other columns, another task, other
            classes. A baseline that can't be had makes the gate `insufficient`.
    """
    ours, theirs = new.signature, old.signature
    if ours.task != theirs.task or set(ours.classes or ()) != set(theirs.classes or ()):
        raise UserError(
            f"{old.label} answers another question: {theirs.task} over {_named(theirs)} instead of "
            f"{ours.task} over {_named(ours)}",
            fix="give the changed model a name of its own, or waive the gate with a reason",
        )
    first = answers_of(ours, holdout[target], score(new.model, ours, holdout))
    output = score(old.model, theirs, holdout)
    if ours.classes is not None and theirs.classes is not None:
        output = output[:, [theirs.classes.index(each) for each in ours.classes]]
    second = Answers(
        task=ours.task,
        target=first.target,
        output=output.astype(np.float64),
        threshold=theirs.threshold,
    )
    value, interval = paired_difference(metric, first, second)
    unknown = Interval(float("nan"), float("nan"))
    better = METRICS[metric].greater_is_better
    return Comparison(metric, better, value, interval or unknown, old.label)


def _named(signature: Signature) -> str:
    return "numbers" if signature.classes is None else ", ".join(f"`{each}`" for each in signature.classes)
