"""Keys come and go; what a signature is worth is decided when the ledger first sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ordain.adapters.artifacts import Store
from ordain.core.decisions import Decision
from ordain.core.ledger.ledger import JUDGING, decode
from ordain.core.reasons import Reason
from ordain.services.proofs.verify import verify
from tests.services.test_makers import self_approved
from tests.services.test_requests import Hosted
from tests.services.world import World, models_file, params_file

CHURN, POLICY = "staging/churn", "_policy/_policy"
Change = Callable[[dict[str, Any]], Any]


def sound(world: World) -> None:
    """Everything that was recorded can be proven from a clone."""
    clone = world.branch("omar", "looking")
    links = {"ledger", "policy", "approval", "judgement", "manifest"}
    proofs = verify(clone, Store(world.root / "store"), everything=True).proofs
    assert not [each for each in proofs if each.outcome == "FAILED" and each.link in links]


def reconciled(world: World) -> dict[str, Decision]:
    """The newest decision on each target."""
    found = {
        each.transition.target.label: each for entry in world.reconcile().entries for each in entry.decisions
    }
    sound(world)
    return found


def policy(world: World, name: str, change: Change) -> str:
    """A pushed branch in which Ada changes the policy."""
    where = world.branch("ada", name)
    world.edit(where, "policy.yaml", change)
    world.commit("ada", "Change the policy")
    return world.push("ada")


def approved(world: World, name: str, change: Change) -> None:
    """A change of the policy that Mei and Omar approve; it is merged and not yet reconciled."""
    branch = policy(world, name, change)
    world.approve(branch, "mei", "omar")
    world.merge(branch)


def revoking(world: World) -> Change:
    def change(file: dict[str, Any]) -> None:
        file["people"]["ravi"]["keys"], file["revoked"] = [], [world.public("ravi")]

    return change


def unrevoking(world: World) -> Change:
    def change(file: dict[str, Any]) -> None:
        file["people"]["ravi"]["keys"] = [{"key": world.public("ravi")}]
        del file["revoked"]

    return change


def without(file: dict[str, Any]) -> None:
    file["people"]["ravi"]["keys"] = []


def rotated(world: World) -> Change:
    return lambda file: file["people"]["ravi"].update(keys=[{"key": world.public("ravi-second")}])


def asked(world: World) -> str:
    """A change by Dana that Ravi has approved."""
    branch = world.replicas("dana", 5)
    world.approve(branch, "ravi")
    return branch


def seen(world: World) -> str:
    """The same, and the ledger has seen it: it was there when another entry was made."""
    branch = asked(world)
    world.deploy(world.release("mei", "fraud", 1), "omar")
    return branch


# -- policies that nobody approved -----------------------------------------------------------------------


def given_away(world: World) -> Change:
    """Ravi's key becomes Ada's."""

    def change(file: dict[str, Any]) -> None:
        file["people"]["ravi"]["keys"], file["people"]["ada"]["keys"] = [], [{"key": world.public("ravi")}]

    return change


@pytest.mark.parametrize("change", [lambda _: without, given_away, rotated], ids=["gone", "given", "rotated"])
@pytest.mark.parametrize("first", [True, False])
def test_a_policy_that_nobody_approved_takes_no_key_away(running: World, change: Any, *, first: bool) -> None:
    branch = asked(running)
    if first:
        running.merge(policy(running, "sabotage", change(running)))
        running.merge(branch)
    else:
        running.merge(branch)
        running.merge(policy(running, "sabotage", change(running)))
    found = reconciled(running)
    assert found[CHURN].approved
    assert found[POLICY].reason == Reason.APPROVALS_MISSING


def test_revoking_acts_before_it_is_approved(running: World) -> None:
    branch = asked(running)
    running.merge(branch)
    running.merge(policy(running, "revoke", revoking(running)))
    assert reconciled(running)[CHURN].reason == Reason.KEY_UNKNOWN


def test_whoever_takes_a_revocation_back_unapproved_revives_no_key(running: World) -> None:
    branch = asked(running)
    running.merge(policy(running, "revoke", revoking(running)))
    running.merge(policy(running, "unrevoke", unrevoking(running)))
    running.merge(branch)
    assert reconciled(running)[CHURN].reason == Reason.KEY_UNKNOWN


def test_a_revocation_is_over_once_a_policy_without_it_is_approved(running: World) -> None:
    running.merge(policy(running, "revoke", revoking(running)))
    running.reconcile()

    def longer(file: dict[str, Any]) -> None:
        unrevoking(running)(file)
        file["people"]["ravi"]["name"] = "Ravi K. Menon"

    approved(running, "unrevoke", longer)
    assert reconciled(running)[POLICY].approved
    running.merge(asked(running))
    assert reconciled(running)[CHURN].approved


# -- the ledger's first sight ------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("change", [lambda _: without, rotated], ids=["gone", "rotated"])
def test_a_signature_that_is_first_seen_after_its_key_was_taken_away(
    running: World, change: Any, *, first: bool
) -> None:
    """Whether the change was merged before the key was taken away or after: nobody had looked yet."""
    branch = asked(running)
    if first:
        running.merge(branch)
        approved(running, "remove", change(running))
    else:
        approved(running, "remove", change(running))
        running.merge(branch)
    found = reconciled(running)
    assert found[POLICY].approved
    assert found[CHURN].reason == Reason.KEY_UNKNOWN


def test_a_signature_that_was_seen_before_its_key_was_taken_away_stays_good(running: World) -> None:
    branch = seen(running)
    approved(running, "rotate", rotated(running))
    assert reconciled(running)[POLICY].approved
    running.merge(branch)
    decision = reconciled(running)[CHURN]
    assert decision.approved
    assert [each.person for each in decision.approvals] == ["ravi"]


def test_another_signature_of_that_key_does_not(running: World) -> None:
    """The old key signs again after it was taken away, and may write whatever date it likes."""
    seen(running)
    approved(running, "rotate", rotated(running))
    reconciled(running)
    branch = running.replicas("dana", 6)
    running.sign(branch, "ravi")
    running.merge(branch)
    assert reconciled(running)[CHURN].reason == Reason.KEY_UNKNOWN


def shared_out(world: World) -> Change:
    """Ravi's key speaks for a newcomer, Ravi gets another, and it takes two reviewers."""

    def change(file: dict[str, Any]) -> None:
        ravi = file["people"]["ravi"]
        moved = {"name": "Rob Kumar", "emails": ["rob@x.example"], "logins": {}, "keys": ravi["keys"]}
        file["people"]["rob"] = {**ravi, **moved}
        ravi["keys"] = [{"key": world.public("ravi-second")}]
        file["rules"][0]["approvals"] = {"reviewer": 2}

    return change


