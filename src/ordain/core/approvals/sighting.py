"""Which approvals a ledger entry notes down, because the ledger sees them for the first time (ADR 0020)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ordain.core.approvals.approval import Evidence
from ordain.core.approvals.voices import Hearing, sight
from ordain.core.decisions import LedgerState
from ordain.core.specs.governance import Policy

# An entry stays small whoever publishes how many approvals; the others are noted with the next.
MOST = 500


def sighted(
    evidence: Iterable[Evidence],
    after: tuple[LedgerState, Policy],
    hearing: Hearing,
    known: Callable[[str], bool],
) -> tuple[str, ...]:
    """Digests of signed approvals that speak for somebody and may still be needed, sorted.

    Reviews are not among them: the attestations that hold them are in entries already.

    Args:
        after: the ledger after the entry, and the policy in force then. hearing: by that policy.
        known: whether the ledger has seen an approval before, or the entry carries it.
    """
    state, policy = after
    found = {
        sight(each)
        for each in evidence
        if each.account is None
        and each.key is not None
        and _open(each, state, policy)
        and not known(sight(each))
        and hearing.speaker(each)[1] is None
    }
    return tuple(sorted(found)[:MOST])


def _open(each: Evidence, state: LedgerState, policy: Policy) -> bool:
    """Whether it speaks of this branch, and of a target that has not changed since."""
    return any(
        (one.repository, one.branch) == (policy.repository, policy.branch)
        and one.since == state.since.get(one.target, 0)
        for one in each.transitions
    )
