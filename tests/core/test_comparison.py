"""Runs are read where their lock proves them, sorted by what was measured, and shown without harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.canonical import bytes_digest
from ordain.core.releasing.measured import Ends, Measured, md5
from ordain.core.reports import comparison_html, comparison_text
from ordain.core.reports.comparison import (
    Comparison,
    Run,
    alike,
    comparison,
    folder,
    folder_runs,
    is_compared,
    parameters_of,
    release_run,
    schema_bytes,
)
from ordain.core.reports.report_html import UNDRAWN
from tests.core.test_planning import instance, release
from tests.core.test_report import HOSTILE, elements

SCHEMA = Path(__file__).parents[2] / "src/ordain/schemas/compare.schema.json"
ENDS = Ends(low=0.7, high=0.9)
RECIPES = {
    "linear": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 1.0}},
    "boosted": {"estimator": "xgboost.XGBClassifier", "scale": True, "parameters": {}},
}


def left(champion: str = "linear", rows: str | None = None, **told: Any) -> dict[str, bytes]:
    """A pipeline's folder after a run.

    Args:
        rows: MD5 of the training side, where the lock knows it. told: what `gates.json` has besides.
    """
    metrics = {"metrics": {"roc_auc": 0.8, "f1": None}, "intervals": {"roc_auc": {"low": 0.7, "high": 0.9}}}
    files = {
        "candidates/linear/metrics.json": json.dumps(metrics).encode(),
        "candidates/boosted/metrics.json": json.dumps({"metrics": {"roc_auc": 0.7}}).encode(),
        "champion.json": json.dumps({"candidate": champion}).encode(),
        "gates.json": json.dumps({**metrics, "verdicts": [], **told}).encode(),
    }
    stages = {f"stage-{place}": {"outs": [{"path": path, "md5": md5(data)}]}
              for place, (path, data) in enumerate(files.items())}  # fmt: skip
    stages |= {name: {} for name in ("train-linear", "evaluate-linear", "train-boosted")}
    stages |= {"split": {"outs": [{"path": "data/train.parquet", "md5": rows}]}} if rows else {}
    seconds = {**dict.fromkeys(stages, 1.0), "evaluate-linear": 0.5}
    lock = yaml.safe_dump({"stages": stages}).encode()
    times = {"version": 1, "lock": bytes_digest(lock), "stages": seconds}
    return {
        **files,
        "dvc.lock": lock,
        "params.yaml": yaml.safe_dump({"candidates": RECIPES}).encode(),
        "durations.yaml": yaml.safe_dump(times).encode(),
    }


def runs(files: dict[str, bytes]) -> list[Run]:
    found = folder(files)
    assert found is not None
    return list(folder_runs(found, "main", "c" * 40))


def test_every_candidate_by_its_folds_and_the_champion_on_the_holdout() -> None:
    boosted, linear, champion = runs(left())
    assert (boosted.candidate, boosted.champion, boosted.parameters) == ("boosted", False, {"scale": True})
    assert boosted.seconds is None
    assert (linear.candidate, linear.champion, linear.parameters) == ("linear", True, {"C": 1.0})
    assert (linear.metrics, linear.intervals, linear.seconds) == ({"roc_auc": 0.8}, {"roc_auc": ENDS}, 1.5)
    assert (champion.measured, champion.candidate, champion.seconds) == ("holdout", "linear", 6.5)
    assert champion.estimator == "sklearn.linear_model.LogisticRegression"


def test_runs_on_other_rows_are_another_table() -> None:
    here = run(source="churn@2", measured="holdout", rows="sha256:" + "a" * 64, metrics={"roc_auc": 0.8})
    there = replace(here, source="churn@1", rows="sha256:" + "b" * 64, metrics={"roc_auc": 0.9})
    old = replace(here, source="old", rows=None, metrics={"roc_auc": 0.7})
    found = comparison("churn", "roc_auc", (here, there, replace(here, source="main"), old))
    assert [[each.source for each in group] for group in alike(found.runs)] == [
        ["churn@1"], ["churn@2", "main"], ["old"],
    ]  # fmt: skip
    said = comparison_text.text(found)
    for rows in ("bbbbbbb", "aaaaaaa", "unknown"):
        assert f"on the holdout (rows {rows}), best first" in said
    assert "(rows" not in comparison_text.text(comparison("churn", "roc_auc", (here,)))
    assert comparison_html.page(found, None).count("<table") == 3


def test_a_run_says_on_which_rows_it_was_measured() -> None:
    assert [each.rows for each in runs(left())] == [None, None, None]
    known = runs(left(holdout={"digest": "sha256:h"}, rows="9"))
    assert [each.rows for each in known] == ["md5:9", "md5:9", "sha256:h"]


def test_what_no_stage_wrote_is_left_out() -> None:
    edited = left()
    edited["candidates/boosted/metrics.json"] += b" "
    edited["gates.json"] += b" "
    assert [each.candidate for each in runs(edited)] == ["linear"]
    without = left()
    without["champion.json"] += b" "
    assert [each.champion for each in runs(without)] == [False, False]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {**left(), "dvc.lock": b"{"},
        {**left(), "dvc.lock": b"stages: 3"},
        {**left(), "params.yaml": b"[]"},
        {**left(), "params.yaml": b"candidates: {a: 3}"},
    ],
)
def test_a_folder_that_never_ran_or_is_damaged(files: dict[str, bytes]) -> None:
    assert folder(files) is None


def test_times_of_another_run_are_not_this_ones() -> None:
    other = {
        **left(),
        "durations.yaml": b"{lock: another, stages: {train-linear: 1.0, evaluate-linear: 1.0}}",
    }
    assert [each.seconds for each in runs(other)] == [None, None, None]


def test_a_damaged_record_of_times_is_an_error_of_its_own() -> None:
    from ordain.errors import UserError

    with pytest.raises(UserError, match="durations"):
        folder({**left(), "durations.yaml": b"[]"})


@given(st.binary(max_size=60))
def test_any_lock_is_survived(data: bytes) -> None:
    folder({"dvc.lock": data, "params.yaml": data})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("dvc.lock", True),
        ("candidates/a/metrics.json", True),
        ("durations.yaml", True),
        ("candidates/a/b/metrics.json", False),
        ("data/rows.parquet", False),
    ],
)
def test_what_is_read(path: str, expected: bool) -> None:
    assert is_compared(path) == expected


def test_parameters_are_flat() -> None:
    recipe = {"estimator": "e", "parameters": {"a": {"b": 1}}, "search": {"C": [1, 2]}}
    assert parameters_of(recipe) == {"a.b": 1, "search.C": [1, 2]}
    assert parameters_of({"estimator": "e"}) == {}


def test_a_release_by_its_record() -> None:
    verdicts = [
        {"gate": "quality.roc_auc", "outcome": "pass", "interval": [0.7, 0.9]},
        {"gate": "quality.f1", "outcome": "pass"},
        {"gate": "calibration", "outcome": "pass", "interval": [0.0, 0.1]},
    ]
    run = release_run(release(2, instance(), verdicts=verdicts), None, ("staging",))
    assert (run.source, run.intervals, run.runs_in) == ("churn@2", {"roc_auc": ENDS}, ("staging",))
    measured = Measured(intervals={"f1": ENDS})
    assert release_run(release(2, instance()), measured, ()).intervals == {"f1": ENDS}


def run(**changed: Any) -> Run:
    content: dict[str, Any] = {
        "source": "main",
        "commit": None,
        "candidate": "linear",
        "measured": "cross-validation",
        "estimator": "e",
        "metrics": {"roc_auc": 0.8, "brier": 0.1},
        **changed,
    }
    return Run(**content)


def test_the_best_comes_first_and_the_holdout_before_the_folds() -> None:
    several = [
        run(candidate="a", metrics={"roc_auc": 0.7, "brier": 0.1}),
        run(candidate="b", metrics={"roc_auc": 0.9, "brier": 0.2}),
        run(candidate="c", metrics={}),
        run(candidate="d", measured="holdout"),
    ]
    assert [each.candidate for each in comparison("m", "roc_auc", several).runs] == ["d", "b", "a", "c"]
    assert [each.candidate for each in comparison("m", "brier", several).runs] == ["d", "a", "b", "c"]
    assert comparison("m", "another", several).greater_is_better


FULL = comparison(
    "churn",
    "roc_auc",
    [
        run(seconds=5.0, intervals={"roc_auc": ENDS}, champion=True, parameters={"C": 1.0}),
        run(candidate="boosted", metrics={"roc_auc": 0.7, "brier": 0.1}, seconds=61.0),
        run(source="churn@1", measured="holdout", runs_in=("staging",)),
    ],
    ["`x`: the pipeline has not run there"],
)


def test_the_table() -> None:
    text = comparison_text.text(FULL, ("brier", "roc_auc"))
    for words in (
        "churn on the holdout, best first",
        "churn@1  linear     0.8000   runs in staging  -",
        "churn by cross-validation of the training side, best first",
        "linear     0.8000 [0.7000, 0.9000]  champion  5 s        C=1.0       0.1000",
        "1 min 1 s",
        "note: `x`: the pipeline has not run there",
    ):
        assert words in text, words
    assert comparison_text.text(comparison("churn", "f1", [])) == "churn: nothing has run yet"


def drawn() -> tuple[list[Any], Callable[[Any], str]]:
    specs: list[Any] = []

    def draw(spec: Any) -> str:
        specs.append(spec)
        return "<svg></svg>"

    return specs, draw


def test_the_page_has_both_charts() -> None:
    specs, draw = drawn()
    page = comparison_html.page(FULL, draw)
    assert page.count("<svg>") == 2
    parallel, scatter = specs
    assert [each["place"] for each in parallel["layer"][1]["data"]["values"]] == [1.0, 0.0, 1.0, 1.0]
    assert [each["low"] for each in scatter["data"]["values"]] == [0.7, None]
    assert '<th scope="col">parameters</th>' in page
    assert UNDRAWN in comparison_html.page(FULL, None)


def test_one_run_or_no_time_needs_no_chart() -> None:
    specs, draw = drawn()
    comparison_html.page(comparison("m", "roc_auc", [run()]), draw)
    assert specs == []
    comparison_html.page(comparison("m", "roc_auc", [run(), run(metrics={"brier": 0.2})]), draw)
    assert len(specs) == 1


def test_an_error_is_best_when_it_is_small() -> None:
    specs, draw = drawn()
    two = [run(metrics={"brier": 0.1, "x": 1.0}), run(metrics={"brier": 0.2, "x": 2.0})]
    comparison_html.page(comparison("m", "brier", two), draw)
    places = {
        (each["axis"], each["number"]): each["place"] for each in specs[0]["layer"][1]["data"]["values"]
    }
    assert places == {("brier", 0): 1.0, ("brier", 1): 0.0, ("x", 0): 0.0, ("x", 1): 1.0}


texts = st.sampled_from(HOSTILE)


@given(texts, texts, texts)
def test_hostile_text_does_no_harm(source: str, name: str, value: str) -> None:
    one = run(source=source, candidate=name, parameters={value: value}, metrics={"roc_auc": 0.5, value: 1.0})
    found = replace(comparison("m", "roc_auc", [one, one], [value]), model=name)
    text = comparison_text.text(found, (value,))
    assert all(each.isprintable() or each == "\n" for each in text)
    tags = elements(comparison_html.page(found, lambda _: "")).tags
    assert not tags & {"script", "img", "a"}


def test_the_schema_is_the_shipped_one(golden: Callable[[Path, bytes], None]) -> None:
    golden(SCHEMA, schema_bytes())


def test_comparisons_follow_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
    empty: Comparison = comparison("m", "f1", [])
    for each in (FULL, empty):
        validator.validate(json.loads(msgspec.json.encode(each)))
