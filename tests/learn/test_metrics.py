"""Every metric equals scikit-learn's, weights are resamples, and intervals are what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from ordain.core.metrics import metrics_of
from ordain.learn.bootstrap import intervals, resamples
from ordain.learn.compare import paired_difference
from ordain.learn.metrics import MEASURES, Answers, measure


def binary(rows: int = 300, seed: int = 0, digits: int = 2) -> Answers:
    source = np.random.default_rng(seed)
    p = np.round(source.random(rows), digits)  # few digits: ties
    target = (source.random(rows) < p).astype(np.int64)
    return Answers(task="binary", target=target, output=np.column_stack([1 - p, p]), threshold=0.4)


def multiclass(rows: int = 300) -> Answers:
    source = np.random.default_rng(1)
    raw = source.random((rows, 4)) + 0.05
    output = raw / raw.sum(axis=1, keepdims=True)
    target = np.array([source.choice(4, p=each) for each in output])
    return Answers(task="multiclass", target=target, output=output)


def regression(rows: int = 300) -> Answers:
    source = np.random.default_rng(2)
    target = source.normal(size=rows) * 10 + 1e6
    return Answers(task="regression", target=target, output=(target + source.normal(size=rows))[:, None])


Scorer = Callable[[Answers], Any]
BINARY: dict[str, Scorer] = {
    "roc_auc": lambda a: sk.roc_auc_score(a.target, a.output[:, 1]),
    "average_precision": lambda a: sk.average_precision_score(a.target, a.output[:, 1]),
    "log_loss": lambda a: sk.log_loss(a.target, a.output),
    "brier": lambda a: sk.brier_score_loss(a.target, a.output[:, 1]),
    "accuracy": lambda a: sk.accuracy_score(a.target, a.labels),
    "balanced_accuracy": lambda a: sk.balanced_accuracy_score(a.target, a.labels),
    "precision": lambda a: sk.precision_score(a.target, a.labels),
    "recall": lambda a: sk.recall_score(a.target, a.labels),
    "f1": lambda a: sk.f1_score(a.target, a.labels),
}
SEVERAL: dict[str, Scorer] = {
    "roc_auc": lambda a: sk.roc_auc_score(a.target, a.output, multi_class="ovr"),
    "log_loss": lambda a: sk.log_loss(a.target, a.output),
    "accuracy": lambda a: sk.accuracy_score(a.target, a.labels),
    "balanced_accuracy": lambda a: sk.balanced_accuracy_score(a.target, a.labels),
    "f1_macro": lambda a: sk.f1_score(a.target, a.labels, average="macro"),
}
NUMBERS: dict[str, Scorer] = {
    "rmse": lambda a: sk.root_mean_squared_error(a.target, a.output[:, 0]),
    "mae": lambda a: sk.mean_absolute_error(a.target, a.output[:, 0]),
    "r2": lambda a: sk.r2_score(a.target, a.output[:, 0]),
}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("digits", [1, 6])
def test_binary_metrics_are_scikit_learns(name: str, digits: int) -> None:
    answers = binary(digits=digits)
    if name == "log_loss":
        answers.output[:] = np.clip(answers.output, 0.01, 0.99)
    assert measure(name, answers) == pytest.approx(BINARY[name](answers), abs=1e-12)


@pytest.mark.parametrize("name", SEVERAL)
def test_multiclass_metrics_are_scikit_learns(name: str) -> None:
    answers = multiclass()
    assert measure(name, answers) == pytest.approx(SEVERAL[name](answers), abs=1e-12)


@pytest.mark.parametrize("name", NUMBERS)
def test_regression_metrics_are_scikit_learns(name: str) -> None:
    answers = regression()
    assert measure(name, answers) == pytest.approx(NUMBERS[name](answers), abs=1e-9)


def test_every_metric_is_compared_or_is_ours() -> None:
    ours = {"calibration_error"}
    assert set(MEASURES["binary"]) - ours == set(BINARY)
    assert set(MEASURES["multiclass"]) - ours == set(SEVERAL)
    assert set(MEASURES["regression"]) == set(NUMBERS)


def test_the_declared_metrics_are_the_computed_ones() -> None:
    assert {task: set(metrics_of(task)) for task in MEASURES} == {
        task: set(measures) for task, measures in MEASURES.items()
    }


def test_calibration_error_by_hand() -> None:
    p = np.repeat([0.05, 0.95], 50)
    target = np.r_[np.zeros(45), np.ones(5), np.ones(50)].astype(np.int64)
    answers = Answers(task="binary", target=target, output=np.column_stack([1 - p, p]))
    # Five bins of ten rows at 0.05: four hold no positive, the last holds five of ten; the rest 0.05.
    assert measure("calibration_error", answers) == pytest.approx(
        0.5 * (0.8 * 0.05 + 0.2 * 0.45) + 0.5 * 0.05
    )


@pytest.mark.parametrize("answers", [binary(80), multiclass(80), regression(80)], ids=lambda a: a.task)
def test_a_weight_of_two_is_a_row_twice(answers: Answers) -> None:
    counts = np.random.default_rng(9).integers(0, 3, len(answers.target))
    repeated = answers.take(np.repeat(np.arange(len(counts)), counts))
    for name, function in MEASURES[answers.task].items():
        if name != "calibration_error":  # its bins are those of the whole sample
            weighed = function(answers, counts[None, :].astype(np.float64))[0]
            assert weighed == pytest.approx(measure(name, repeated), abs=1e-9), name


def test_resamples_draw_as_many_rows_as_there_are() -> None:
    weights = np.concatenate(list(resamples(50, 1)))
    assert weights.shape == (1000, 50)
    assert (weights.sum(axis=1) == 50).all()
    assert weights.mean() == 1
    again = np.concatenate(list(resamples(50, 1)))
    assert (weights == again).all()
    assert sum(len(each) for each in resamples(2_000_000, 1)) == 200


def test_intervals_hold_the_value_and_narrow_with_rows() -> None:
    small, large = binary(200), binary(3000)
    for name in ("roc_auc", "log_loss", "accuracy"):
        wide, narrow = intervals(small, 0)[name], intervals(large, 0)[name]
        assert wide is not None
        assert narrow is not None
        assert wide.low < measure(name, small) < wide.high
        assert narrow.high - narrow.low < wide.high - wide.low


def test_what_is_undefined_is_nan_and_has_no_interval() -> None:
    p = np.full(20, 0.3)
    answers = Answers(task="binary", target=np.zeros(20, dtype=np.int64), output=np.column_stack([1 - p, p]))
    for name in ("roc_auc", "average_precision", "precision", "recall", "f1"):
        assert np.isnan(measure(name, answers)), name
    assert intervals(answers, 0)["roc_auc"] is None


def test_a_paired_interval_is_far_narrower_than_two_own_ones() -> None:
    old = binary(1500)
    new = Answers(task="binary", target=old.target, output=old.output.copy(), threshold=0.4)
    new.output[:, 1] = np.clip(new.output[:, 1] + np.random.default_rng(4).normal(0, 0.02, 1500), 0, 1)
    value, interval = paired_difference("roc_auc", new, old)
    own = intervals(old, 0)["roc_auc"]
    assert interval is not None
    assert own is not None
    assert interval.low <= value <= interval.high
    assert (interval.high - interval.low) < 0.4 * (own.high - own.low)
    assert paired_difference("roc_auc", old, old) == (0.0, (0.0, 0.0))


def test_pairs_must_be_of_the_same_rows() -> None:
    with pytest.raises(ValueError, match="same rows"):
        paired_difference("roc_auc", binary(50, seed=1), binary(50, seed=2))


@given(st.lists(st.tuples(st.floats(0, 1, width=16), st.booleans()), min_size=2, max_size=60))
@settings(max_examples=150, deadline=None)
def test_area_is_scikit_learns_for_any_scores(rows: list[tuple[float, bool]]) -> None:
    p, target = np.array([each[0] for each in rows]), np.array([int(each[1]) for each in rows])
    answers = Answers(task="binary", target=target, output=np.column_stack([1 - p, p]))
    if 0 < target.sum() < len(target):
        assert measure("roc_auc", answers) == pytest.approx(sk.roc_auc_score(target, p), abs=1e-12)
        expected = sk.average_precision_score(target, p)
        assert measure("average_precision", answers) == pytest.approx(expected, abs=1e-12)
    else:
        assert np.isnan(measure("roc_auc", answers))