@pytest.mark.parametrize("key", ["ravi", "ravi-second"])
def test_one_person_counts_once_though_an_approved_policy_gave_the_key_to_another_entry(
    running: World, key: str
) -> None:
    branch = seen(running)
    approved(running, "share", shared_out(running))
    assert reconciled(running)[POLICY].approved
    running.sign(branch, key)
    running.merge(branch)
    decision = reconciled(running)[CHURN]
    assert (decision.reason, decision.missing) == (Reason.APPROVALS_MISSING, {"reviewer": 1})
    assert [each.person for each in decision.approvals] == ["ravi"]


def test_a_revoked_key_speaks_no_more_though_its_signature_was_seen_before(running: World) -> None:
    branch = seen(running)
    approved(running, "revoke", revoking(running))
    running.merge(branch)
    assert reconciled(running)[CHURN].reason == Reason.KEY_UNKNOWN


@pytest.mark.parametrize(
    "change", [{"bot": True}, {"roles": ["platform"]}, None], ids=["a bot", "another role", "gone"]
)
def test_whoever_may_approve_no_more_is_for_the_policy_that_judges(
    running: World, change: dict[str, Any] | None
) -> None:
    branch = seen(running)

    def leave(file: dict[str, Any]) -> None:
        if change is None:
            del file["people"]["ravi"]
        else:
            file["people"]["ravi"].update(change)

    approved(running, "leave", leave)
    assert reconciled(running)[POLICY].approved
    running.merge(branch)
    assert not reconciled(running)[CHURN].approved


def test_an_entry_stays_proven_whatever_becomes_of_the_keys_in_it(running: World) -> None:
    running.merge(asked(running))
    assert reconciled(running)[CHURN].approved
    approved(running, "rotate", rotated(running))
    assert reconciled(running)[POLICY].approved
    approved(running, "revoke", revoking(running))
    assert reconciled(running)[POLICY].approved


def test_one_may_approve_that_ones_own_key_is_replaced(running: World) -> None:
    branch = policy(running, "rotate", rotated(running))
    running.approve(branch, "ravi", "mei")
    running.merge(branch)
    assert reconciled(running)[POLICY].approved


def test_a_key_that_is_taken_away_with_the_same_step_does_not_count_for_the_rest_of_it(
    running: World,
) -> None:
    where = running.branch("dana", "both")
    running.edit(where, "policy.yaml", rotated(running))
    deploy = {"replicas": {"min": 5, "max": 7}}
    running.edit(where, "models.yaml", lambda file: file["models"]["churn"].update(deploy=deploy))
    running.commit("dana", "Both")
    branch = running.push("dana")
    running.approve(branch, "ravi", "mei")
    running.merge(branch)
    found = reconciled(running)
    assert found[POLICY].approved
    assert [each.person for each in found[CHURN].approvals] == ["mei"]


# -- what is written down ----------------------------------------------------------------------------------


def test_only_what_may_still_be_needed_is_noted_and_once(running: World) -> None:
    branch = asked(running)
    running.sign(branch, "stranger")
    running.deploy(running.release("mei", "fraud", 1), "omar")
    running.deploy(running.release("mei", "demand", 1), "omar")
    noted = [decode(data).sighted for _, data in sorted(running.ledger().items())]
    assert [len(each) for each in noted] == [0, 1, 0]
    running.merge(branch)
    running.reconcile()
    newest = decode(running.ledger()["manifests/ledger/00000004.json"])
    assert newest.sighted == ()


