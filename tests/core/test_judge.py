"""Every verdict on every kind of transition: by evidence, by people, by the policy before it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from ordain.core.approvals.approval import POLICY_TARGET, Evidence, pending, policy_subject
from ordain.core.approvals.judge import BACKWARDS, action_of, judge
from ordain.core.approvals.merits import AGAINST, COMPARISON
from ordain.core.approvals.moves import TOGETHER
from ordain.core.approvals.step import Step
from ordain.core.decisions import Decision, Deployed, LedgerState, Pending
from ordain.core.gating.release import Baseline, Release
from ordain.core.gating.verdicts import Verdict
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import Desired
from ordain.core.specs.governance import SHARED, Key, Policy, Rule, Waiver
from ordain.core.specs.governance import Person as Member
from ordain.core.specs.identity import Target, Transition, training_slice
from ordain.core.specs.spec import NonInferiorityGate, SizeGate
from ordain.core.state.declared import Instance
from tests.core import fleet as fleets
from tests.core.fleet import ARTIFACT, PLAIN, POLICY, SPEC, STAGING, fleet
from tests.core.signing import Person

KEYS = {
    name: Person(number).key for number, name in enumerate(("dana", "ravi", "mei", "bot", "spare", "eve"), 1)
}
CHURN, PRODUCTION = (
    Target(environment="staging", model="churn"),
    Target(environment="production", model="churn"),
)
SHARED_TARGET = Target(environment="staging", model=SHARED)
OLD, TODAY = "sha256:" + "a" * 64, "2026-11-24"
SIZED = replace(SPEC, gates=replace(SPEC.gates, size=SizeGate(max_mb=5.0)))
SOUND = (
    Verdict(gate="quality.roc_auc", outcome="pass", value=0.84, bound=0.8),
    Verdict(gate="parity", outcome="pass", value=1e-07, bound=1e-05),
)
PASSED = (*SOUND, Verdict(gate="size", outcome="pass", value=3.0, bound=5.0))
# Records of what the fleet declares.
record = partial(fleets.record, training_slice=training_slice(SIZED, {}, 0))
FAILED = (*SOUND, Verdict(gate="size", outcome="fail", value=6.0, bound=5.0))
THIN = (*SOUND, Verdict(gate="size", outcome="insufficient", bound=5.0))
WAIVER = Waiver(model="churn", gate="size", reason="It is large, and we know.", expires=TODAY)


def member(name: str, *roles: str, **changes: Any) -> Member:
    keys = (Key(key=KEYS[name].text, **changes),) if name in KEYS else ()
    return Member(name=name, emails=(f"{name}@x.example",), roles=roles, keys=keys, bot=name == "bot")


PEOPLE = {
    "dana": member("dana", "reviewer"), "ravi": member("ravi", "reviewer"), "mei": member("mei",
    "reviewer", "officer"),
    "bot": member("bot", "reviewer"), "idle": member("idle", "reader"),
}  # fmt: skip
RULED = replace(POLICY, people=PEOPLE, rules=(Rule(approvals={"reviewer": 1}),), changes={"officer": 1})


def wanted(target: Target, release: Release | None) -> Desired:
    name = f"{target.label} {release.digest if release else ''}"
    image = f"registry.example/{target.model}@{release.artifact}" if release else None
    return Desired(target=target, intent=name, files={}, files_digest="f", subject=name,
                   release=release.ref if release else None, artifact=image)  # fmt: skip


def state_of(*running: Desired, **changes: Any) -> LedgerState:
    deployed = {
        each.target: Deployed(target=each.target, subject=each.subject, intent=each.intent, files="f",
                              release=each.release, since=1, source="s")
        for each in running
    }  # fmt: skip
    return LedgerState(deployed=deployed, policy=policy_subject(RULED), **changes)


def step(target: Target = CHURN, verdicts: tuple[Verdict, ...] = PASSED, **changes: Any) -> Step:
    """One step that deploys churn@1, approved by nobody, of which `changes` replaces what it says."""
    environments = {"staging": STAGING, "production": PLAIN}
    instance = replace(fleet({"churn": SIZED}, environments), policy=RULED)
    release = record("churn", verdicts=verdicts)
    fields: dict[str, Any] = {
        "instance": replace(instance, releases={"churn": {1: release}}),
        "wanted": {target: wanted(target, release)},
        "parent": None,
        "state": state_of(),
        "policy": RULED,
        "gathered": {},
        "evidence": (),
        "today": TODAY,
        "present": lambda _: True,
        "judging": AGAINST,
    }
    made = Step(**{**fields, **changes})
    waiting = {
        each.target: Pending(target=each.target) for each in pending(made.subjects, made.state, made.policy)
    }
    return replace(made, gathered={**waiting, **made.gathered})


def waiting(found: Step) -> tuple[Transition, ...]:
    return pending(found.subjects, found.state, found.policy)


def by(found: Step, *people: str, **changes: Any) -> Step:
    """The same with approvals of all its transitions."""
    evidence = [
        Evidence(name=f"{number} {who}", envelope={"of": who}, transitions=waiting(found),
                 key=KEYS[who].fingerprint if who in KEYS else None, **changes)
        for number, who in enumerate(people)
    ]  # fmt: skip
    return replace(found, evidence=[*found.evidence, *evidence])


def decide(found: Step) -> Decision:
    (decision,) = judge(found)
    return decision


def refusal(found: Step) -> tuple[Reason, str]:
    decision = decide(found)
    assert not decision.approved
    return decision.reason, decision.detail


def hands(*people: str, **changes: Any) -> dict[Target, Pending]:
    return {CHURN: Pending(target=CHURN, contributors=people, **changes)}


# -- people --------------------------------------------------------------------------------------


def ruled(*rules: Rule, **changes: Any) -> Policy:
    return replace(RULED, rules=rules, **changes)


def under(policy: Policy, *people: str, **changes: Any) -> Step:
    found = step(policy=policy)
    instance = replace(found.instance, policy=policy)
    state = LedgerState(policy=policy_subject(policy))
    return by(step(policy=policy, instance=instance, state=state), *people, **changes)


def test_an_owner_is_one_for_their_own_model_only() -> None:
    rule = Rule(approvals={"owner": 1})
    assert decide(under(ruled(rule, owners={"churn": ("ravi",)}), "ravi")).approved
    others = ruled(rule, owners={"churn": ("mei",), "demand": ("ravi",)})
    assert refusal(under(others, "ravi"))[0] == Reason.APPROVALS_MISSING


def test_a_tier_can_demand_the_approvers_own_signature() -> None:
    attested: dict[str, Any] = {"kind": "attested-by-collector"}
    strict = ruled(Rule(approvals={"reviewer": 1}, signed=True))
    assert decide(under(ruled(Rule(approvals={"reviewer": 1})), "ravi", **attested)).approved
    reason, detail = refusal(under(strict, "ravi", **attested))
    assert (reason, "own signatures" in detail) == (Reason.SIGNATURE_REQUIRED, True)
    assert decide(under(strict, "ravi")).approved


def test_a_revoked_key_does_not_count_though_it_is_listed() -> None:
    revoked = ruled(Rule(approvals={"reviewer": 1}), revoked=(KEYS["ravi"].text,))
    assert refusal(under(revoked, "ravi"))[0] == Reason.KEY_UNKNOWN


def test_who_is_entitled_and_had_no_hand_in_it_approves() -> None:
    decision = decide(by(step(gathered=hands("dana", risk="low")), "ravi"))
    assert (decision.approved, decision.reason, decision.detail, decision.action) == (
        True,
        "approved",
        "",
        "deploy",
    )
    assert [(each.person, each.key) for each in decision.approvals] == [("ravi", KEYS["ravi"].fingerprint)]
    assert (decision.contributors, decision.missing, decision.risk, decision.declared) == (
        ("dana",),
        {},
        "low",
        "high",
    )
    assert decision.release is not None
    assert decision.release.label == "churn@1"


def test_nothing_waits_where_nothing_changed() -> None:
    release = record("churn", verdicts=PASSED)
    assert judge(step(state=state_of(wanted(CHURN, release)))) == ()


def test_without_approval_the_missing_places_are_named() -> None:
    found = decide(step())
    assert (found.reason, found.missing) == (Reason.APPROVALS_MISSING, {"reviewer": 1})
    assert found.detail == "approvals are missing; needed: 1 reviewer"


def test_a_second_approval_and_a_second_key_of_one_person_count_once() -> None:
    twice = replace(PEOPLE["ravi"], keys=(Key(key=KEYS["ravi"].text), Key(key=KEYS["spare"].text)))
    policy = replace(RULED, people={**PEOPLE, "ravi": twice}, rules=(Rule(approvals={"reviewer": 2}),))
    found = by(
        step(policy=policy, state=replace(state_of(), policy=policy_subject(RULED))),
        "ravi",
        "ravi",
        "spare",
    )
    decision = decide(found)
    assert (decision.reason, decision.missing) == (Reason.APPROVALS_MISSING, {"reviewer": 1})
    assert [each.person for each in decision.approvals] == ["ravi"]


def test_a_role_that_is_not_asked_for_does_not_count() -> None:
    people = {**PEOPLE, "eve": member("eve", "reader")}
    policy = replace(RULED, people=people)
    decision = decide(by(step(policy=policy), "eve"))
    assert (decision.reason, decision.approvals) == (Reason.APPROVALS_MISSING, ())


@pytest.mark.parametrize(
    ("who", "reason", "said"),
    [("dana", Reason.SELF_APPROVAL, "dana"), ("bot", Reason.KEY_UNKNOWN, "nobody"), ("eve",
    Reason.KEY_UNKNOWN, "nobody"),
     ("nobody", Reason.SIGNATURE_INVALID, "does not hold")],
)  # fmt: skip
def test_what_does_not_count_says_why(who: str, reason: Reason, said: str) -> None:
    found, detail = refusal(by(step(gathered=hands("dana")), who))
    assert found == reason
    assert said in detail
    assert decide(by(step(gathered=hands("dana")), who, "ravi")).approved


def test_the_most_telling_reason_is_given() -> None:
    assert refusal(by(step(gathered=hands("dana")), "nobody", "eve", "dana"))[0] == Reason.SELF_APPROVAL
    assert refusal(by(step(), "eve", "nobody"))[0] == Reason.SIGNATURE_INVALID


def test_an_example_key_does_not_count_beyond_the_local_forge() -> None:
    people = {**PEOPLE, "ravi": member("ravi", "reviewer", insecure_example=True)}
    policy = replace(RULED, people=people, forge="github")
    assert refusal(by(step(policy=policy), "ravi"))[0] == Reason.KEY_INSECURE
    local = replace(policy, forge="local")
    assert decide(by(step(policy=local), "ravi")).approved


@pytest.mark.parametrize(
    "people",
    [
        {"ravi": replace(PEOPLE["ravi"], keys=())},
        {"ravi": replace(PEOPLE["ravi"], bot=True)},
        {"ravi": replace(PEOPLE["ravi"], keys=()), "mei": replace(PEOPLE["mei"], keys=PEOPLE["ravi"].keys)},
    ],
    ids=["removed", "a bot", "somebody else's"],
)
def test_a_key_that_a_later_policy_takes_away_does_not_count(people: dict[str, Member]) -> None:
    later = replace(RULED, people={**PEOPLE, **people})
    assert refusal(by(step(later=(later,)), "ravi"))[0] == Reason.KEY_UNKNOWN


def test_commits_that_nobody_known_has_signed_stop_everything() -> None:
    gathered = hands("eve@x.example", unproven=tuple(f"{n}" * 40 for n in range(5)))
    decision = decide(by(step(gathered=gathered), "ravi"))
    assert decision.reason == Reason.AUTHOR_UNPROVEN
    assert decision.detail.endswith("000000000000, 111111111111, 222222222222")
    assert [each.person for each in decision.approvals] == ["ravi"]


def test_what_no_rule_speaks_of_is_denied() -> None:
    policy = replace(RULED, rules=(Rule(environments=("production",), approvals={"reviewer": 1}),))
    found = by(step(policy=policy), "ravi")
    assert refusal(found) == (Reason.NO_RULE, "no rule of the policy speaks of staging/churn")


@pytest.mark.parametrize(
    ("change", "ran", "reason"),
    [
        ({"after": OLD}, frozenset(), Reason.STALE_APPROVAL),
        ({"since": 9}, frozenset(), Reason.STALE_APPROVAL),
        ({"since": 9, "after": OLD}, frozenset({OLD}), Reason.APPROVALS_MISSING),
        ({"since": 9, "after": None, "before": OLD}, frozenset(), Reason.APPROVALS_MISSING),
        ({"after": OLD}, frozenset({OLD}), Reason.STALE_APPROVAL),
        ({"model": "fraud"}, frozenset(), Reason.APPROVALS_MISSING),
        ({"branch": "next"}, frozenset(), Reason.APPROVALS_MISSING),
        ({"repository": "local/other"}, frozenset(), Reason.APPROVALS_MISSING),
    ],
    ids=str,
)
def test_an_approval_of_something_else_is_stale_or_no_matter(
    change: dict[str, Any], ran: frozenset[str], reason: Reason
) -> None:
    found = step(state=state_of(subjects={CHURN: ran}))
    (transition,) = waiting(found)
    other = Evidence(
        name="x", envelope={}, transitions=(replace(transition, **change),), key=KEYS["ravi"].fingerprint
    )
    assert refusal(replace(found, evidence=[other]))[0] == reason


# -- evidence ------------------------------------------------------------------------------------


def other_release(found: Step, *releases: Release) -> Step:
    instance = replace(found.instance, releases={"churn": {each.number: each for each in releases}})
    return replace(found, instance=instance)


def test_a_record_that_is_absent_or_edited_runs_nowhere() -> None:
    found = by(step(), "ravi")
    release = record("churn", verdicts=PASSED)
    edited = replace(release, verdicts=())
    for each in ((), (edited,), (replace(edited, digest=edited.computed_digest()),)):
        assert refusal(other_release(found, *each))[0] == Reason.RELEASE_INVALID
    none = replace(found, instance=replace(found.instance, releases={}))
    assert refusal(none)[0] == Reason.RELEASE_INVALID


def test_an_artifact_that_was_not_published_runs_nowhere() -> None:
    reason, detail = refusal(by(step(present=lambda image: not image.endswith(ARTIFACT)), "ravi"))
    assert reason == Reason.ARTIFACT_ABSENT
    assert ARTIFACT in detail


def test_an_environment_that_comes_before_is_not_skipped() -> None:
    found = by(step(PRODUCTION), "ravi")
    assert refusal(found) == (
        Reason.NOT_PROMOTED,
        "churn@1 has not run in staging, which comes before production",
    )
    ran = LedgerState(policy=policy_subject(RULED), ran={CHURN: {1: record("churn", verdicts=PASSED).digest}})
    assert decide(replace(found, state=ran)).approved
    assert (
        refusal(replace(found, state=replace(ran, ran={CHURN: {2: "sha256:" + "b" * 64}})))[0]
        == Reason.NOT_PROMOTED
    )


def test_the_order_of_the_parent_counts_too() -> None:
    """Taking the order away and skipping it in one step is skipping it."""
    found = by(step(PRODUCTION), "ravi")
    free = replace(found.instance, environments={"production": STAGING})
    assert decide(replace(found, instance=free)).approved
    assert decide(replace(found, instance=free, parent=replace(free, environments={}))).approved
    assert refusal(replace(found, instance=free, parent=found.instance))[0] == Reason.NOT_PROMOTED


def test_what_runs_already_needs_no_promotion() -> None:
    release = record("churn", verdicts=PASSED)
    running = replace(wanted(PRODUCTION, release), subject=OLD)
    assert decide(by(step(PRODUCTION, state=state_of(running)), "ravi")).approved
    for other in (wanted(PRODUCTION, None), wanted(PRODUCTION, record("churn", 2))):
        found = by(step(PRODUCTION, state=state_of(replace(other, subject=OLD))), "ravi")
        assert refusal(found)[0] == Reason.NOT_PROMOTED


@pytest.mark.parametrize(
    ("verdicts", "in_force", "proposed", "reason"),
    [
        ((), (), (), Reason.GATE_INSUFFICIENT),
        (SOUND, (), (), Reason.GATE_INSUFFICIENT),
        (SOUND, (WAIVER,), (), None),
        (PASSED[1:], (WAIVER,), (), Reason.GATE_INSUFFICIENT),
        (FAILED, (), (), Reason.GATE_FAILED),
        (THIN, (), (), Reason.GATE_INSUFFICIENT),
        (FAILED, (), (WAIVER,), Reason.WAIVER_UNAPPROVED),
        (FAILED, (), (replace(WAIVER, model="fraud"),), Reason.GATE_FAILED),
        (FAILED, (replace(WAIVER, expires="2026-11-23"),), (WAIVER,), Reason.WAIVER_EXPIRED),
        (FAILED, (WAIVER,), (), None),
        (THIN, (WAIVER,), (), None),
        (PASSED, (WAIVER,), (), None),
    ],
)  # fmt: skip
def test_gates_block_unless_an_approved_waiver_covers_them(
    verdicts: tuple[Verdict, ...],
    in_force: tuple[Waiver, ...],
    proposed: tuple[Waiver, ...],
    reason: Reason | None,
) -> None:
    policy = replace(RULED, waivers=in_force)
    found = step(verdicts=verdicts, policy=policy)
    found = replace(found, instance=replace(found.instance, policy=replace(RULED, waivers=proposed)))
    found = replace(found, gathered={**found.gathered, POLICY_TARGET: Pending(target=POLICY_TARGET)})
    decision = {each.transition.target: each for each in judge(by(found, "ravi"))}[CHURN]
    assert decision.reason == (reason or Reason.APPROVED)
    assert decision.waivers == ((WAIVER,) if reason is None and verdicts != PASSED else ())


def test_a_number_that_ran_as_another_record_is_taken() -> None:
    """Whoever removes a release that ran and writes another under its number has it run nowhere."""
    ran = {CHURN: {1: "sha256:" + "b" * 64}}
    for target in (CHURN, PRODUCTION):
        found = by(step(target, state=state_of(ran=ran)), "ravi")
        reason, detail = refusal(found)
        assert (reason, "another record" in detail) == (Reason.RELEASE_INVALID, True)
    running = replace(wanted(CHURN, record("churn", looks=2)), subject=OLD)
    found = by(step(state=state_of(running, ran={CHURN: {1: record("churn", looks=2).digest}})), "ravi")
    assert refusal(found)[0] == Reason.RELEASE_INVALID
    elsewhere = {Target(environment="staging", model="fraud"): {1: OLD}}
    assert decide(by(step(state=state_of(ran=elsewhere)), "ravi")).approved


def test_a_verdict_that_its_numbers_do_not_give_is_not_believed() -> None:
    lying = (replace(PASSED[0], value=0.5), *PASSED[1:])
    found = by(step(verdicts=lying), "ravi")
    assert refusal(found)[0] == Reason.RELEASE_INVALID
    low = (replace(PASSED[0], bound=0.1), *PASSED[1:])
    reason, detail = refusal(by(step(verdicts=low), "ravi"))
    assert (reason, "quality.roc_auc" in detail) == (Reason.RELEASE_INVALID, True)


def test_what_ran_is_not_held_against_gates_that_were_declared_since() -> None:
    release = record("churn", verdicts=SOUND)
    ran = {CHURN: {1: release.digest}}
    assert decide(by(step(verdicts=SOUND, state=state_of(ran=ran)), "ravi")).approved
    silent = record("churn", verdicts=PASSED[:1])
    found = by(step(verdicts=PASSED[:1], state=state_of(ran={CHURN: {1: silent.digest}})), "ravi")
    assert refusal(found)[0] == Reason.GATE_INSUFFICIENT


COMPARING = replace(
    SIZED, gates=replace(SIZED.gates, non_inferiority=NonInferiorityGate(metric="roc_auc", margin=0.02))
)
UNCOMPARED = fleets.record(
    "churn", 2, training_slice=training_slice(COMPARING, {}, 0), verdicts=PASSED, artifact=fleets.OTHER
)
RUNNING = wanted(PRODUCTION, record("churn", verdicts=PASSED))


def compared(**changes: Any) -> Step:
    """A step that deploys a record that was compared with nothing, where that gate is declared."""
    environments = {"staging": STAGING, "production": PLAIN}
    instance = replace(fleet({"churn": COMPARING}, environments), policy=RULED)
    fields: dict[str, Any] = {
        "instance": replace(instance, releases={"churn": {2: UNCOMPARED}}),
        "wanted": {CHURN: wanted(CHURN, UNCOMPARED), PRODUCTION: RUNNING},
        "state": state_of(RUNNING),
    }
    return by(step(**{**fields, **changes}), "ravi")


def test_what_was_compared_with_nothing_while_another_release_runs_is_insufficient() -> None:
    reason, detail = refusal(compared())
    assert (reason, "non_inferiority.roc_auc" in detail) == (Reason.GATE_INSUFFICIENT, True)
    waiver = replace(WAIVER, gate="non_inferiority.roc_auc")
    decision = decide(compared(policy=replace(RULED, waivers=(waiver,))))
    assert (decision.approved, decision.waivers) == (True, (waiver,))


def test_what_has_nothing_to_be_compared_with_or_ran_before_needs_no_comparison() -> None:
    other = Target(environment="staging", model="fraud")
    for running in ((), (wanted(other, record("fraud")),), (replace(RUNNING, release=None),)):
        asked = {each.target: each for each in (*running, wanted(CHURN, UNCOMPARED))}
        found = compared(state=state_of(*running), wanted=asked)
        assert decide(found).approved
    assert decide(compared(state=state_of(RUNNING, ran={CHURN: {2: UNCOMPARED.digest}}))).approved


def test_before_comparisons_were_asked_for_none_was() -> None:
    assert decide(compared(judging=COMPARISON - 1)).approved


NO_WORSE = Verdict(
    gate="non_inferiority.roc_auc", outcome="pass", value=0.01, bound=0.02, interval=(-0.01, 0.03)
)


def against(named: Release, **changes: Any) -> Step:
    """A step that deploys a record that says it is no worse than another one, while churn@1 runs in
    production.
    """
    baseline = Baseline(
        release=named.ref.label, artifact=named.artifact, difference=0.01, interval=(-0.01, 0.03)
    )
    made = replace(UNCOMPARED, verdicts=(*PASSED, NO_WORSE), baseline=baseline).closed()
    fields: dict[str, Any] = {
        "wanted": {CHURN: wanted(CHURN, made), PRODUCTION: RUNNING},
        "instance": replace(compared().instance, releases={"churn": {2: made}}),
    }
    return compared(**{**fields, **changes})


OURS = record("churn", verdicts=PASSED)
WEAK = replace(OURS, number=9, artifact="sha256:" + "9" * 64)
DISGUISED = {
    "an old weak one": WEAK,
    "under another's name": replace(WEAK, number=1),
    "a name that never ran": replace(OURS, number=9),
}


def test_a_comparison_with_what_runs_counts() -> None:
    assert decide(against(OURS)).approved


@pytest.mark.parametrize("name", DISGUISED)
def test_a_comparison_with_what_nobody_runs_is_insufficient(name: str) -> None:
    reason, detail = refusal(against(DISGUISED[name]))
    assert (reason, "non_inferiority.roc_auc" in detail) == (Reason.GATE_INSUFFICIENT, True)
    waiver = replace(WAIVER, gate="non_inferiority.roc_auc")
    decision = decide(against(DISGUISED[name], policy=replace(RULED, waivers=(waiver,))))
    assert (decision.approved, decision.waivers) == (True, (waiver,))
    assert decide(against(DISGUISED[name], judging=AGAINST - 1)).approved


def test_what_runs_farthest_along_is_compared_with_whatever_the_same_change_says_of_the_way() -> None:
    """A weak release runs in a side room; whoever leads the way there would compare with that."""
    aside = wanted(Target(environment="sandbox", model="churn"), WEAK)
    asked = {each.target: each for each in (against(WEAK).wanted[CHURN], RUNNING, aside)}
    made = against(WEAK, state=state_of(RUNNING, aside), wanted=asked)
    way = {"staging": None, "production": "staging"}

    def led(to: str) -> Instance:
        ways = {**way, "sandbox": to}.items()
        found = {name: replace(PLAIN, promotes_from=before) for name, before in ways}
        return replace(made.instance, environments=found)

    beside, behind = led("nowhere"), led("production")
    for parent, instance in ((beside, beside), (beside, behind), (behind, beside)):
        assert refusal(replace(made, parent=parent, instance=instance))[0] == Reason.GATE_INSUFFICIENT
    assert decide(replace(made, parent=behind, instance=behind)).approved
    none = replace(beside, environments={})
    assert refusal(replace(made, parent=none, instance=beside))[0] == Reason.GATE_INSUFFICIENT


def test_a_record_that_ran_is_not_held_against_what_runs_since() -> None:
    made = against(WEAK)
    digest = made.instance.releases["churn"][2].digest
    assert decide(replace(made, state=state_of(RUNNING, ran={CHURN: {2: digest}}))).approved


def test_what_was_made_of_another_declaration_runs_nowhere_at_first() -> None:
    found = by(step(), "ravi")
    other = replace(found.instance, models=fleet({"churn": SPEC}, {"staging": STAGING}).models)
    found = replace(found, instance=other)
    assert refusal(found)[0] == Reason.RELEASE_INVALID


def test_evidence_weighs_before_people() -> None:
    assert refusal(step(verdicts=FAILED)) == (
        Reason.GATE_FAILED,
        "the gate size failed and no waiver covers it",
    )
    assert refusal(step(verdicts=THIN))[1].startswith("the gate size has insufficient evidence and no waiver")
    assert decide(step(verdicts=FAILED)).missing == {"reviewer": 1}


# -- policies ------------------------------------------------------------------------------------


def changed(policy: Policy, /, **changes: Any) -> Step:
    found = step(**changes)
    found = replace(found, instance=replace(found.instance, policy=policy))
    return replace(found, gathered={**found.gathered, POLICY_TARGET: Pending(target=POLICY_TARGET)})


def test_a_policy_is_judged_by_the_one_before_it() -> None:
    lax = replace(RULED, rules=(), changes={"reviewer": 1})
    found = changed(lax)
    policy, churn = judge(by(found, "ravi"))
    assert (policy.action, policy.reason, policy.missing) == (
        "policy",
        Reason.APPROVALS_MISSING,
        {"officer": 1},
    )
    assert (policy.release, policy.intent, policy.files, policy.declared) == (None, None, None, None)
    assert churn.approved
    assert all(each.approved for each in judge(by(found, "mei")))


def test_a_waiver_counts_with_the_policy_change_that_brings_it() -> None:
    found = changed(replace(RULED, waivers=(WAIVER,)), verdicts=FAILED)
    assert [each.reason for each in judge(by(found, "ravi"))] == ["approvals-missing", "waiver-unapproved"]
    policy, churn = judge(by(found, "mei"))
    assert (policy.approved, churn.approved, churn.waivers) == (True, True, (WAIVER,))


def test_a_waiver_goes_with_the_policy_change_that_takes_it() -> None:
    with_waiver = replace(RULED, waivers=(WAIVER,))
    state = replace(state_of(), policy=policy_subject(with_waiver))
    found = changed(RULED, verdicts=FAILED, policy=with_waiver, state=state)
    assert [each.reason for each in judge(by(found, "mei"))] == ["approved", "gate-failed"]


# -- what a transition amounts to ------------------------------------------------------------------


def test_retiring_needs_people_and_no_evidence() -> None:
    running = wanted(CHURN, record("churn", verdicts=()))
    found = step(wanted={}, state=state_of(running))
    assert decide(found).action == "retire"
    assert refusal(found)[0] == Reason.APPROVALS_MISSING
    decision = decide(by(found, "ravi"))
    assert (decision.approved, decision.intent, decision.declared) == (True, None, None)


def test_what_an_environment_shares_needs_people_and_no_release() -> None:
    found = step(wanted={SHARED_TARGET: wanted(SHARED_TARGET, None)})
    assert refusal(found)[0] == Reason.APPROVALS_MISSING
    assert decide(by(found, "ravi")).approved


def test_going_back_is_a_rollback_only_to_another_release_that_ran() -> None:
    first, second = record("churn", verdicts=PASSED), record("churn", 2, verdicts=PASSED)
    one, two = wanted(CHURN, first), wanted(CHURN, second)
    ran = {CHURN: frozenset({one.subject, two.subject, OLD})}
    lax = replace(RULED, rollback={"officer": 1})
    options: dict[str, Any] = {"policy": lax}
    back = step(state=state_of(two, subjects=ran), **options)
    assert [action_of(each, back) for each in waiting(back)] == ["rollback"]
    assert decide(back).missing == {"officer": 1}
    ahead = step(state=state_of(two), **options)
    assert [action_of(each, ahead) for each in waiting(ahead)] == ["change"]
    same = step(state=state_of(replace(one, subject=OLD), subjects=ran), **options)
    assert [action_of(each, same) for each in waiting(same)] == ["change"]
    forth = step(state=state_of(one, subjects=ran), wanted={CHURN: two}, **options)
    assert [action_of(each, forth) for each in waiting(forth)] == ["change"]
    before = replace(forth, judging=BACKWARDS - 1)
    assert [action_of(each, before) for each in waiting(before)] == ["rollback"]
    bare = step(state=state_of(replace(two, release=None), subjects=ran), **options)
    assert [action_of(each, bare) for each in waiting(bare)] == ["change"]


HERE, THERE = "ml-staging", "ml-moved"


def placed(target: Target, namespace: str) -> Desired:
    """What runs or is wanted in a namespace: a release of a model, or what an environment shares."""
    release = None if target == SHARED_TARGET else record("churn", verdicts=PASSED)
    found = wanted(target, release)
    return replace(found, namespace=namespace, subject=f"{found.subject} in {namespace}")


def moving(*there: Target, **changes: Any) -> dict[str, tuple[bool, str]]:
    """Verdicts where churn and what staging shares run, `there` is wanted elsewhere and ravi approves all
    but churn's owner's place."""
    rules = (
        Rule(approvals={"reviewer": 1}),
        Rule(models=("churn",), approvals={"reviewer": 1, "officer": 1}),
    )
    asked = {each: placed(each, THERE) for each in there}
    running = [placed(SHARED_TARGET, HERE), placed(CHURN, HERE)]
    state = LedgerState(
        deployed={
            each.target: Deployed(target=each.target, subject=each.subject, intent="", files="f",
                                  release=each.release, since=1, source="s", namespace=each.namespace)
            for each in running
        },
        policy=policy_subject(replace(RULED, rules=rules)),
        ran={CHURN: {1: record("churn", verdicts=PASSED).digest}},
    )  # fmt: skip
    people = changes.pop("people", ("ravi",))
    fields = {"state": state, "wanted": asked, "policy": replace(RULED, rules=rules), **changes}
    found = step(**fields)
    instance = replace(found.instance, policy=replace(RULED, rules=rules))
    decisions = judge(by(replace(found, instance=instance), *people))
    return {each.transition.model: (each.approved, each.reason) for each in decisions}


def test_an_environment_moves_to_another_namespace_as_a_whole() -> None:
    missing = (False, Reason.APPROVALS_MISSING)
    assert moving(SHARED_TARGET, CHURN) == {SHARED: missing, "churn": missing}
    both = {SHARED: (True, Reason.APPROVED), "churn": (True, Reason.APPROVED)}
    assert moving(SHARED_TARGET, CHURN, people=("ravi", "mei")) == both
    alone = moving(SHARED_TARGET, CHURN, judging=TOGETHER - 1)
    assert alone == {SHARED: (True, Reason.APPROVED), "churn": missing}


def test_what_guards_a_model_goes_only_with_it() -> None:
    missing = (False, Reason.APPROVALS_MISSING)
    assert moving() == {SHARED: missing, "churn": missing}
    assert {each for each, _ in moving(people=("ravi", "mei")).values()} == {True}


def test_a_model_does_not_move_without_what_guards_it() -> None:
    unproven = {SHARED_TARGET: Pending(target=SHARED_TARGET, unproven=("c" * 40,))}
    found = moving(SHARED_TARGET, CHURN, people=("ravi", "mei"), gathered=unproven)
    assert found == dict.fromkeys((SHARED, "churn"), (False, Reason.AUTHOR_UNPROVEN))


def test_what_nobody_asked_to_move_keeps_the_rest_where_it_is() -> None:
    asked = {CHURN: placed(CHURN, HERE), SHARED_TARGET: placed(SHARED_TARGET, THERE)}
    assert moving(wanted=asked) == {SHARED: (False, Reason.APPROVALS_MISSING)}


def test_a_step_without_a_readable_parent_is_judged_all_the_same() -> None:
    instance: Instance = step().instance
    assert decide(by(step(parent=instance), "ravi")).approved
