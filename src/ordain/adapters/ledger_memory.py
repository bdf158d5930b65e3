"""What a clone remembers of the ledgers that it has seen, beside its objects and out of every commit.

Signatures and chain prove that a ledger was written by a collector, not that it is the newest one: a
branch that was rewritten to an earlier state proves itself just as well. Only a reader who has seen more
can tell.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from ordain.adapters import files as disk
from ordain.core.ledger.ledger import Seen
from ordain.errors import UserError

FILE = "ordain/ledger-heads.json"
_LIMIT = 2**20


class LedgerMemory:
    """The newest head that a clone has seen of one ledger.

    Args:
        folder: the clone's Git folder, shared by its worktrees.
        place: the ledger's genesis, with address and branch where it lies elsewhere.
    """

    def __init__(self, folder: Path, place: str) -> None:
        self.path = folder / FILE
        self._place = place

    def recall(self) -> Seen | None:
        """What was seen; None for a new clone.

        Raises:
            UserError: when the file is not what this class writes.
        """
        return self._read().get(self._place)

    def remember(self, seen: Seen) -> None:
        """Keep a head, unless a newer one is known. Where nothing can be written, nothing is kept."""
        with suppress(OSError, UserError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with disk.locked(self.path.with_suffix(".lock")):
                known = self._read()
                before = known.get(self._place)
                if before is None or before.sequence < seen.sequence:
                    disk.write_atomic(self.path, msgspec.json.encode({**known, self._place: seen}))

    def forget(self) -> None:
        """Keep nothing of this place any more."""
        with suppress(OSError, UserError), disk.locked(self.path.with_suffix(".lock")):
            known = {place: seen for place, seen in self._read().items() if place != self._place}
            disk.write_atomic(self.path, msgspec.json.encode(known))

    def _read(self) -> dict[str, Seen]:
        if not self.path.is_file():
            return {}
        try:
            return msgspec.json.decode(disk.read_bytes(self.path, _LIMIT), type=dict[str, Seen])
        except msgspec.DecodeError as error:
            what = f"not a record of ledgers seen before: {error}"
            raise UserError(what, where=str(self.path), fix=f"rm {self.path}, then: ordain verify") from error
