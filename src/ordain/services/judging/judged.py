"""What judging a step gives: its decisions, and the ledger entry that records them."""

from __future__ import annotations

from msgspec import Struct

from ordain.core.approvals.approval import POLICY_TARGET, policy_subject
from ordain.core.approvals.attested import Attested
from ordain.core.decisions import Decision, Entry, LedgerState, Pending
from ordain.core.ledger.ledger import JUDGING
from ordain.core.rendering.render import RENDERER_VERSION
from ordain.core.specs.governance import Policy
from ordain.core.specs.identity import Target
from ordain.services.judging.states import Snapshot


class Judged(Struct, frozen=True, kw_only=True):
    """What came out for one step: every decision, those already on record included.

    Attributes:
        attested: what forges said of this step and of those since the last entry.
    """

    commit: str
    policy: Policy
    policy_source: str
    snapshot: Snapshot
    decisions: tuple[Decision, ...]
    pending: tuple[Pending, ...]
    attested: tuple[Attested, ...] = ()


def subjects(snapshot: Snapshot, fallback: Policy) -> dict[Target, str]:
    """What a commit wants to run, by target, the policy included.

    Args:
        fallback: the policy to assume where the commit's own can't be read.
    """
    policy = snapshot.instance.policy if snapshot.instance else fallback
    found = {target: each.subject for target, each in snapshot.wanted.items()}
    return {**found, POLICY_TARGET: policy_subject(policy)}


def fresh(judged: Judged, state: LedgerState) -> tuple[Decision, ...]:
    """The decisions that the ledger does not hold yet: a refusal is recorded once for each reason."""
    return tuple(
        each
        for each in judged.decisions
        if each.approved or (each.transition.id, each.reason.value) not in state.refused
    )


def entry_of(state: LedgerState, judged: Judged, now: str) -> Entry:
    """The ledger entry for a step, its manifests yet to be named."""
    decisions = sorted(fresh(judged, state), key=lambda each: each.transition.target)
    return Entry(
        sequence=state.sequence + 1,
        previous=state.head,
        repository=judged.policy.repository,
        branch=judged.policy.branch,
        source=judged.commit,
        policy=policy_subject(judged.policy),
        policy_source=judged.policy_source,
        renderer=RENDERER_VERSION,
        decisions=tuple(decisions),
        manifests="",
        observed=now,
        genesis=state.genesis or "",
        pending=judged.pending,
        requests=tuple(each.envelope for each in judged.attested),
        judging=JUDGING,
    )
