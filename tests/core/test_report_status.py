"""Commit statuses: the whole first, one a changed model, none longer than a forge takes."""

from __future__ import annotations

from typing import Any

import pytest

from ordain.core.people.request import Status
from ordain.core.pipelines.stale import Stale
from ordain.core.reasons import Reason
from ordain.core.reports.report_status import CONTEXT, DESCRIPTION, WHOLE, statuses, worst
from ordain.core.specs.identity import Target
from tests.core.test_report import NOTHING, STALE, item, plan


def by_context(*items: Any, stale: tuple[Stale, ...] = ()) -> dict[str, Status]:
    return {each.name: each for each in statuses(plan(*items, stale=stale))}


def test_nothing_to_do_is_success() -> None:
    (whole,) = statuses(plan(NOTHING))
    assert whole == Status(
        name=WHOLE, state="success", description="Nothing to do: what runs is what is wanted."
    )


def test_each_model_has_one_and_the_worst_counts() -> None:
    place = Target(environment="staging", model="churn")
    other = Target(environment="staging", model="b")
    found = by_context(
        item(), item(target=place, approved=True), item(target=other, reason=Reason.GATE_FAILED)
    )
    assert list(found) == [WHOLE, "ordain/b", "ordain/churn"]
    assert {name: each.state for name, each in found.items()} == {
        WHOLE: "failure",
        "ordain/b": "failure",
        "ordain/churn": "pending",
    }
    assert found["ordain/churn"].description == (
        "production: change churn@1 -> churn@2 needs 1 reviewer, 2 risk-officer; "
        "staging: change churn@1 -> churn@2 approved"
    )


def test_a_pipeline_that_would_run_is_pending() -> None:
    timed = Stale(model="churn", stages=("a", "b"), causes=(), seconds=75.0)
    assert by_context(stale=(timed,))["ordain/churn"].description == (
        "pipeline would run 2 stages, about 1 min 15 s"
    )
    assert by_context(stale=(STALE,))["ordain/churn"].state == "pending"


@pytest.mark.parametrize(
    ("environment", "model", "expected"),
    [
        ("_policy", "_policy", "ordain/policy"),
        ("staging", "_shared", "ordain/environments"),
        ("argocd", "_shared", "ordain/environments"),
    ],
)
def test_what_no_model_owns(environment: str, model: str, expected: str) -> None:
    bare = item(target=Target(environment=environment, model=model), deployed=None, wanted=None)
    assert expected in by_context(bare)


def test_nothing_is_longer_than_a_forge_takes() -> None:
    long = item(target=Target(environment="e" * 300, model="m\n" * 300), wanted="w" * 300)
    for each in statuses(plan(long, long, long)):
        assert len(each.description) <= DESCRIPTION
        assert len(each.name) <= CONTEXT
        assert each.name.isprintable()


def test_the_worst_of_none_is_success() -> None:
    assert worst(()) == "success"
