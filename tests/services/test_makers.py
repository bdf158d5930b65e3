"""Whoever wrote what goes live can't approve it, however and whenever the text came to the branch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ordain.adapters.artifacts import Store
from ordain.core.decisions import Decision
from ordain.core.reasons import Reason
from ordain.services.judging.judging import Context
from ordain.services.proofs.verify import verify
from tests.services.test_requests import Hosted, sound
from tests.services.world import FAILED, World, environment_file, models_file, params_file, record

CHURN, PRODUCTION, SHARED = "staging/churn", "production/churn", "production/_shared"
WAIVER = {
    "model": "churn", "gate": "quality.roc_auc", "reason": "Known, and accepted.", "expires": "2026-12-31",
}  # fmt: skip
Change = Callable[[Any], Any]


def judged(world: World) -> dict[str, Decision]:
    """The newest decision on each target, proven from a clone afterwards."""
    outcome = world.reconcile()
    clone = world.branch("omar", "looking")
    proofs = verify(clone, Store(world.root / "store"), everything=True).proofs
    links = {"ledger", "policy", "approval", "judgement", "manifest"}
    assert not [each for each in proofs if each.outcome == "FAILED" and each.link in links]
    return {each.transition.target.label: each for entry in outcome.entries for each in entry.decisions}


def merged(world: World, branch: str, *people: str) -> dict[str, Decision]:
    """Sign without courtesy, merge, reconcile."""
    world.sign(branch, *people)
    world.merge(branch)
    return judged(world)


def edited(world: World, who: str, path: str, change: Change, *options: str) -> str:
    """A pushed branch in which somebody changes a file."""
    world.number = getattr(world, "number", 0) + 1  # type: ignore[attr-defined]
    where = world.branch(who, f"edit-{world.number}")  # type: ignore[attr-defined]
    world.edit(where, path, change)
    world.commit(who, f"Edit {path}", *options)
    return world.push(who)


def beside(world: World, who: str, path: str, change: Change, *options: str) -> None:
    """Somebody's change is merged, and the reconciler looks at it."""
    world.merge(edited(world, who, path, change, *options))
    world.reconcile()


def declared(world: World, who: str, *options: str) -> None:
    """Somebody declares churn, which nothing pins yet."""
    where = world.branch(who, "declare")
    world.write(where, "models.yaml", models_file(("churn",)))
    world.write(where, "params.yaml", params_file(("churn",)))
    world.commit(who, "Declare churn", *options)
    world.merge(world.push(who))
    world.reconcile()


def of_churn(**changes: Any) -> Change:
    return lambda file: file["models"]["churn"].update(changes)


def self_approved(decision: Decision, who: str) -> bool:
    """Whether it was refused because of somebody's hand in it."""
    return who in decision.contributors and decision.reason == Reason.SELF_APPROVAL


# -- while nothing is pinned -------------------------------------------------------------------------


def test_whoever_wrote_a_spec_before_anything_was_pinned(world: World) -> None:
    declared(world, "ravi")
    assert self_approved(merged(world, world.release("dana", "churn", 1), "ravi")[CHURN], "ravi")
    world.branch("ada", "look")
    world.commit("ada", "Look")
    assert merged(world, world.push("ada"), "mei")[CHURN].approved


def test_whoever_wrote_an_environment_before_anything_was_pinned_there(running: World) -> None:
    beside(running, "mei", "environments/production.yaml", lambda file: file.update(allow_from=["web"]))
    found = merged(running, running.promote("dana").branch, "mei", "ravi")
    assert all(self_approved(found[each], "mei") for each in (PRODUCTION, SHARED))


FIELDS: dict[str, dict[str, Any]] = {
    "a canary": {"deploy": {"replicas": {"min": 2, "max": 4}, "canary": {"percent": 99}}},
    "any input": {"deploy": {"replicas": {"min": 2, "max": 4}, "invalid_input": "accept"}},
    "replicas": {"deploy": {"replicas": {"min": 9, "max": 9}}},
    "no log": {"monitoring": {"latency_objective_ms": 50, "prediction_log": False}},
    "the risk": {"risk": "low"},
    "the owner": {"owner": "somebody-else"},
    "a gate": {"gates": {"quality": [{"metric": "roc_auc", "min": 0.1}]}},
    "the split": {"split": {"holdout": 0.5}},
}