def test_two_runs_see_the_same_as_one(running: World) -> None:
    """What was noted does not depend on how often anybody looked."""
    asked(running)
    running.reconcile()
    running.reconcile()
    running.deploy(running.release("mei", "fraud", 1), "omar")
    entries = [decode(data) for _, data in sorted(running.ledger().items())]
    assert [len(each.sighted) for each in entries] == [0, 1]
    assert [each.judging for each in entries] == [JUDGING, JUDGING]


def test_a_review_that_an_entry_holds_outlives_the_collectors_key(tmp_path: Path) -> None:
    """A tier demands two reviews; one is attested, the collector's key is replaced, the other comes later."""
    rules = [{"environments": ["staging"], "approvals": {"reviewer": 2}}]
    hosted = Hosted(tmp_path, rules=rules)
    world = hosted.world
    branch = world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"))
    assert hosted.verdict().reason == Reason.APPROVALS_MISSING
    change = policy(
        world, "rotate", lambda file: file.update(collectors=[{"key": world.public("collector-second")}])
    )
    hosted.merge(change, hosted.reviews(change, "mei", "omar"), author="ada-gh", pushers=("ada-gh",))
    hosted.reconcile()
    world.branch("ada", "look")
    world.commit("ada", "Look")
    again = world.push("ada")
    world.sign(again, "mei")
    hosted.merge(again, (), author="ada-gh", pushers=("ada-gh",))
    found = hosted.verdict(collector=world.collector("collector-second"))
    assert sorted(each.kind for each in found.approvals) == ["attested-by-collector", "signed-by-approver"]
    assert found.approved


def rotating(hosted: Hosted, *people: str) -> None:
    """The collector's key is revoked and another takes its place, signed by some people or by nobody."""
    world = hosted.world
    keys = {"collectors": [{"key": world.public("collector-second")}], "revoked": [world.public("collector")]}
    change = policy(world, "revoke", lambda file: file.update(keys))
    if people:
        world.sign(change, *people)
    hosted.merge(change, (), author="ada-gh", pushers=("ada-gh",))
    hosted.reconcile()


def unsigned(hosted: Hosted) -> str:
    """A request of Dana's of which only a forge can say who made it, signed by an approver."""
    hosted.unsigned("dana")
    branch = hosted.world.release("dana", "churn", 1)
    hosted.world.sign(branch, "ravi")
    hosted.merge(branch, ())
    return branch


def test_a_revoked_collector_vouches_for_nobody_from_then_on(tmp_path: Path) -> None:
    """The revocation is merged and not approved yet, so that the old key still signs what is recorded."""
    hosted = Hosted(tmp_path)
    rotating(hosted)
    unsigned(hosted)
    assert hosted.verdict().reason == Reason.AUTHOR_UNPROVEN
    sound(hosted.world)


def test_what_it_vouched_for_before_stays_proven(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path)
    world, second = hosted.world, hosted.world.collector("collector-second")
    hosted.unsigned("ravi")
    where = world.branch("ravi", "declare")
    world.write(where, "models.yaml", models_file(("churn",)))
    world.write(where, "params.yaml", params_file(("churn",)))
    world.commit("ravi", "Declare churn")
    hosted.merge(world.push("ravi"), (), author="ravi-gh", pushers=("ravi-gh",))
    world.sign(branch := world.release("mei", "fraud", 1), "omar")
    hosted.merge(branch, (), author="mei-gh", pushers=("mei-gh",))
    hosted.reconcile()
    rotating(hosted, "mei", "omar")
    branch = unsigned(hosted)
    assert self_approved(hosted.verdict(collector=second), "ravi")
    world.branch("ada", "look")
    world.commit("ada", "Look")
    world.sign(branch := world.push("ada"), "mei")
    hosted.merge(branch, (), author="ada-gh", pushers=("ada-gh",))
    assert hosted.verdict(collector=second).approved
    sound(hosted.world)


def test_what_it_saw_after_that_stays_unproven_under_the_next_key(tmp_path: Path) -> None:
    """Its word lies in an entry by then; the revocation came before that entry."""
    hosted = Hosted(tmp_path)
    world, second = hosted.world, hosted.world.collector("collector-second")
    rotating(hosted)
    unsigned(hosted)
    assert hosted.verdict().reason == Reason.AUTHOR_UNPROVEN
    world.branch("ada", "look")
    world.commit("ada", "Look")
    world.sign(branch := world.push("ada"), "mei", "omar")
    hosted.merge(branch, (), author="ada-gh", pushers=("ada-gh",))
    assert [each.action for entry in hosted.reconcile().entries for each in entry.decisions] == ["policy"]
    world.branch("ada", "again")
    world.commit("ada", "Look again")
    hosted.merge(world.push("ada"), (), author="ada-gh", pushers=("ada-gh",))
    standing = {each.transition.model: each.reason for each in hosted.reconcile(collector=second).standing}
    assert standing["churn"] == Reason.AUTHOR_UNPROVEN
