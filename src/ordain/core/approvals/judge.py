"""The verdict on each transition of one step: by evidence, by people, by the policy before it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec.structs import replace

from ordain.core.approvals.approval import POLICY_TARGET, Evidence, pending, policy_subject
from ordain.core.approvals.quorum import declared_risk, required, roles_of, signed_only, unfilled
from ordain.core.approvals.voices import First, Hearing, name_of, unseen
from ordain.core.decisions import Action, Approval, Decision, LedgerState, Pending
from ordain.core.gating.release import Release
from ordain.core.gating.waivers import blocking
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import Desired
from ordain.core.specs.governance import Policy, Waiver
from ordain.core.specs.identity import ReleaseRef, Target, Transition, training_slice
from ordain.core.state.declared import Instance
from ordain.core.value import Value

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
_WHY = {
    Reason.WAIVER_EXPIRED: "its waiver has expired",
    Reason.WAIVER_UNAPPROVED: "its waiver is not approved",
    Reason.GATE_FAILED: "no waiver covers it",
    Reason.GATE_INSUFFICIENT: "no waiver covers it",
}


class Step(Value, frozen=True, kw_only=True):
    """All that one step is judged by.

    Attributes:
        instance, wanted: what the step declares, and what follows from it.
        parent: what its parent declared; None when that could not be read.
        state: the ledger before the step.
        policy: the one that judges: approved at or before the parent.
        later: policies that steps after this one bring to the branch, approved.
        revoked: fingerprints that any policy of the branch since the judging one revokes, approved or not.
        first: of approvals that the ledger has seen before, the policy in force then.
        gathered: by target, from `approval.gather`.
        evidence: every approval at hand.
        today: the day of observation, ISO 8601, UTC.
        present: whether an artifact was published, by the image that the cluster pulls.
    """

    instance: Instance
    wanted: Mapping[Target, Desired]
    parent: Instance | None
    state: LedgerState
    policy: Policy
    gathered: Mapping[Target, Pending]
    evidence: Sequence[Evidence]
    today: str
    present: Callable[[str], bool]
    later: Sequence[Policy] = ()
    revoked: Collection[str] = ()
    first: First = unseen

    @property
    def subjects(self) -> dict[Target, str]:
        """Every wanted subject, the policy's own included."""
        found = {target: each.subject for target, each in self.wanted.items()}
        return {**found, POLICY_TARGET: policy_subject(self.instance.policy)}


class _Refusal(Value, frozen=True, kw_only=True):
    """Why not, in one sentence."""

    reason: Reason
    detail: str
    missing: dict[str, int] = {}


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
    return tuple(decisions)


def action_of(transition: Transition, step: Step) -> Action:
    """What a transition amounts to; a rollback leads to exactly what ran there before."""
    if transition.target == POLICY_TARGET:
        return "policy"
    if transition.before is None:
        return "deploy"
    if transition.after is None:
        return "retire"
    running, wanted = step.state.deployed[transition.target], step.wanted[transition.target]
    back = transition.after in step.state.subjects.get(transition.target, frozenset())
    return "rollback" if back and running.release != wanted.release else "change"


def _decide(step: Step, transition: Transition, waivers: Sequence[Waiver]) -> Decision:
    target = transition.target
    wanted, gathered = step.wanted.get(target), step.gathered[target]
    action = action_of(transition, step)
    used, refusal = _evidence(step, wanted, waivers) if wanted else ((), None)
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


def _evidence(
    step: Step, wanted: Desired, waivers: Sequence[Waiver]
) -> tuple[tuple[Waiver, ...], _Refusal | None]:
    """The waivers that the wanted release rests on, or why it can't be deployed by anybody."""
    if wanted.release is None:
        return (), None
    ref, target = wanted.release, wanted.target
    release = step.instance.releases.get(ref.model, {}).get(ref.number)
    if release is None or not release.digest == release.computed_digest() == ref.record:
        detail = f"the record of {ref.label} is absent or was edited"
        return (), _Refusal(reason=Reason.RELEASE_INVALID, detail=detail)
    if wanted.artifact is None or not step.present(wanted.artifact):
        detail = f"the artifact of {ref.label} was not published: {ref.artifact}"
        return (), _Refusal(reason=Reason.ARTIFACT_ABSENT, detail=detail)
    if not (_ran(step, ref) or _as_declared(step.instance, release)):
        detail = f"{ref.model} is declared otherwise than {ref.label} was made and judged: release it again"
        return (), _Refusal(reason=Reason.RELEASE_INVALID, detail=detail)
    skipped = _skipped(step, target, ref.number)
    if skipped:
        detail = f"{ref.label} has not run in {skipped}, which comes before {target.environment}"
        return (), _Refusal(reason=Reason.NOT_PROMOTED, detail=detail)
    return _waived(step, release, waivers)


