"""What is deployed is complete and nothing else: no orphan, no empty render, one renderer for the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ordain.core.decisions import Decision
from ordain.core.reasons import Reason
from ordain.core.rendering import desired as planning
from ordain.services.judging import judged
from ordain.services.judging.states import States
from tests.services.test_reconcile import CHURN, SHARED, by_target, merged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ordain.core.rendering.desired import Desired
    from ordain.core.specs.identity import Target
    from tests.services.world import World

FRAUD = "staging/fraud"


@pytest.fixture(scope="module")
def pair(worlds: tuple[World, World], tmp_path_factory: pytest.TempPathFactory) -> World:
    """What `both` gives copies of."""
    running = worlds[1].copied(tmp_path_factory.mktemp("both"))
    running.deploy(running.release("ravi", "fraud", 1), "dana")
    return running


@pytest.fixture
def both(pair: World, tmp_path: Path) -> World:
    """churn@1 and fraud@1 run in staging."""
    return pair.copied(tmp_path)


def folders(world: World) -> set[str]:
    return {"/".join(path.split("/")[:2]) for path in world.manifests()}


def again(world: World, *people: str) -> dict[str, Decision]:
    """An empty request that people approve."""
    world.branch("ada", "again")
    world.commit("ada", "Again")
    return by_target(world.deploy(world.push("ada"), *people))


def renamed(world: World) -> str:
    """churn is called leavers from now on: its entry, its candidates, its pin, and a release of its own."""
    where = world.branch("dana", "rename")
    world.edit(where, "environments/staging.yaml", lambda value: value["models"].pop("churn"))
    for path, key in (("models.yaml", "models"), ("params.yaml", "candidates")):
        world.edit(where, path, lambda value, key=key: value[key].pop("churn"))  # type: ignore[misc]
    world.git("dana", "rm", "-q", "-r", "releases/churn")
    world.commit("dana", "Churn is no more")
    return world.add_release("dana", where, ("leavers", 1))


def test_a_renamed_model_leaves_no_orphan(both: World) -> None:
    reasons = merged(both, renamed(both))
    assert (reasons[CHURN], reasons["staging/leavers"]) == (
        Reason.APPROVALS_MISSING,
        Reason.APPROVALS_MISSING,
    )
    assert folders(both) == {CHURN, FRAUD, SHARED}  # unapproved, the old one runs on
    decisions = again(both, "ravi")
    assert decisions[CHURN].action == "retire"
    assert folders(both) == {"staging/leavers", FRAUD, SHARED}


def test_a_removed_model_leaves_no_orphan_and_needs_approval(both: World) -> None:
    where = both.branch("dana", "remove")
    both.edit(where, "environments/staging.yaml", lambda value: value["models"].pop("churn"))
    for path, key in (("models.yaml", "models"), ("params.yaml", "candidates")):
        both.edit(where, path, lambda value, key=key: value[key].pop("churn"))  # type: ignore[misc]
    both.git("dana", "rm", "-q", "-r", "releases/churn")
    both.commit("dana", "Remove churn")
    assert merged(both, both.push("dana"))[CHURN] == Reason.APPROVALS_MISSING
    assert CHURN in folders(both)
    assert again(both, "ravi")[CHURN].approved
    assert folders(both) == {FRAUD, SHARED}


def test_what_an_environment_shares_outlives_any_one_model(both: World) -> None:
    """Unpinned in one environment, a model is disabled there; the namespace and its policies stay."""
    shared = both.manifests(SHARED)
    where = both.branch("dana", "disable")
    both.edit(where, "environments/staging.yaml", lambda value: value["models"].pop("churn"))
    both.commit("dana", "Disable churn")
    assert merged(both, both.push("dana"), "ravi") == {CHURN: "approved"}
    assert folders(both) == {FRAUD, SHARED}
    assert both.manifests(SHARED) == shared


def test_the_last_model_takes_what_is_shared_along_once_that_was_approved(running: World) -> None:
    where = running.branch("dana", "empty")
    running.edit(where, "environments/staging.yaml", lambda value: value.update(models={}))
    running.commit("dana", "Nothing runs here")
    reasons = merged(running, running.push("dana"))
    assert reasons == {CHURN: Reason.APPROVALS_MISSING, SHARED: Reason.APPROVALS_MISSING}
    assert folders(running) == {CHURN, SHARED}
    decisions = again(running, "ravi")
    assert {label: each.action for label, each in decisions.items()} == {CHURN: "retire", SHARED: "retire"}
    assert folders(running) == set()


@pytest.mark.parametrize("lost", ["everything", "another folder"])
def test_a_render_of_nothing_is_an_error(running: World, monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    """A renderer that fails silently must never look like a retirement."""
    original = planning.desired

    def broken(*given: object) -> Mapping[Target, Desired]:
        found = original(*given)  # type: ignore[arg-type]
        files = {} if lost == "everything" else {"staging/other/x.yaml": b"a: 1\n"}
        return {target: replace(each, files=files) for target, each in found.items()}

    monkeypatch.setattr("ordain.services.judging.states.desired", broken)
    before = running.manifests()
    reasons = merged(running, running.replicas("dana", 5))
    assert reasons == {"_state/_state": Reason.STATE_INVALID}
    assert running.manifests() == before


def pin_renderer(world: World, version: int) -> str:
    where = world.branch("dana", f"renderer-{version}")
    world.edit(where, "models.yaml", lambda value: value.update(renderer=version))
    world.commit("dana", f"Renderer {version}")
    return world.push("dana")


def test_another_renderer_than_the_pinned_one_refuses(both: World) -> None:
    before = both.manifests()
    both.merge(pin_renderer(both, 2))
    assert {label: each.reason for label, each in by_target(both.reconcile()).items()} == {
        "_state/_state": Reason.RENDERER_MISMATCH
    }
    assert both.manifests() == before


def upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Ordain whose renderer is version 2."""
    monkeypatch.setattr(planning, "RENDERER_VERSION", 2)
    monkeypatch.setattr(judged, "RENDERER_VERSION", 2)


def test_an_upgrade_of_the_renderer_is_one_approved_change_of_the_fleet(
    both: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = both.manifests()
    upgrade(monkeypatch)
    assert by_target(both.reconcile()) == {}  # the new one alone changes nothing
    branch = pin_renderer(both, 2)
    reasons = merged(both, branch)
    assert reasons == dict.fromkeys((CHURN, FRAUD, SHARED), Reason.APPROVALS_MISSING)
    assert both.manifests() == before
    outcome = again(both, "ravi")
    assert {label for label, each in outcome.items() if each.approved} == {CHURN, FRAUD, SHARED}
    assert len(both.ledger()) == 4


def test_states_are_read_alike_by_every_reader(both: World) -> None:
    """What is wanted is never less than what is pinned: each pinned model renders something."""
    setting = both.setting("ada")
    both.git("ada", "fetch", "-q", "origin")
    snapshot = States(setting.clone, setting.templates).snapshot(both.head())
    assert {each.label for each in snapshot.wanted} == {CHURN, FRAUD, SHARED}
    assert all(each.files for each in snapshot.wanted.values())
