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


def _gated(world: World, where: Path) -> None:
    """A lower gate, and a release that was trained, judged and recorded by it."""
    _quality(0.1)(world, where)
    world.add_release("dana", where, ("churn", 2), salt="judged by another gate")


# What is changed, and the one reason for which the change is refused.
CHANGES: dict[str, tuple[Change, Reason]] = {
    "retraining": (
        lambda world, where: world.add_release("dana", where, ("churn", 2), salt="retrained"),
        Reason.STALE_APPROVAL,
    ),
    "a gate, and what it judged": (_gated, Reason.STALE_APPROVAL),
    "a gate beside what another judged": (
        lambda world, where: (
            world.add_release("dana", where, ("churn", 2), salt="retrained"), _quality(0.1)(world, where)
        ),
        Reason.RELEASE_INVALID,
    ),
    "a replica": (
        _model(lambda churn: churn["deploy"]["replicas"].update(max=12)), Reason.STALE_APPROVAL
    ),
    "the risk": (_model(lambda churn: churn.update(risk="low")), Reason.STALE_APPROVAL),
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
    change, reason = CHANGES[name]
    change(running, where)
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
    assert found["staging/fraud"] == (True, Reason.APPROVED)
    assert found["staging/churn"] == (False, reason)
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
