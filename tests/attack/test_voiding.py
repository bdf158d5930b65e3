"""A change after the approval voids exactly the transitions that it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ordain.core.reasons import Reason
from tests.services.world import World

Change = Callable[[World, Path], object]


def _model(change: Callable[[Any], None]) -> Change:
    return lambda world, where: world.edit(
        where, "models.yaml", lambda value: change(value["models"]["churn"])
    )


def _model_edit(change: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda value: change(value["models"]["churn"])


def _quality(least: float) -> Callable[[Any], None]:
    return _model_edit(lambda churn: churn["gates"]["quality"][0].update(min=least))


CHANGES: dict[str, Change] = {
    "retraining": lambda world, where: (
        world.add_release("dana", where, ("churn", 2), salt="retrained")),
    "a replica": _model(lambda churn: churn["deploy"]["replicas"].update(max=12)),
    "the risk": _model(lambda churn: churn.update(risk="low")),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_only_what_changed_is_voided(running: World, name: str) -> None:
    """Two models get more replicas in one request; then only one of them changes."""
    running.deploy(running.release("dana", "fraud", 1), "ravi")
    where = running.branch("dana", "both")
    for model in ("churn", "fraud"):
        replicas = {"replicas": {"min": 5, "max": 7}}
        running.edit(where, "models.yaml", lambda v, m=model, r=replicas: v["models"][m].update(deploy=r))  # type: ignore[misc]
    running.commit("dana", "More of both")
    branch = running.push("dana")
    running.approve(branch, "ravi")
    CHANGES[name](running, where)
    running.commit("dana", "And something more")
    running.push("dana")
    running.merge(branch)
    before = running.manifests("staging/churn")
    entries = running.reconcile().entries
    found = {
        each.transition.target.label: (each.approved, each.reason)
        for one in entries
        for each in one.decisions
    }
    assert found["staging/fraud"][0]
    assert not found["staging/churn"][0]
    assert found["staging/churn"][1] in {Reason.STALE_APPROVAL, Reason.RELEASE_INVALID}
    assert running.manifests("staging/churn") == before


@pytest.mark.parametrize("what", ["a gate", "the seed", "a candidate"])
def test_a_release_that_was_made_of_another_declaration_runs_nowhere(running: World, what: str) -> None:
    """The gate is lowered beside a release that never met it: before the approval or after."""
    where = running.branch("dana", "second")
    running.add_release("dana", where, ("churn", 2), salt="second")
    if what == "a candidate":
        changed = {"parameters": {"C": 2.0}, "estimator": "sklearn.linear_model.LogisticRegression"}
        running.edit(where, "params.yaml", lambda v: v["candidates"].update(churn={"plain": changed}))
    elif what == "a gate":
        running.edit(where, "models.yaml", _quality(0.1))
    else:
        running.edit(where, "params.yaml", lambda v: v.update(seed=7))
    running.commit("dana", "The second, and a change")
    branch = running.push("dana")
    running.approve(branch, "ravi")
    running.merge(branch)
    (decision,) = (each for one in running.reconcile().entries for each in one.decisions)
    assert decision.reason == Reason.RELEASE_INVALID
    assert "declared otherwise" in decision.detail


def test_a_gate_changed_later_takes_nothing_away_from_what_runs(running: World) -> None:
    where = running.branch("dana", "stricter")
    running.edit(where, "models.yaml", _quality(0.79))
    running.commit("dana", "A stricter gate")
    running.merge(running.push("dana"))
    assert not running.reconcile().entries
    assert running.manifests("staging/churn")
