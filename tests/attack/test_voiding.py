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


def _quality(least: float) -> Change:
    return _model(lambda churn: churn["gates"]["quality"][0].update(min=least))


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


OTHERWISE: dict[str, Change] = {
    "a gate": _quality(0.1),
    "the seed": lambda world, where: world.edit(where, "params.yaml", lambda value: value.update(seed=7)),
    "a candidate": lambda world, where: world.edit(
        where, "params.yaml", lambda value: value["candidates"]["churn"]["plain"]["parameters"].update(C=2.0)
    ),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_a_release_that_was_made_of_another_declaration_runs_nowhere(running: World, what: str) -> None:
    """The gate is lowered beside a release that never met it, and all of it is approved."""
    where = running.branch("dana", "second")
    running.add_release("dana", where, ("churn", 2), salt="second")
    OTHERWISE[what](running, where)
    running.commit("dana", "The second, and a change")
    branch = running.push("dana")
    running.approve(branch, "ravi")
    running.merge(branch)
    (decision,) = (each for one in running.reconcile().entries for each in one.decisions)
    assert decision.reason == Reason.RELEASE_INVALID
    assert "declared otherwise" in decision.detail


def test_a_gate_changed_later_takes_nothing_away_from_what_runs(running: World) -> None:
    where = running.branch("dana", "stricter")
    _quality(0.79)(running, where)
    running.commit("dana", "A stricter gate")
    running.merge(running.push("dana"))
    assert not running.reconcile().entries
    assert running.manifests("staging/churn")