@pytest.mark.parametrize("field", FIELDS)
def test_whoever_changed_one_field_before_anything_was_pinned(world: World, field: str) -> None:
    declared(world, "dana")
    beside(world, "ravi", "models.yaml", of_churn(**FIELDS[field]))
    assert self_approved(merged(world, world.release("dana", "churn", 1), "ravi")[CHURN], "ravi")


def test_whoever_wrote_a_candidate_before_anything_was_released(world: World) -> None:
    declared(world, "dana")
    other = {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"C": 9.0}}
    beside(world, "ravi", "params.yaml", lambda file: file["candidates"]["churn"].update(other=other))
    assert self_approved(merged(world, world.release("dana", "churn", 1), "ravi")[CHURN], "ravi")


def test_whoever_took_a_text_away_before_anything_was_pinned(world: World) -> None:
    declared(world, "dana")
    beside(world, "dana", "models.yaml", of_churn(deploy={"port": 9000}))
    beside(world, "ravi", "models.yaml", of_churn(deploy={}))
    assert self_approved(merged(world, world.release("dana", "churn", 1), "ravi")[CHURN], "ravi")


def test_whoever_hid_a_text_in_a_state_that_could_not_be_read(world: World) -> None:
    declared(world, "dana")
    beside(world, "ravi", "models.yaml", lambda file: file["models"]["churn"].update(risk="low", oops=1))
    beside(world, "dana", "models.yaml", lambda file: file["models"]["churn"].pop("oops"))
    assert self_approved(merged(world, world.release("dana", "churn", 1), "ravi")[CHURN], "ravi")


def test_a_branch_that_was_moved_onto_another_line_forgets_nobody(world: World) -> None:
    """Ravi's text is merged; Dana merges main into her branch and moves main there."""
    start = world.head()
    declared(world, "ravi")
    world.branch("dana", "aside")
    world.git("dana", "reset", "-q", "--hard", start)
    world.write(world.enter("dana"), "README.md", "Hello")
    world.commit("dana", "Say hello")
    world.git("dana", "merge", "-q", "--no-ff", "-m", "Update", "origin/main")
    world.git("dana", "push", "-q", "origin", "HEAD:main")
    world.reconcile()
    assert self_approved(merged(world, world.release("dana", "churn", 1), "ravi")[CHURN], "ravi")


# -- in another environment, another time --------------------------------------------------------------


def test_whoever_wrote_what_runs_in_staging_cannot_promote_it_alone(running: World) -> None:
    running.deploy(running.replicas("ravi", 5), "mei")
    found = merged(running, running.promote("dana").branch, "ravi", "mei")
    assert self_approved(found[PRODUCTION], "ravi")
    assert found[SHARED].approved


def test_a_change_that_was_withdrawn_and_put_back_is_its_authors(running: World) -> None:
    beside(running, "ravi", "models.yaml", of_churn(deploy={"replicas": {"min": 5, "max": 7}}))
    beside(running, "dana", "models.yaml", of_churn(deploy={"replicas": {"min": 2, "max": 4}}))
    assert self_approved(merged(running, running.replicas("dana", 5), "ravi")[CHURN], "ravi")


def test_a_list_that_two_have_added_to_is_the_work_of_both(running: World) -> None:
    path = "environments/production.yaml"
    beside(running, "mei", path, lambda file: file.update(allow_from=["web"]))
    beside(running, "dana", path, lambda file: file.update(allow_from=["api", "web"]))
    found = merged(running, running.promote("dana").branch, "mei", "ravi")
    assert self_approved(found[PRODUCTION], "mei")


def test_a_policy_that_was_withdrawn_and_put_back_is_its_authors(running: World) -> None:
    lower = {"rules": [{"approvals": {"platform": 1}}]}
    rules = running.policy()["rules"]
    beside(running, "mei", "policy.yaml", lambda file: file.update(lower))
    beside(running, "ada", "policy.yaml", lambda file: file.update(rules=rules))
    again = edited(running, "ada", "policy.yaml", lambda file: file.update(lower))
    assert self_approved(merged(running, again, "mei", "ravi")["_policy/_policy"], "mei")


