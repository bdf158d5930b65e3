"""What Argo CD and Flux are told to follow is approved like all else, and by everybody's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ordain.core.reasons import Reason
from ordain.core.rendering.gitops import TOOLS
from ordain.core.specs.identity import Target
from ordain.services.reconciling.order import Outcome

if TYPE_CHECKING:
    from tests.services.world import World

REPOSITORY = "https://git.example/team/models.git"
FLUX = Target(environment="flux", model="_shared")


def follow(world: World, name: str, **gitops: Any) -> str:
    """A branch that says what is followed; with nothing said, nothing is."""
    where = world.branch("dana", name)

    def change(models: dict[str, Any]) -> None:
        models.pop("gitops", None)
        if gitops:
            models["gitops"] = {"repository": REPOSITORY, **gitops}

    world.edit(where, "models.yaml", change)
    world.commit("dana", "Say what is followed")
    return world.push("dana")


def reasons(outcome: Outcome) -> dict[str, Reason]:
    (entry,) = outcome.entries
    return {each.transition.target.label: each.reason for each in entry.decisions}


def test_it_takes_the_approvals_of_every_environment(running: World) -> None:
    """Staging asks for a reviewer, production for a risk officer besides, so one reviewer is not enough."""
    branch = follow(running, "follow", argocd={}, flux={})
    outcome = running.deploy(branch, "ravi")
    assert reasons(outcome) == {f"{tool}/_shared": Reason.APPROVALS_MISSING for tool in TOOLS}
    missing = {each.transition.target.label: each.missing for each in outcome.entries[0].decisions}
    assert all("risk-officer" in each for each in missing.values())
    assert not any(path.startswith(TOOLS) for path in running.manifests())
    running.branch("dana", "again")
    running.commit("dana", "Ask again", "--allow-empty")
    outcome = running.deploy(running.push("dana"), "ravi", "mei")
    assert set(reasons(outcome).values()) == {Reason.APPROVED}
    found = running.manifests()
    assert "argocd/_shared/applicationset.yaml" in found
    assert "flux/_shared/gitrepository-ordain.yaml" in found
    assert REPOSITORY.encode() in found["argocd/_shared/appproject.yaml"]


def test_another_repository_is_another_decision_and_voids_nothing_else(running: World) -> None:
    running.deploy(follow(running, "follow", flux={}), "ravi", "mei", "omar")
    before = running.manifests()
    elsewhere = follow(running, "elsewhere", flux={}, branch="other")
    assert reasons(running.deploy(elsewhere)) == {FLUX.label: Reason.APPROVALS_MISSING}
    assert running.manifests() == before


def test_an_approval_of_one_is_none_of_the_other(running: World) -> None:
    first = follow(running, "first", flux={})
    running.approve(first, "ravi", "mei", "omar")
    second = follow(running, "second", flux={}, branch="other")
    assert reasons(running.deploy(second)) == {FLUX.label: Reason.STALE_APPROVAL}


def test_a_tool_that_is_left_leaves_no_file_behind(running: World) -> None:
    running.deploy(follow(running, "follow", argocd={}, flux={}), "ravi", "mei", "omar")
    outcome = running.deploy(follow(running, "leave", argocd={}), "ravi", "mei", "omar")
    assert reasons(outcome) == {FLUX.label: Reason.APPROVED}
    left = {path.partition("/")[0] for path in running.manifests()}
    assert "flux" not in left
    assert "argocd" in left


def test_a_new_release_is_nothing_new_to_follow(running: World) -> None:
    running.deploy(follow(running, "follow", argocd={}, flux={}), "ravi", "mei", "omar")
    outcome = running.deploy(running.release("dana", "churn", 2), "ravi", "mei")
    assert reasons(outcome) == {"staging/churn": Reason.APPROVED}
