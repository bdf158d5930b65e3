"""What a ledger holds beyond its present: each state that it has been in, and what it has seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from ordain.core.approvals import approval, attested
from ordain.core.approvals.approval import POLICY_TARGET, Evidence
from ordain.core.approvals.attested import Attested
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Entry, LedgerState
from ordain.core.evidence.attestation import to_bytes
from ordain.core.ledger.ledger import Record, fold


class Past:
    """Every state that a ledger has been in, and every attestation and approval that it has seen.

    Args:
        records: its entries, checked, oldest first.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._later: list[LedgerState] = []
        self._unread: list[Entry] = [each.entry for each in records]
        self._told: dict[str, tuple[Attested, Entry]] = {}
        self._sights: dict[str, str] = {}

    def add(self, state: LedgerState, entry: Entry) -> None:
        """The state after one more entry."""
        self._later.append(state)
        self.see(entry)

    def see(self, entry: Entry) -> None:
        """What one more entry carries and names."""
        self._unread.append(entry)

    def at(self, commits: Collection[str]) -> LedgerState:
        """The newest state whose entry judged one of these commits; the empty one when none did."""
        for state in reversed(self._later):
            if state.cursor in commits:
                return state
        for count in range(len(self._records), 0, -1):
            if self._records[count - 1].entry.source in commits:
                return fold([(each.digest, each.entry) for each in self._records[:count]])
        return LedgerState()

    def told(self, commit: str) -> tuple[Attested, Entry] | None:
        """What the ledger holds of a forge's word on a step, and the entry that carries it, if one does."""
        self._catch_up()
        return self._told.get(commit)

    def first_seen(self, name: str) -> str | None:
        """A commit with the policy that was in force after the ledger first saw an approval.

        Args:
            name: digest of the approval's envelope.

        Returns:
            None where the ledger has not seen it.
        """
        self._catch_up()
        return self._sights.get(name)

    def _catch_up(self) -> None:
        for entry in self._unread:
            changed = [each for each in entry.decisions if each.transition.target == POLICY_TARGET]
            source = entry.source if any(each.approved for each in changed) else entry.policy_source
            for name in names(entry):
                self._sights.setdefault(name, source)
            for told in (attested.read(to_bytes(each)) for each in entry.requests):
                if told is not None:
                    self._told[told.observed.source] = told, entry
        self._unread = []


def names(entry: Entry) -> Iterator[str]:
    """Digests of the envelopes that an entry lists or carries."""
    yield from entry.sighted
    carried: list[dict[str, Any]] = [a.envelope for each in entry.decisions for a in each.approvals]
    for envelope in (*carried, *entry.requests):
        yield bytes_digest(to_bytes(envelope))


def evidence_of(found: Iterable[bytes], records: Sequence[Record]) -> tuple[Evidence, ...]:
    """Every approval at hand: people's own signatures, and what a ledger's entries carry of a forge's word.

    Args:
        found: envelopes, unverified.
    """
    signed = [each for each in map(approval.read, found) if each is not None]
    carried = (to_bytes(each) for record in records for each in record.entry.requests)
    told = [each for each in map(attested.read, carried) if each is not None]
    return (*signed, *(one for each in told for one in each.evidence))
