"""The verdict on each transition of one step: by evidence, by people, by the policy before it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ordain.core.approvals.approval import POLICY_TARGET, pending
from ordain.core.approvals.merits import merits
from ordain.core.approvals.moves import together
from ordain.core.approvals.quorum import declared_risk, once, required, roles_of, signed_only, unfilled
from ordain.core.approvals.step import Refusal, Step
from ordain.core.approvals.voices import Hearing, name_of
from ordain.core.decisions import Action, Approval, Decision, Pending
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Waiver
from ordain.core.specs.identity import ReleaseRef, Transition

# Version of the rules since which a rollback leads to an older release.
BACKWARDS = 4
# The most telling reason first, where several approvals failed to count.
_PEOPLE = (
    Reason.SELF_APPROVAL,
    Reason.SIGNATURE_INVALID,
    Reason.SIGNATURE_REQUIRED,
    Reason.KEY_INSECURE,
    Reason.KEY_UNKNOWN,
    Reason.FORGE_UNSAFE,
    Reason.ACCOUNT_UNKNOWN,
    Reason.STALE_APPROVAL,
)
_SAID = {
    Reason.SELF_APPROVAL: "whoever contributed can't approve: {people}",
    Reason.SIGNATURE_INVALID: "an approval's signature does not hold",
    Reason.SIGNATURE_REQUIRED: "only approvers' own signatures count here, and a forge's review is none",
    Reason.KEY_INSECURE: "an approval was signed with an openly insecure example key",
    Reason.KEY_UNKNOWN: "an approval was signed with a key that speaks for nobody in the policy",
    Reason.FORGE_UNSAFE: "settings of the forge, or what it does not show, unbind the reviews: {people}",
    Reason.ACCOUNT_UNKNOWN: "a review is by an account that speaks for nobody in the policy: {people}",
    Reason.STALE_APPROVAL: "what was approved is another transition of this target; look again and approve",
    Reason.APPROVALS_MISSING: "approvals are missing",
}


def judge(step: Step) -> tuple[Decision, ...]:
    """One decision for each transition of a step, the policy first, then by target."""
    decisions: list[Decision] = []
    waivers = step.policy.waivers
    for transition in pending(step.subjects, step.state, step.policy):
        decision = _decide(step, transition, waivers)
        if decision.action == "policy" and decision.approved:
            waivers = step.instance.policy.waivers
            # What this step takes away is gone for everything else that it brings.
            step = replace(step, later=(step.instance.policy, *step.later))
        decisions.append(decision)
    return together(step, decisions)


def action_of(transition: Transition, step: Step) -> Action:
    """What a transition amounts to; a rollback leads to exactly what ran there before, of an older one."""
    if transition.target == POLICY_TARGET:
        return "policy"
    if transition.before is None:
        return "deploy"
    if transition.after is None:
        return "retire"
    running, wanted = step.state.deployed[transition.target], step.wanted[transition.target]
    back = transition.after in step.state.subjects.get(transition.target, frozenset())
    return "rollback" if back and _is_older(wanted.release, running.release, step.judging) else "change"


def _is_older(wanted: ReleaseRef | None, running: ReleaseRef | None, judging: int) -> bool:
    """Whether a release comes before another one: forth again to what was withdrawn is no way back."""
    if judging < BACKWARDS:
        return wanted != running
    return wanted is not None and running is not None and wanted.number < running.number


def _decide(step: Step, transition: Transition, waivers: Sequence[Waiver]) -> Decision:
    target = transition.target
    wanted, gathered = step.wanted.get(target), step.gathered[target]
    action = action_of(transition, step)
    used, refusal = merits(step, wanted, waivers) if wanted else ((), None)
    approvals, people = _people(step, transition, action, gathered)
    refusal = refusal or people
    return Decision(
        transition=transition,
        action=action,
        approved=refusal is None,
        reason=refusal.reason if refusal else Reason.APPROVED,
        detail=refusal.detail if refusal else "",
        contributors=gathered.contributors,
        approvals=approvals,
        missing=people.missing if people else {},
        waivers=used,
        release=wanted.release if wanted else None,
        intent=wanted.intent if wanted else None,
        files=wanted.files_digest if wanted else None,
        risk=gathered.risk,
        declared=declared_risk(step.instance, target) if wanted else None,
        namespace=wanted.namespace if wanted else None,
        images=wanted.images if wanted else (),
    )


def _people(
    step: Step, transition: Transition, action: Action, gathered: Pending
) -> tuple[tuple[Approval, ...], Refusal | None]:
    """The approvals that count, and what is wrong or missing, if anything."""
    own = signed_only(step.policy, transition.target, action, gathered.risk)
    counted, faults = _voices(step, transition, gathered, own=own)
    needed = required(step.policy, transition.target, action, gathered.risk)
    if needed is None:
        detail = f"no rule of the policy speaks of {transition.target.label}"
        return (), Refusal(reason=Reason.NO_RULE, detail=detail)
    roles = {person: roles_of(step.policy, person, transition.target) for person in counted}
    useful = {person: held & set(needed) for person, held in roles.items()}
    cited, people = once(useful, step.names)
    approvals = tuple(counted[name] for name in cited)
    missing = unfilled(needed, people)
    if gathered.unproven:
        commits = ", ".join(each[:12] for each in gathered.unproven[:3])
        detail = f"not signed by a known key, or made by somebody whom the policy does not know: {commits}"
        return approvals, Refusal(reason=Reason.AUTHOR_UNPROVEN, detail=detail, missing=missing)
    if missing:
        reason = next((each for each in _PEOPLE if each in faults), Reason.APPROVALS_MISSING)
        lacking = ", ".join(f"{count} {role}" for role, count in missing.items())
        said = _SAID[reason].format(people=", ".join(sorted(faults.get(reason, ()))))
        return approvals, Refusal(reason=reason, detail=f"{said}; needed: {lacking}", missing=missing)
    return approvals, None


def _voices(
    step: Step, transition: Transition, gathered: Pending, *, own: bool
) -> tuple[dict[str, Approval], dict[Reason, set[str]]]:
    """Approvals of this very transition by person, and why others do not count.

    Args:
        own: whether nothing but approvers' own signatures counts.
    """
    hearing = Hearing(step.policy, step.later, step.revoked, step.first)
    ran = step.state.subjects.get(transition.target, frozenset())
    counted: dict[str, Approval] = {}
    faults: dict[Reason, set[str]] = {}
    for each in sorted(step.evidence, key=lambda found: found.name):
        if not each.covers(transition):
            if any(_stale(other, transition, ran) for other in each.transitions):
                faults.setdefault(Reason.STALE_APPROVAL, set())
            continue
        if each.key is None:
            faults.setdefault(Reason.SIGNATURE_INVALID, set())
            continue
        if each.unsafe:
            faults.setdefault(Reason.FORGE_UNSAFE, set()).update(each.unsafe)
            continue
        person, fault = hearing.speaker(each)
        if fault is None and person in gathered.contributors:
            fault = Reason.SELF_APPROVAL
        if fault is None and own and each.kind != "signed-by-approver":
            fault = Reason.SIGNATURE_REQUIRED
        if fault is not None or person is None:
            faults.setdefault(fault or Reason.KEY_UNKNOWN, set()).add(person or name_of(each))
        elif person not in counted:
            counted[person] = Approval(person=person, kind=each.kind, key=each.key, envelope=each.envelope)
    return counted, faults


def _stale(other: Transition, transition: Transition, ran: frozenset[str]) -> bool:
    """Whether an approval was meant for this target and came to nothing, or is used a second time.

    Args:
        ran: every subject that ran there; an approval that led to one of them has done its work.
    """
    if (other.repository, other.branch, other.target) != (
        transition.repository, transition.branch, transition.target,
    ):  # fmt: skip
        return False
    again = (other.before, other.after) == (transition.before, transition.after)
    unspent = other.after is not None and other.after not in ran
    return again or unspent or other.since == transition.since
