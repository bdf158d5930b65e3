"""`ordain rollback`: back to a release that ran, byte for byte, by a quicker rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ordain.cli.main import ordain
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.requests.rollback import rollback

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.world import World


@pytest.fixture(scope="module")
def twice(worlds: tuple[World, World], tmp_path_factory: pytest.TempPathFactory) -> World:
    """What `promoted` gives copies of."""
    running = worlds[1].copied(tmp_path_factory.mktemp("promoted"))
    running.deploy(running.promote("dana").branch, "ravi", "mei")
    running.deploy(running.release("dana", "churn", 2), "ravi")
    running.deploy(running.promote("dana").branch, "ravi", "mei")
    return running


@pytest.fixture
def promoted(twice: World, tmp_path: Path) -> World:
    """churn@1, then churn@2, in staging and production."""
    return twice.copied(tmp_path)


def test_a_rollback_restores_the_bytes_once_one_reviewer_approved(running: World) -> None:
    before = running.manifests()
    running.deploy(running.release("dana", "churn", 2), "ravi")
    assert running.manifests() != before
    proposal = running.rollback("dana", "staging")
    assert (proposal.branch, proposal.before, proposal.release) == ("rollback/churn-staging-1", 2, 1)
    unapproved = running.manifests()
    running.merge(proposal.branch)
    running.reconcile()
    assert running.manifests() == unapproved
    running.branch("ada", "again")
    running.commit("ada", "Again")
    running.deploy(running.push("ada"), "ravi")
    assert running.manifests() == before


def test_the_quicker_rule_is_for_going_back_to_what_ran_and_nothing_else(promoted: World) -> None:
    """Production needs two people; a rollback needs one; a rollback with something in it needs two."""
    branch = promoted.rollback("dana", "production").branch
    where = promoted.enter("dana")
    promoted.edit(where, "models.yaml", lambda v: v["models"]["churn"]["deploy"]["replicas"].update(max=40))
    promoted.commit("dana", "And forty replicas")
    promoted.push("dana")
    outcome = promoted.deploy(branch, "ravi")
    reasons = {d.transition.target.label: d.reason for e in outcome.entries for d in e.decisions}
    assert reasons["production/churn"] == Reason.APPROVALS_MISSING
    promoted.edit(where, "models.yaml", lambda v: v["models"]["churn"]["deploy"]["replicas"].update(max=4))
    promoted.commit("dana", "No forty replicas")
    outcome = promoted.deploy(promoted.push("dana"), "ravi")
    decisions = {d.transition.target.label: d for e in outcome.entries for d in e.decisions}
    assert decisions["production/churn"].action == "rollback"
    assert decisions["production/churn"].approved


def test_rolling_back_twice_goes_further_back(promoted: World) -> None:
    promoted.deploy(promoted.release("dana", "churn", 3), "ravi")
    assert promoted.rollback("dana", "staging").release == 2
    promoted.deploy("rollback/churn-staging-1", "ravi")
    assert promoted.rollback("dana", "staging").release == 1
    assert promoted.rollback("dana", "staging", 1).release == 1


def test_what_was_withdrawn_comes_back_by_no_quicker_rule(promoted: World) -> None:
    promoted.deploy(promoted.rollback("dana", "production").branch, "ravi")
    with pytest.raises(UserError, match="no way back"):
        promoted.rollback("dana", "production", 2)
    where = promoted.branch("dana", "forth")
    place = where / "environments/production.yaml"
    place.write_text(place.read_text().replace("release: 1", "release: 2"))
    promoted.commit("dana", "Churn@2 again")
    outcome = promoted.deploy(promoted.push("dana"), "ravi")
    (decision,) = [each for entry in outcome.entries for each in entry.decisions]
    assert (decision.action, decision.reason) == ("change", Reason.STALE_APPROVAL)  # of mei, the first time
    assert decision.missing == {"risk-officer": 1}


def test_what_never_ran_cannot_come_back(running: World) -> None:
    running.branch("dana", "fresh")
    with pytest.raises(UserError, match="nothing older"):
        rollback(running.setting("dana"), "churn", "staging")
    with pytest.raises(UserError, match="never ran"):
        rollback(running.setting("dana"), "churn", "staging", 7)
    with pytest.raises(UserError, match="nothing older"):
        rollback(running.setting("dana"), "churn", "production")


def test_what_is_checked_out_does_not_ride_along(promoted: World) -> None:
    where = promoted.branch("dana", "mine")
    (where / "notes.txt").write_text("half done\n")
    promoted.commit("dana", "Not for production")
    newer = promoted.merge(promoted.replicas("ravi", 5))
    proposal = rollback(promoted.setting("dana"), "churn", "production")
    assert promoted.git("dana", "rev-parse", f"{proposal.commit}^@") == newer
    assert promoted.git("dana", "status", "--porcelain") == ""


def test_the_command(promoted: World) -> None:
    where = promoted.branch("dana", "fresh")
    words = ["rollback", "churn", "--env", "production", "-C", str(where), "--json"]
    done = CliRunner().invoke(ordain, words, catch_exceptions=False)
    assert json.loads(done.output)["release"] == 1