def test_a_record_that_was_removed_and_put_back_is_its_recorders(running: World) -> None:
    where = running.branch("ravi", "recorded")
    running.write(where, "releases/churn/2.yaml", _plain(record("churn", 2)))
    running.commit("ravi", "Record churn@2")
    running.merge(running.push("ravi"))
    running.reconcile()
    where = running.branch("dana", "removed")
    (where / "releases/churn/2.yaml").unlink()
    running.commit("dana", "Remove it")
    running.merge(running.push("dana"))
    running.reconcile()
    assert self_approved(merged(running, running.release("dana", "churn", 2), "ravi")[CHURN], "ravi")


def _plain(release: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(release)


def test_whoever_edited_between_retiring_and_returning(running: World) -> None:
    retired = edited(running, "dana", "environments/staging.yaml", lambda file: file.update(models={}))
    assert merged(running, retired, "mei")[CHURN].action == "retire"
    beside(running, "ravi", "models.yaml", of_churn(deploy={"replicas": {"min": 5, "max": 7}}))
    back = edited(
        running, "dana", "environments/staging.yaml",
        lambda file: file.update(models={"churn": {"release": 1}}),
    )  # fmt: skip
    assert self_approved(merged(running, back, "ravi")[CHURN], "ravi")


def test_an_edit_in_the_step_that_retires_is_not_approved_with_it(running: World) -> None:
    where = running.branch("ravi", "retire")
    running.edit(where, "models.yaml", of_churn(deploy={"replicas": {"min": 5, "max": 7}}))
    running.edit(where, "environments/staging.yaml", lambda file: file.update(models={}))
    running.commit("ravi", "Retire churn, with a little more")
    assert merged(running, running.push("ravi"), "mei")[CHURN].action == "retire"
    back = edited(
        running, "dana", "environments/staging.yaml",
        lambda file: file.update(models={"churn": {"release": 1}}),
    )  # fmt: skip
    assert self_approved(merged(running, back, "ravi")[CHURN], "ravi")


def test_whoever_wrote_a_waiver_cannot_approve_what_rests_on_it(world: World) -> None:
    declared(world, "dana")
    waived = edited(world, "mei", "policy.yaml", lambda file: file.update(waivers=[WAIVER]))
    assert merged(world, waived, "omar", "ravi")["_policy/_policy"].approved
    branch = world.release("dana", "churn", 1, verdicts=FAILED)
    assert self_approved(merged(world, branch, "mei")[CHURN], "mei")


def test_a_waiver_that_is_renewed_is_a_text_like_any_other(world: World) -> None:
    declared(world, "dana")
    waived = edited(world, "ada", "policy.yaml", lambda file: file.update(waivers=[WAIVER]))
    merged(world, waived, "omar", "ravi")
    assert merged(world, world.release("dana", "churn", 1, verdicts=FAILED), "mei")[CHURN].approved
    longer = {**WAIVER, "expires": "2027-12-31"}
    renewed = edited(world, "mei", "policy.yaml", lambda file: file.update(waivers=[longer]))
    assert merged(world, renewed, "omar", "ravi")["_policy/_policy"].approved
    assert self_approved(merged(world, world.replicas("dana", 5), "mei")[CHURN], "mei")


# -- unknown hands -------------------------------------------------------------------------------------


def test_a_text_that_nobody_signed_blocks_until_somebody_puts_it_in_place_anew(world: World) -> None:
    declared(world, "dana")
    replicas = {"replicas": {"min": 5, "max": 7}}
    beside(world, "dana", "models.yaml", of_churn(deploy=replicas), "--no-gpg-sign")
    branch = world.release("dana", "churn", 1)
    assert merged(world, branch, "ravi")[CHURN].reason == Reason.AUTHOR_UNPROVEN
    withdrawn = edited(world, "dana", "environments/staging.yaml", lambda file: file.update(models={}))
    world.merge(withdrawn)
    beside(world, "dana", "models.yaml", of_churn(deploy={}))
    beside(world, "dana", "models.yaml", of_churn(deploy=replicas))
    again = edited(
        world, "dana", "environments/staging.yaml", lambda file: file.update(models={"churn": {"release": 1}})
    )
    assert merged(world, again, "ravi")[CHURN].approved


STRANGERS = {
    "by another address": "Ravi Menon <ravi@home.example>",
    "by their name's key": "ravi <r@home.example>",
    "by no name that anyone knows": "R. M. <rm@home.example>",
    "by a nickname alone": "RM",
}


@pytest.mark.parametrize("line", STRANGERS.values(), ids=STRANGERS)
def test_a_co_author_whom_the_policy_does_not_know_could_be_the_approver(running: World, line: str) -> None:
    branch = running.replicas("dana", 5)
    running.git("dana", "commit", "-q", "--amend", "-m", f"Five\n\nCo-authored-by: {line}")
    running.push("dana")
    decision = merged(running, branch, "ravi")[CHURN]
    assert (decision.approved, decision.reason) == (False, Reason.AUTHOR_UNPROVEN)
    assert ("ravi" in decision.contributors) == ("ravi" in line.casefold())


def test_an_author_by_an_address_that_nobody_lists_is_unproven_whoever_signs(running: World) -> None:
    branch = running.replicas("dana", 5)
    running.git("dana", "commit", "-q", "--amend", "--author", "Ravi Menon <ravi@home.example>", "--no-edit")
    running.push("dana")
    decision = merged(running, branch, "ravi")[CHURN]
    assert decision.reason == Reason.AUTHOR_UNPROVEN
    assert {"dana", "ravi"} <= set(decision.contributors)


def test_what_was_decided_by_the_rules_before_stays_proven(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordain.services.judging.judged.JUDGING", 2)
    monkeypatch.setattr("ordain.services.reconciling.reconcile.Context", partial(Context, judging=2))
    branch = world.release("dana", "churn", 1)
    world.git("dana", "commit", "-q", "--amend", "-m", "First\n\nCo-authored-by: RM <rm@home.example>")
    world.push("dana")
    world.sign(branch, "ravi")
    world.merge(branch)
    (entry,) = world.reconcile().entries
    assert (entry.judging, entry.decisions[-1].approved) == (2, True)
    monkeypatch.undo()
    assert merged(world, world.replicas("dana", 6), "mei")[CHURN].approved


def test_a_text_is_proven_by_the_key_that_its_author_had_then(world: World) -> None:
    """Dana's key is replaced between writing the spec and deploying it."""
    declared(world, "dana")

    def rotate(policy: dict[str, Any]) -> None:
        policy["people"]["dana"]["keys"] = [{"key": world.public("ravi-second")}]

    assert merged(world, edited(world, "ada", "policy.yaml", rotate), "mei", "omar")[
        "_policy/_policy"
    ].approved
    decision = merged(world, world.release("omar", "churn", 1), "ravi")[CHURN]
    assert (decision.approved, decision.contributors) == (True, ("ada", "dana", "omar"))


def test_a_forge_says_who_wrote_a_text_long_before_anything_was_pinned(tmp_path: Path) -> None:
    """Nobody signs anything; another entry lies between; what the forge said is in the ledger."""
    hosted = Hosted(tmp_path)
    world = hosted.world
    for who in ("ravi", "mei", "dana"):
        hosted.unsigned(who)
    where = world.branch("ravi", "declare")
    world.write(where, "models.yaml", models_file(("churn",)))
    world.write(where, "params.yaml", params_file(("churn",)))
    world.commit("ravi", "Declare churn")
    hosted.merge(world.push("ravi"), (), author="ravi-gh", pushers=("ravi-gh",))
    branch = world.release("mei", "fraud", 1)
    hosted.merge(branch, hosted.reviews(branch, "omar"), author="mei-gh", pushers=("mei-gh",))
    assert hosted.verdict("fraud").approved
    branch = world.release("dana", "churn", 1)
    hosted.merge(branch, hosted.reviews(branch, "ravi"))
    assert self_approved(hosted.verdict(), "ravi")
    world.branch("ada", "look")
    world.commit("ada", "Look")
    branch = world.push("ada")
    hosted.merge(branch, hosted.reviews(branch, "mei"), author="ada-gh", pushers=("ada-gh",))
    assert hosted.verdict().approved
    sound(hosted)


# -- the same people under other names -------------------------------------------------------------------


def _renamed(world: World, **entry: Any) -> None:
    """A policy in which Ravi's entry, whatever its name by now, is replaced by another, approved."""

    def change(policy: dict[str, Any]) -> None:
        old = next(each for each in ("ravi", "rob", "bob") if each in policy["people"])
        person = policy["people"].pop(old)
        new = {**person, **{key: value for key, value in entry.items() if key != "entry"}}
        policy["people"][entry.get("entry", old)] = new

    branch = edited(world, "ada", "policy.yaml", change)
    assert merged(world, branch, "mei", "omar")["_policy/_policy"].approved


def _second(world: World) -> list[dict[str, str]]:
    return [{"key": world.public("ravi-second")}]


ONE_BY_ONE: dict[str, tuple[dict[str, Any], ...]] = {
    "by an address, then by a key": (
        {"entry": "rob", "name": "Rob", "keys": "second"},
        {"entry": "bob", "name": "Bob", "emails": ["rob@x.example"]},
    ),
    "by the entry's name, then by an address": (
        {"name": "Rob", "keys": "second", "emails": ["rob@x.example"]}, {"entry": "bob"},
    ),
    "by an account alone": (
        {"logins": {"github": "ravi-gh"}},
        {"entry": "rob", "name": "Rob", "emails": ["rob@x.example"], "keys": "second",
         "logins": {"github": "RAVI-gh"}},
        {"entry": "bob", "logins": {}},
    ),
    "by a person's name": ({"entry": "rob", "emails": ["rob@x.example"], "keys": "second"},),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("changes", ONE_BY_ONE.values(), ids=ONE_BY_ONE)
def test_an_author_who_is_renamed_bit_by_bit_stays_the_author(
    world: World, changes: tuple[dict[str, Any], ...]
) -> None:
    """Each change of the policy is approved; in the end nothing is as it was when the text was written."""
    declared(world, "ravi")
    for each in changes:
        _renamed(world, **{**each, **({"keys": _second(world)} if "keys" in each else {})})
    decision = merged(world, world.release("dana", "churn", 1), "ravi-second")[CHURN]
    newest = changes[-1].get("entry", "ravi")
    assert self_approved(decision, newest), (decision.contributors, decision.reason)
    assert merged(world, world.release("dana", "fraud", 1), "ravi-second")["staging/fraud"].approved


def test_a_person_who_is_replaced_whole_is_a_new_one(world: World) -> None:
    """What can't be proven: nothing ties the two, and whoever approved the policy has said who that is."""
    declared(world, "ravi")
    _renamed(world, entry="rob", name="Rob", emails=["rob@x.example"], keys=_second(world))
    assert merged(world, world.release("dana", "churn", 1), "ravi-second")[CHURN].approved


# -- who has no hand in it -----------------------------------------------------------------------------


def test_what_was_approved_before_is_nobodys_new_work(running: World) -> None:
    running.deploy(running.replicas("ravi", 5), "mei")
    decision = merged(running, running.replicas("dana", 6), "ravi")[CHURN]
    assert (decision.approved, decision.contributors) == (True, ("dana",))


def test_what_was_withdrawn_for_good_makes_nobody_a_maker(running: World) -> None:
    beside(running, "ravi", "models.yaml", of_churn(deploy={"replicas": {"min": 5, "max": 7}}))
    beside(running, "dana", "models.yaml", of_churn(deploy={"replicas": {"min": 2, "max": 4}}))
    assert merged(running, running.replicas("dana", 6), "ravi")[CHURN].approved


def test_texts_of_others_make_nobody_a_maker(running: World) -> None:
    """Another model, another environment, a description: none of it is what goes live here."""
    running.merge(running.release("ravi", "fraud", 1))
    beside(running, "ravi", "models.yaml", of_churn(description="Other words."))
    beside(running, "ravi", "environments/production.yaml", lambda file: file.update(allow_from=["web"]))
    assert merged(running, running.replicas("dana", 5), "ravi")[CHURN].approved


def test_settings_that_were_approved_for_an_environment_hold_for_whatever_comes_to_it(world: World) -> None:
    where = world.branch("ravi", "settings")
    world.write(where, "environments/staging.yaml", environment_file("staging", {}, allow_from=["web"]))
    world.commit("ravi", "Let the web in")
    world.merge(world.push("ravi"))
    assert merged(world, world.release("dana", "churn", 1), "mei")[CHURN].approved
    assert merged(world, world.release("dana", "fraud", 1), "ravi")["staging/fraud"].approved
