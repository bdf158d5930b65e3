"""Group shares give Fairlearn's disparities, and no group goes unseen."""

from __future__ import annotations

from typing import Any, Literal

import fairlearn.metrics
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.gating import gates
from ordain.core.specs.spec import ColumnContract, FairnessGate
from ordain.learn.fairness import describe, expected_groups, group_names, groups
from ordain.learn.metrics import Answers

Metric = Literal["demographic_parity_difference", "equalized_odds_difference", "equal_opportunity_difference"]
METRICS: tuple[Metric, ...] = (
    "demographic_parity_difference",
    "equalized_odds_difference",
    "equal_opportunity_difference",
)
Row = tuple[bool, bool, str]


def answers(rows: list[Row]) -> Answers:
    given_label = np.array([each[0] for each in rows], dtype=float)
    return Answers(
        task="binary",
        target=np.array([int(each[1]) for each in rows]),
        output=np.column_stack([1 - given_label, given_label]),
    )


@pytest.mark.parametrize("metric", METRICS)
@given(
    rows=st.lists(
        st.tuples(st.booleans(), st.booleans(), st.sampled_from(["a", "b", "c"])), min_size=20, max_size=80
    )
)
@settings(max_examples=40, deadline=None)
def test_the_disparity_is_fairlearns(metric: Metric, rows: list[Row]) -> None:
    judged = answers(rows)
    names = [each[2] for each in rows]
    found = groups(judged, names, (), 1)
    gate = FairnessGate(column="c", metric=metric, max=0.2, min_group=2, rationale="because")
    verdict = gates.fairness(gate, found, 1)
    if verdict.value is not None:
        function: Any = getattr(fairlearn.metrics, metric)
        expected = function(judged.target, judged.labels, sensitive_features=names)
        assert verdict.value == pytest.approx(expected, abs=1e-6)


def test_a_promised_group_without_rows_blocks() -> None:
    rows: list[Row] = [(True, True, "a"), (False, True, "b")] * 100
    found = groups(answers(rows), [each[2] for each in rows], ("a", "b", "c"), 1)
    assert [each.name for each in found] == ["a", "b", "c"]
    gate = FairnessGate(column="c", metric=METRICS[0], max=1.0, rationale="because")
    assert gates.fairness(gate, found, 3).outcome == "insufficient"
    assert describe(found[2]) == {
        "rows": 0,
        "selected": None,
        "true_positive": None,
        "false_positive": None,
    }


def test_missing_values_are_a_group_of_their_own() -> None:
    assert group_names(pd.Series(["a", None, "b"], dtype="str")) == ["a", "missing", "b"]
    assert group_names(pd.Series([True, None], dtype="boolean")) == ["true", "missing"]
    assert group_names(pd.Series([1, None], dtype="Int64")) == ["1", "missing"]


def test_the_contract_says_which_groups_there_are() -> None:
    assert expected_groups(ColumnContract(type="boolean")) == ("false", "true")
    assert expected_groups(ColumnContract(type="string", categories=("x",))) == ("x",)
    assert expected_groups(ColumnContract(type="string")) == ()
