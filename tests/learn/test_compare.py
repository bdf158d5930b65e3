"""A champion against a baseline on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from ordain.core.gating import gates
from ordain.core.specs.spec import Candidate
from ordain.errors import UserError
from ordain.learn.compare import Packaged, compare
from ordain.learn.export import export
from ordain.learn.pipeline import Recipe

if TYPE_CHECKING:
    from tests.learn.conftest import Case, CaseMaker


def packaged(case: Case, label: str, **parameters: Any) -> Packaged:
    candidate = Candidate(estimator="sklearn.linear_model.LogisticRegression", parameters=parameters)
    recipe = Recipe(signature=case.signature, candidate=candidate, seed=1)
    made = export(recipe, case.rows.take(np.arange(180)), case.holdout)
    return Packaged(made.model, case.signature, label)


def test_the_same_graph_is_not_inferior_to_itself(binary: Case) -> None:
    one = packaged(binary, "churn@1")
    found = compare("roc_auc", binary.holdout, "y", one, one)
    assert (found.value, found.interval, found.baseline) == (0.0, (0.0, 0.0), "churn@1")
    assert gates.non_inferiority(found, 0.0).outcome == "pass"


def test_a_ruined_model_is_inferior(binary: Case) -> None:
    good, ruined = packaged(binary, "churn@1"), packaged(binary, "", C=1e-9)
    found = compare("log_loss", binary.holdout, "y", ruined, good)
    assert found.value > 0
    assert not found.greater_is_better
    assert gates.non_inferiority(found, 0.01).outcome == "fail"


def test_a_baseline_with_its_classes_in_another_order_is_read_by_name(binary: Case) -> None:
    one = packaged(binary, "churn@1")
    turned = one.signature
    reversed_ = msgspec.structs.replace(turned, classes=("Yes", "No"), positive="Yes")
    other = compare("accuracy", binary.holdout, "y", one, Packaged(one.model, reversed_, "churn@0"))
    straight = compare("accuracy", binary.holdout, "y", one, one)
    # The same bytes read with turned names answer the opposite, so the two must not agree.
    assert other.value != straight.value


def test_another_question_is_no_baseline(binary: Case, make_case: CaseMaker) -> None:
    one, other = packaged(binary, "churn@1"), packaged(make_case("multiclass"), "tier@1")
    with pytest.raises(UserError, match="tier@1 answers another question"):
        compare("accuracy", binary.holdout, "y", one, other)


def test_a_baseline_that_needs_other_columns_says_so(binary: Case) -> None:
    one = packaged(binary, "churn@1")
    with pytest.raises(UserError, match="`town` is missing"):
        compare("accuracy", binary.holdout.drop(columns="town"), "y", one, one)


def test_an_undefined_metric_is_insufficient(binary: Case) -> None:
    one = packaged(binary, "churn@1")
    only = binary.holdout[binary.holdout["y"] == "No"].reset_index(drop=True)
    found = compare("roc_auc", only, "y", one, one)
    assert gates.non_inferiority(found, 0.5).outcome == "insufficient"
