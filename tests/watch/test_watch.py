"""The array side: codes, windows, duplicates, the domain classifier and estimates against what is known."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from ordain.adapters.keys import keys_of
from ordain.core.artifacts.profile import Categories, Column, Fold, Numbers, Profile, dimensions, pairs
from ordain.learn import coding
from ordain.watch.estimate import METRICS, estimated
from ordain.watch.joint import joint
from ordain.watch.seen import Seen
from ordain.watch.spans import ByRows, ByTime
from ordain.watch.tally import FINE
from tests.watch.world import columns, trained

# --- keys and duplicates ------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.text(max_size=90), st.integers(0, 5)), max_size=40, unique=True))
@settings(deadline=None)
def test_a_key_is_of_the_id_and_the_place_alone(named: list[tuple[str, int]]) -> None:
    ids, places = [each for each, _ in named], np.array([at for _, at in named], dtype=np.uint64)
    keys = keys_of(ids, places)
    alone = [int(keys_of([each], np.array([at], dtype=np.uint64))[0]) for each, at in named]
    assert keys.tolist() == alone
    told = [key for key, name in zip(keys.tolist(), ids, strict=True) if name]
    assert len(set(told)) == len(told)
    assert all((key == 0) is (name == "") for key, name in zip(keys.tolist(), ids, strict=True))


def test_keys_of_many_ids_are_apart() -> None:
    ids = [f"5d0c4e1f8a27beef-{place}" for place in range(200_000)]
    assert len(np.unique(keys_of(ids, np.zeros(len(ids), np.uint64)))) == len(ids)
    assert len(np.unique(keys_of(["a"] * 1000, np.arange(1000, dtype=np.uint64)))) == 1000
    assert len(keys_of([], np.zeros(0, np.uint64))) == 0


def test_a_prediction_is_fresh_once() -> None:
    seen, keys = Seen(), keys_of([str(place) for place in range(100_000)], np.zeros(100_000, np.uint64))
    assert seen.fresh(keys).mean() > 0.99999
    assert not seen.fresh(keys).any()
    twice = keys_of(["new", "new", ""] * 2, np.zeros(6, np.uint64))
    assert seen.fresh(twice).tolist() == [True, False, True, False, False, True]


def test_a_filter_knows_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordain.watch.seen.BITS", 16)
    seen, source = Seen(), np.random.default_rng(0)
    assert seen.error == 0
    told, wrong = [], []
    for _ in range(8):
        told.append(seen.error)
        wrong.append(1 - seen.fresh(source.integers(1, 2**64 - 1, 2000, dtype=np.uint64)).mean())
    assert told[-1] > 0.1
    np.testing.assert_allclose(told, wrong, atol=0.06)


# --- windows ------------------------------------------------------------------------------------------


def test_windows_by_time_do_not_mind_the_order() -> None:
    spans = ByTime(end=100.0, length=10.0, count=3)
    times = np.array([99.9, 70.0, 69.9, 100.0, 80.0, np.nan])
    assert spans.numbers(times).tolist() == [2, 0, -1, -1, 1, -1]
    assert spans.bounds(0) == (70.0, 80.0)
    assert spans.newest() == 2


def test_windows_by_rows_wait_until_they_are_full() -> None:
    spans = by_rows(4, 2, np.arange(14.0))
    assert spans.newest() == 2
    assert spans.numbers(np.array([13.0, 4.0, 3.0, 8.0, 11.0, 12.0, 99.0])).tolist() == [3, 1, -1, 2, 2, 3, 3]
    assert spans.span([1, 2], [4.0, 8.0]) == (4.0, np.inf)
    assert by_rows(4, 2, np.zeros(0)).newest() == -1


def by_rows(rows: int, count: int, *times: NDArray[np.float64], horizon: int = 0) -> ByRows:
    spans = ByRows(rows, count, horizon or count)
    for each in times:
        spans.add(each)
    return spans


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 6), st.integers(1, 9))
@settings(deadline=None)
def test_windows_by_rows_are_full_and_in_order(drawn: list[int], rows: int, cut: int) -> None:
    times = np.array(drawn, dtype=np.float64)
    spans = by_rows(rows, 100, times)
    numbers = np.concatenate([spans.numbers(times[:cut]), spans.numbers(times[cut:])])
    assert sorted(numbers.tolist()) == [place // rows for place in range(len(drawn))]
    for number in range(1, int(numbers.max(initial=0)) + 1):
        assert times[numbers == number].min() >= times[numbers == number - 1].max()


@given(
    st.lists(st.integers(0, 300), max_size=60), st.integers(1, 6), st.integers(1, 3), st.integers(0, 4),
    st.integers(1, 30),
)  # fmt: skip
@settings(deadline=None)
def test_windows_by_rows_forget_what_is_too_old(
    drawn: list[int], rows: int, count: int, more: int, cut: int
) -> None:
    """Whatever is forgotten, the windows that are wanted are those of all times, and so is the horizon."""
    times, horizon = np.array(drawn, dtype=np.float64), count + more
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ordain.watch.spans.MERGED", 5)
        parts = [times[at : at + cut] for at in range(0, len(times), cut)]
        spans = by_rows(rows, count, *parts, horizon=horizon)
    whole = by_rows(rows, 1000, times)
    assert spans.newest() == whole.newest()
    expected = whole.numbers(times)
    wanted = expected > whole.newest() - count
    assert spans.numbers(times).tolist() == np.where(wanted, expected, -1).tolist()
    first = (whole.newest() + 1 - horizon) * rows
    start = -np.inf if first <= 0 else np.sort(times)[first]
    assert start - 60 < spans.start() <= start or spans.start() == start


def test_windows_by_rows_do_not_grow_with_the_log() -> None:
    spans = ByRows(100, 3, 30)
    for hour in range(1000):
        spans.add(hour * 3600 + np.linspace(0, 3600, 1000, endpoint=False))
    assert spans.newest() == 9999
    assert len(spans._times) < 600
    assert spans.start() == pytest.approx(997 * 3600, abs=60)


# --- the domain classifier ----------------------------------------------------------------------------


def codes_of(made: Profile, rows: int, seed: int, *, apart: bool = False) -> dict[str, coding.Codes]:
    """Coded columns; apart, visits no longer rise with the price while each column alone is as before."""
    inputs = columns(rows, seed)
    if apart:
        inputs["visits"] = np.random.default_rng(seed).permutation(inputs["visits"])
    found = {}
    for name in made.coded:
        column = made.features[name]
        if isinstance(column, Numbers):
            found[name] = coding.numbers(inputs[name], column)
        else:
            places = {each: place for place, each in enumerate(column.categories)}
            places |= {"": len(places) + 1}
            found[name] = np.array([places.get(each, len(column.categories)) for each in inputs[name]])
    return found


def test_columns_that_no_longer_move_together_are_told_apart() -> None:
    made = trained()
    found = joint(made, codes_of(made, 2000, 77, apart=True))
    assert found is not None
    assert found.p < 1e-6
    assert found.effect > 0.1
    assert set(found.columns[:2]) == {"price", "visits"}


def test_without_drift_the_classifier_keeps_its_level() -> None:
    made = trained()
    found = [joint(made, codes_of(made, 1000, 500 + seed)) for seed in range(100)]
    p_values = np.array([each.p for each in found if each is not None])
    assert len(p_values) == 100
    assert (p_values < 0.05).mean() < 0.1
    assert (p_values < 0.001).mean() < 0.03


def test_with_too_little_the_classifier_is_silent() -> None:
    made = trained()
    assert joint(made, codes_of(made, 100, 1)) is None
    features: dict[str, Column] = {
        "a": Numbers(edges=(0.5,), counts=(500, 500)),
        "b": Numbers(edges=(0.5,), counts=(500, 500)),
    }
    count = len(dimensions(features))
    fold = Fold(rows=500, means=(0.0,) * count, products=(1.0, 0.0, 1.0))
    small = Profile(
        version=2, rows=1000, answer_rows=0, features=features, answers={}, coded=("a", "b"),
        target=Categories(categories={}), joint=(fold, fold),
    )  # fmt: skip
    assert len(pairs(count)) == 3
    same = np.zeros(1000, dtype=np.int64)
    assert joint(small, {"a": same, "b": same}) is None


# --- estimates ----------------------------------------------------------------------------------------


def test_an_estimate_is_what_labels_would_say_of_calibrated_probabilities() -> None:
    source, inside = np.random.default_rng(0), Counter[str]()
    for seed in range(20):
        chance = np.random.default_rng(seed).beta(1, 2, 2000)
        truth = source.random(2000) < chance
        fine = np.bincount((chance * FINE).astype(int), minlength=FINE)
        made = estimated(fine, 0.5, 0.0)
        label = chance >= 0.5
        real = {
            "accuracy": sk.accuracy_score(truth, label),
            "precision": sk.precision_score(truth, label),
            "recall": sk.recall_score(truth, label),
            "roc_auc": sk.roc_auc_score(truth, chance),
        }
        for name, value in real.items():
            interval = made.metrics[name].interval
            assert interval is not None
            inside[name] += interval[0] - 1e-3 <= value <= interval[1] + 1e-3
    assert set(inside) == set(METRICS)
    assert min(inside.values()) >= 16


@pytest.mark.parametrize("way", ["high", "low", "bold", "timid"])
def test_an_interval_allows_for_the_calibration_error_that_is_known(way: str) -> None:
    source = np.random.default_rng(1)
    given_ = source.beta(2, 3, 20_000)
    chance = {
        "high": given_ - 0.04, "low": given_ + 0.04,
        "bold": 0.4 + 0.8 * (given_ - 0.4), "timid": 0.4 + 1.2 * (given_ - 0.4),
    }[way].clip(0, 1)  # fmt: skip
    truth, label = source.random(len(given_)) < chance, given_ >= 0.5
    fine = np.bincount((given_ * FINE).astype(int), minlength=FINE)
    real = {"recall": sk.recall_score(truth, label), "roc_auc": sk.roc_auc_score(truth, given_)}
    outside = 0
    for name, value in real.items():
        narrow, wide = (estimated(fine, 0.5, error).metrics[name].interval for error in (0.0, 0.05))
        assert narrow is not None
        assert wide is not None
        assert wide[0] <= value <= wide[1]
        outside += not narrow[0] <= value <= narrow[1]
    assert outside


def test_an_estimate_without_a_positive_answer_has_no_precision() -> None:
    fine = np.zeros(FINE, dtype=np.int64)
    fine[10] = 500
    made = estimated(fine, 0.5, 0.0).metrics
    assert made["precision"].value is None
    assert made["precision"].interval is None
    assert made["accuracy"].value == pytest.approx(0.9895)


@given(
    st.lists(st.floats(width=32) | st.sampled_from([0.0, 1.0, 2.5]), max_size=50),
    st.sets(st.sampled_from([0.0, 1.0, 2.5, -3.0, 0.1]), max_size=5) | st.just(set(range(60))),
)
def test_few_edges_and_many_give_the_codes_of_a_search(values: list[float], edges: set[float]) -> None:
    column = Numbers(
        edges=tuple(sorted(map(float, edges))), counts=(0,) * (len(edges) + 1), missing=0, low=-1.0, high=2.0
    )
    given_ = np.array(values, dtype=np.float64)
    wide = given_.astype(np.float32).astype(np.float64)
    found = np.searchsorted(np.array(column.edges), wide, side="left")
    expected = np.where(np.isnan(wide), len(edges) + 2, found)
    assert coding.numbers(given_, column).tolist() == expected.tolist()
    codes, beyond = coding.placed(given_, column)
    assert (codes.tolist(), beyond.tolist()) == (expected.tolist(), coding.outside(given_, column).tolist())
