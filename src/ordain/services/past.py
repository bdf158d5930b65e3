"""What a ledger holds beyond its present: each state that it has been in, and the evidence it carries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ordain.core import approval, attested
from ordain.core.approval import Evidence
from ordain.core.attestation import to_bytes
from ordain.core.decisions import LedgerState
from ordain.core.ledger import Record, fold


class Past:
    """Every state that a ledger has been in.

    Args:
        records: its entries, checked, oldest first.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._later: list[LedgerState] = []

    def add(self, state: LedgerState) -> None:
        """The state after one more entry."""
        self._later.append(state)

    def at(self, commits: Collection[str]) -> LedgerState:
        """The newest state whose entry judged one of these commits; the empty one when none did."""
        for state in reversed(self._later):
            if state.cursor in commits:
                return state
        for count in range(len(self._records), 0, -1):
            if self._records[count - 1].entry.source in commits:
                return fold([(each.digest, each.entry) for each in self._records[:count]])
        return LedgerState()


def evidence_of(found: Iterable[bytes], records: Sequence[Record]) -> tuple[Evidence, ...]:
    """Every approval at hand: people's own signatures, and what a ledger's entries carry of a forge's word.

    Args:
        found: envelopes, unverified.
    """
    signed = [each for each in map(approval.read, found) if each is not None]
    carried = (to_bytes(each) for record in records for each in record.entry.requests)
    told = [each for each in map(attested.read, carried) if each is not None]
    return (*signed, *(one for each in told for one in each.evidence))
