"""A release is its record: another one under its number runs nowhere, and neither does one that lies."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from ordain.core.reasons import Reason
from ordain.core.reports.verification import Proof
from ordain.services.judging.clone import open_clone
from ordain.services.proofs.verify_current import record_proofs
from tests.services.test_reconcile import CHURN, by_target, verdicts
from tests.services.world import FAILED, PARITY, PASSED, World, record

PRODUCTION = "production/churn"


def rewrite(world: World, name: str, salt: str) -> Path:
    """A branch on which churn@1 is another record."""
    where = world.branch("dana", name)
    made = record("churn", 1, salt=salt, made_of=world.declared_slice(where, "churn"))
    world.write(where, "releases/churn/1.yaml", msgspec.to_builtins(made))
    return where


def pushed(world: World, message: str) -> str:
    world.commit("dana", message)
    return world.push("dana")


def records(world: World) -> list[Proof]:
    world.branch("ada", "fresh")
    return list(record_proofs(open_clone(world.enter("ada"))))


def test_a_record_that_was_rewritten_under_its_number(running: World) -> None:
    """It runs in staging, and what production is asked to run is another record of that number."""
    before = running.manifests()
    where = rewrite(running, "rewrite", "other")
    running.pin(where, "production", "churn", 1)
    running.sign(branch := pushed(running, "Touch"), "ravi", "mei")
    running.merge(branch)
    found = verdicts(running.reconcile())
    assert (found[CHURN], found[PRODUCTION]) == (Reason.RELEASE_INVALID, Reason.RELEASE_INVALID)
    assert running.manifests("staging/churn") == {
        path: data for path, data in before.items() if path.startswith("staging/churn")
    }
    assert running.manifests("production/churn") == {}


def test_a_record_that_was_removed_first_and_written_anew(running: World) -> None:
    """Each step by itself looks harmless: retire and remove, then record under the number that is free."""
    where = running.branch("dana", "remove")
    (where / "releases/churn/1.yaml").unlink()
    running.edit(where, "environments/staging.yaml", lambda value: value["models"].clear())
    running.deploy(pushed(running, "Retire churn"), "ravi", "mei")
    where = rewrite(running, "again", "other")
    running.pin(where, "staging", "churn", 1)
    branch = pushed(running, "Release churn@1")
    running.sign(branch, "ravi", "mei")
    running.merge(branch)
    decision = by_target(running.reconcile())[CHURN]
    assert (decision.reason, "another record" in decision.detail) == (Reason.RELEASE_INVALID, True)
    (proof,) = records(running)
    assert (proof.outcome, proof.what) == ("FAILED", "releases/churn/1.yaml")


def test_a_rewritten_record_is_found_though_it_was_put_back(running: World) -> None:
    assert [each.outcome for each in records(running)] == ["ok"]
    kept = (running.enter("dana") / "releases/churn/1.yaml").read_text()
    rewrite(running, "one", "other")
    running.merge(pushed(running, "Touch"))
    where = running.branch("dana", "two")
    running.write(where, "releases/churn/1.yaml", kept)
    running.merge(pushed(running, "Touch again"))
    (proof,) = records(running)
    assert (proof.outcome, proof.what) == ("FAILED", "releases/churn/1.yaml")


def test_a_record_that_was_removed_and_put_back_as_it_was_is_sound(running: World) -> None:
    path = running.branch("dana", "one") / "releases/churn/1.yaml"
    kept = path.read_text()
    path.unlink()
    running.merge(pushed(running, "Tidy"))
    running.write(running.branch("dana", "two"), "releases/churn/1.yaml", kept)
    running.merge(pushed(running, "Put it back"))
    assert [each.outcome for each in records(running)] == ["ok"]


LIES = {
    "a bound that nobody declared": (replace(PASSED[0], bound=0.5), PARITY),
    "passed below its bound": (replace(FAILED[0], outcome="pass"), PARITY),
    "a value that was not measured": (replace(PASSED[0], value=None), PARITY),
    "a gate of its own": (*PASSED, replace(PARITY, gate="harmless")),
}


@pytest.mark.parametrize("name", LIES)
def test_a_verdict_that_lies(tmp_path: Path, name: str) -> None:
    world = World(tmp_path)
    branch = world.release("dana", "churn", 1, verdicts=LIES[name])
    world.sign(branch, "ravi")
    world.merge(branch)
    assert verdicts(world.reconcile())[CHURN] == Reason.RELEASE_INVALID


def test_a_declared_gate_that_is_left_out(tmp_path: Path) -> None:
    world = World(tmp_path)
    branch = world.release("dana", "churn", 1, verdicts=PASSED[:1])
    world.sign(branch, "ravi")
    world.merge(branch)
    decision = by_target(world.reconcile())[CHURN]
    assert (decision.reason, "parity" in decision.detail) == (Reason.GATE_INSUFFICIENT, True)
