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
