"""Approvals as evidence: what one covers, and which transitions wait for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from ordain.core.approvals.quorum import higher
from ordain.core.canonical import bytes_digest, digest
from ordain.core.decisions import EvidenceKind, LedgerState, Pending
from ordain.core.evidence import attestation
from ordain.core.people.request import ForgeName
from ordain.core.people.trust import Contribution
from ordain.core.specs.governance import POLICY, Policy, Risk
from ordain.core.specs.identity import Target, Transition, essence
from ordain.core.value import Value

POLICY_TARGET = Target(environment=POLICY, model=POLICY)
STATE_TARGET = Target(environment="_state", model="_state")
SIZE_LIMIT = 256 * 2**10


class Evidence(Value, frozen=True, kw_only=True):
    """One approval as it was found.

    Attributes:
        name: digest of its envelope as `attestation.to_bytes` writes it.
        key: fingerprint that provably signed; None when none did.
        transitions: what it covers, each with the id that its statement names.
        fault: why the signature does not hold; empty when it does.
        account: forge and login of the reviewer, where a collector attests a review; None otherwise.
        unsafe: settings by which the forge lets this approval outlive a change, by name.
    """

    name: str
    envelope: dict[str, Any]
    transitions: tuple[Transition, ...]
    key: str | None
    fault: str = ""
    kind: EvidenceKind = "signed-by-approver"
    account: tuple[ForgeName, str] | None = None
    unsafe: tuple[str, ...] = ()

    def covers(self, transition: Transition) -> bool:
        """Whether it accepts exactly this transition."""
        return any(each == transition for each in self.transitions)


class _Predicate(attestation.Strict, frozen=True, kw_only=True):
    """The predicate of `https://ordain.dev/approval/v1`."""

    repository: str
    branch: str
    revision: str
    transitions: tuple[Transition, ...]


def policy_subject(policy: Policy) -> str:
    """What a policy is called in a transition."""
    return _policy_subject(msgspec.json.encode(policy))


@lru_cache(maxsize=64)
def _policy_subject(policy: bytes) -> str:
    """By the policy's bytes: it is asked for at every step, and writing it down is ten times as fast."""
    return digest("policy/v1", essence(msgspec.json.decode(policy, type=Policy)))


def statement(transitions: Sequence[Transition], revision: str) -> dict[str, Any]:
    """The statement that an approver signs.

    Args:
        transitions: at least one, all of one repository and branch.
        revision: the commit that was looked at; for people, it proves nothing.

    Raises:
        ValueError: when there is no transition, two of one target, or two repositories or branches.
    """
    scopes = {(each.repository, each.branch) for each in transitions}
    if len(scopes) != 1:
        raise ValueError("an approval covers transitions of one repository and branch")
    ((repository, branch),) = scopes
    predicate = _Predicate(
        repository=repository,
        branch=branch,
        revision=revision,
        transitions=tuple(sorted(transitions, key=_order)),
    )
    subjects = {each.target.label: each.id for each in predicate.transitions}
    if len(subjects) != len(transitions):
        raise ValueError("an approval covers one transition of each target")
    return attestation.statement(attestation.APPROVAL_TYPE, subjects, msgspec.to_builtins(predicate))


def read(data: bytes) -> Evidence | None:
    """The approval in some bytes; None when they hold nothing that could be one.

    The transitions count by the ids computed here, and only where the statement names the same ids.
    """
    if len(data) > SIZE_LIMIT:
        return None
    try:
        content = attestation.peek(data)
        predicate = msgspec.convert(content.predicate, type=_Predicate)
        envelope = msgspec.json.decode(data)
    except (attestation.StatementError, msgspec.ValidationError):
        return None
    if content.predicate_type != attestation.APPROVAL_TYPE or not _consistent(content, predicate):
        return None
    key, fault = attestation.signer_of(data, attestation.APPROVAL_NAMESPACE)
    return Evidence(
        name=bytes_digest(attestation.to_bytes(envelope)),
        envelope=envelope,
        transitions=predicate.transitions,
        key=key,
        fault=fault,
    )


def _consistent(content: attestation.Statement, predicate: _Predicate) -> bool:
    scope = predicate.repository, predicate.branch
    named = {(each.name, f"sha256:{each.digest.get('sha256')}") for each in content.subject}
    meant = {(each.target.label, each.id) for each in predicate.transitions}
    return named == meant and all((each.repository, each.branch) == scope for each in predicate.transitions)


def pending(wanted: Mapping[Target, str], state: LedgerState, policy: Policy) -> tuple[Transition, ...]:
    """The targets that are wanted otherwise than they run, the policy first.

    Args:
        wanted: subject by target; the policy's own among them.
        policy: the one that judges; it names the repository and the branch.
    """
    running = {each.target: each.subject for each in state.deployed.values()}
    running[POLICY_TARGET] = state.policy or policy_subject(policy)
    found = [
        Transition(
            repository=policy.repository,
            branch=policy.branch,
            environment=target.environment,
            model=target.model,
            before=running.get(target),
            after=wanted.get(target),
            since=state.since.get(target, 0),
        )
        for target in {*running, *wanted}
        if running.get(target) != wanted.get(target)
    ]
    return tuple(sorted(found, key=_order))


def _order(transition: Transition) -> tuple[bool, Target]:
    return (transition.environment != POLICY, transition.target)


def gather(
    earlier: Mapping[Target, Pending],
    waiting: Iterable[Transition],
    touched: Mapping[Target, bool],
    made: Contribution,
    risks: Mapping[Target, Risk | None],
) -> dict[Target, Pending]:
    """Who has had a hand in each target that waits, over every step since it last was what runs.

    Args:
        earlier: what had gathered before this step.
        waiting: the transitions after it.
        touched: whether this step changed what is wanted, by target.
        made: who made this step's commits.
        risks: the highest tier that is declared or runs, by target.
    """
    found = {}
    for target in (each.target for each in waiting):
        old = earlier.get(target) or Pending(target=target)
        gathered = Contribution(people=old.contributors, unproven=old.unproven)
        if touched.get(target, True):
            gathered = gathered.joined(made)
        found[target] = Pending(
            target=target,
            contributors=gathered.people,
            unproven=gathered.unproven,
            risk=higher(old.risk, risks.get(target)),
        )
    return found
