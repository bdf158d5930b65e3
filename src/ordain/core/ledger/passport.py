"""The passport: from what a pod says of itself to why it may run.

The chain is followed link by link: intent, ledger entry, release record, gates, data, approvals,
contributors, merge. A link whose bytes are not in this clone is named as absent; a link that
contradicts another is an error.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from ordain.core.decisions import Action, Approval, Decision, EvidenceKind
from ordain.core.gating.release import Release
from ordain.core.git.commits import Commit
from ordain.core.ledger.question import Found
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Policy, Waiver
from ordain.core.specs.identity import ReleaseRef, Target
from ordain.core.value import Value


class Merge(Value, frozen=True, kw_only=True):
    """The judged commit as Git describes it.

    Attributes:
        author, committer: as the commit says. time: the committer's clock, ISO 8601 UTC, which proves
            nothing; empty when it is no date.
        signer: fingerprint of the key that provably signed it; None when none did.
    """

    id: str
    subject: str
    author: str
    committer: str
    time: str
    parents: tuple[str, ...] = ()
    signer: str | None = None


class Witness(Value, frozen=True, kw_only=True):
    """One approval. `name` and `roles` are those of the policy that judged; None when it is not here."""

    person: str
    kind: EvidenceKind
    key: str
    name: str | None = None
    roles: tuple[str, ...] = ()


class LedgerRef(Value, frozen=True, kw_only=True):
    """Where the ledger says so."""

    sequence: int
    digest: str
    previous: str | None
    observed: str
    source: str
    collector: str
    policy: str


class Passport(Value, frozen=True, kw_only=True):
    """Everything that led to one thing running.

    Attributes:
        current: whether it is what the ledger says runs now; `until` when it stopped.
        candidate: the champion's declared parameters, where the declaration is in this clone.
        absent: what is not in this clone, one sentence each; never a sign of tampering by itself.
    """

    version: Literal[1] = 1
    target: Target
    action: Action
    current: bool
    until: str | None
    intent: str | None
    files: str | None
    entry: LedgerRef
    ref: ReleaseRef | None
    release: Release | None
    candidate: dict[str, Any] | None
    waivers: tuple[Waiver, ...]
    approvals: tuple[Witness, ...]
    contributors: tuple[str, ...]
    merge: Merge | None
    reason: Reason
    absent: tuple[str, ...] = ()


class Evidence(Value, frozen=True, kw_only=True):
    """What this clone holds about the decision; None where it holds nothing.

    Attributes:
        collector: fingerprint of the key that signed the entry.
        policy: the one that judged. candidate: the champion's declaration. artifact: whether the bytes
            are in the store.
    """

    collector: str
    release: Release | None = None
    candidate: dict[str, Any] | None = None
    policy: Policy | None = None
    merge: Merge | None = None
    artifact: bool = False


def passport(found: Found, evidence: Evidence) -> Passport:
    """The passport of a decision, from what this clone holds."""
    entry, decision = found.entry, found.decision
    return Passport(
        target=decision.transition.target,
        action=decision.action,
        current=found.until is None,
        until=found.until,
        intent=decision.intent,
        files=decision.files,
        entry=LedgerRef(
            sequence=entry.sequence,
            digest=found.digest,
            previous=entry.previous,
            observed=entry.observed,
            source=entry.source,
            collector=evidence.collector,
            policy=entry.policy,
        ),
        ref=decision.release,
        release=evidence.release,
        candidate=evidence.candidate,
        waivers=decision.waivers,
        approvals=tuple(_witness(each, evidence.policy) for each in decision.approvals),
        contributors=decision.contributors,
        merge=evidence.merge,
        reason=decision.reason,
        absent=_absent(decision, evidence),
    )


def _witness(approval: Approval, policy: Policy | None) -> Witness:
    person = policy.people.get(approval.person) if policy else None
    return Witness(
        person=approval.person,
        kind=approval.kind,
        key=approval.key,
        name=person.name if person else None,
        roles=person.roles if person else (),
    )


def _absent(decision: Decision, evidence: Evidence) -> tuple[str, ...]:
    ref = decision.release
    missing = []
    if ref and evidence.release is None:
        missing.append(f"the record of {ref.label} ({ref.record}) is not in this clone")
    if ref and not evidence.artifact:
        missing.append(f"the bytes of the artifact {ref.artifact} are not in this clone's store")
    if evidence.release and evidence.candidate is None:
        missing.append("the declaration that the champion was trained from is not in this clone")
    if evidence.policy is None:
        missing.append("the policy that judged it is not in this clone")
    if evidence.merge is None:
        missing.append("the judged commit is not in this clone")
    return tuple(missing)


def merge_of(commit: Commit) -> Merge:
    """What a passport says of a commit."""
    key = commit.signer
    return Merge(
        id=commit.id,
        subject=commit.message.partition("\n")[0],
        author=commit.author.text,
        committer=commit.committer.text,
        time=_date(commit.time),
        parents=commit.parents,
        signer=key.fingerprint if key else None,
    )


def _date(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""
