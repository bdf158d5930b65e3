"""Whose signatures are heard: what the ledger has seen before, and what is revoked by now (ADR 0020)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ordain.core.approvals.approval import Evidence
from ordain.core.approvals.attested import Attested
from ordain.core.approvals.sighting import sighted
from ordain.core.approvals.voices import Hearing
from ordain.core.decisions import Entry, LedgerState
from ordain.core.specs.governance import Policy
from ordain.services.judging.past import Past, names
from ordain.services.judging.states import States


class Listening:
    """What judging has to know of keys, beside the policy that judges.

    Args:
        states: of the repository. past: the ledger. ends: genesis, and the newest commit of the branch.
    """

    def __init__(self, states: States, past: Past, ends: tuple[str, str]) -> None:
        self._states = states
        self._past = past
        self._genesis, self._head = ends

    def first(self, name: str) -> Policy | None:
        """The policy in force when the ledger first saw an approval; None where it has not seen it.

        Args:
            name: digest of the approval's envelope.
        """
        source = self._past.first_seen(name)
        return self._states.needed_policy(source) if source else None

    def revoked(self, state: LedgerState) -> frozenset[str]:
        """Keys that any policy since the approved one revokes: that alone acts before it is approved."""
        return self._states.lineage.revoked(state.policy_source or self._genesis, self._head)

    def told(self, commit: str) -> Attested | None:
        """What an entry carries of a forge's word on a step, by a collector that was not revoked by then."""
        told, entry = self._past.told(commit) or (None, None)
        if told is None or entry is None:
            return None
        gone = self._states.lineage.revoked(entry.policy_source, entry.source)
        return told if told.key not in gone else None

    def sighted(
        self, evidence: Iterable[Evidence], entry: Entry, after: LedgerState, later: Sequence[Policy]
    ) -> tuple[str, ...]:
        """The approvals that the ledger sees for the first time with an entry.

        Args:
            after: the ledger after it. later: the policies that later steps bring, approved.
        """
        policy = self._states.needed_policy(after.policy_source or self._genesis)
        hearing = Hearing(policy, later, self.revoked(after), self.first)
        carried = frozenset(names(entry))
        return sighted(
            evidence, (after, policy), hearing,
            lambda name: name in carried or self._past.first_seen(name) is not None,
        )  # fmt: skip