def _ran(step: Step, ref: ReleaseRef) -> bool:
    """Whether a release has run anywhere, so that it was held against its declaration then."""
    ran = (numbers for target, numbers in step.state.ran.items() if target.model == ref.model)
    return any(ref.number in numbers for numbers in ran)


def _as_declared(instance: Instance, release: Release) -> bool:
    """Whether the data, the candidates and the gates are those that a release was made of and judged by."""
    spec, candidates = instance.models.models.get(release.model), instance.params.candidates
    declared = spec and training_slice(spec, candidates.get(release.model, {}), instance.params.seed)
    return declared == release.training_slice


def _skipped(step: Step, target: Target, number: int) -> str | None:
    """The environment that a release should have run in first and has not, by state or parent."""
    running = step.state.deployed.get(target)
    if running and running.release and running.release.number == number:
        return None
    for instance in (step.parent, step.instance):
        environment = instance.environments.get(target.environment) if instance else None
        before = environment.promotes_from if environment else None
        if before and number not in step.state.ran.get(Target(environment=before, model=target.model), ()):
            return before
    return None


def _waived(
    step: Step, release: Release, waivers: Sequence[Waiver]
) -> tuple[tuple[Waiver, ...], _Refusal | None]:
    if not release.verdicts:
        detail = f"{release.model}@{release.number} carries no verdict of any gate"
        return (), _Refusal(reason=Reason.GATE_INSUFFICIENT, detail=detail)
    weighed = blocking(release.verdicts, waivers, release.model, step.today)
    if not weighed.blocked:
        return weighed.waivers, None
    first = weighed.blocked[0]
    gate, reason = first.verdict.gate, first.reason
    proposed = {(each.model, each.gate) for each in step.instance.policy.waivers}
    if first.expired is None and (release.model, gate) in proposed:
        reason = Reason.WAIVER_UNAPPROVED
    outcome = "failed" if first.verdict.outcome == "fail" else "has insufficient evidence"
    return (), _Refusal(reason=reason, detail=f"the gate {gate} {outcome} and {_WHY[reason]}")


def _people(
    step: Step, transition: Transition, action: Action, gathered: Pending
) -> tuple[tuple[Approval, ...], _Refusal | None]:
    """The approvals that count, and what is wrong or missing, if anything."""
    own = signed_only(step.policy, transition.target, action, gathered.risk)
    counted, faults = _voices(step, transition, gathered, own=own)
    needed = required(step.policy, transition.target, action, gathered.risk)
    if needed is None:
        detail = f"no rule of the policy speaks of {transition.target.label}"
        return (), _Refusal(reason=Reason.NO_RULE, detail=detail)
    roles = {person: roles_of(step.policy, person, transition.target) for person in counted}
    useful = {person: held for person, held in roles.items() if held & set(needed)}
    approvals = tuple(counted[person] for person in sorted(useful))
    missing = unfilled(needed, useful)
    if gathered.unproven:
        commits = ", ".join(each[:12] for each in gathered.unproven[:3])
        detail = f"not signed by a known key, or made by somebody whom the policy does not know: {commits}"
        return approvals, _Refusal(reason=Reason.AUTHOR_UNPROVEN, detail=detail, missing=missing)
    if missing:
        reason = next((each for each in _PEOPLE if each in faults), Reason.APPROVALS_MISSING)
        lacking = ", ".join(f"{count} {role}" for role, count in missing.items())
        said = _SAID[reason].format(people=", ".join(sorted(faults.get(reason, ()))))
        return approvals, _Refusal(reason=reason, detail=f"{said}; needed: {lacking}", missing=missing)
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
