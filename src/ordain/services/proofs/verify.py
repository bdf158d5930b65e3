"""`ordain verify`: prove from a clone alone that what was recorded is still true.

Nothing here reaches for a network, runs anything that a repository brings, or changes a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ordain._version import __version__
from ordain.adapters.artifacts import Store
from ordain.adapters.copies import processors, spread
from ordain.adapters.ledger_memory import LedgerMemory
from ordain.core.ledger.ledger import Record, seen
from ordain.core.plans.plan import Point
from ordain.core.reports.verification import Proof, failed, ok
from ordain.core.specs.identity import ReleaseRef
from ordain.services.judging.book import Book
from ordain.services.judging.clone import Clone, bare_clone
from ordain.services.judging.declarations import RELEASES, TOPS
from ordain.services.judging.past import Past
from ordain.services.proofs.verify_current import current_proofs, record_proofs
from ordain.services.proofs.verify_ledger import (
    approval_proofs,
    chain_proofs,
    entry_proofs,
    manifest_proofs,
    rendering_proofs,
    running_entries,
)
from ordain.services.proofs.verify_release import Releases

# With more entries than this to prove, most of the history will be read.
FEW = 50
# Entries for which a copy of this process is worth its start.
MANY = 200
# Later entries cost more, for more was declared before them: their spans are shorter.
GROWTH = 0.8


class Verified(Struct, frozen=True, kw_only=True):
    """What was looked at, and every proof.

    Attributes:
        base: the base branch of the clone. genesis: the commit where trust begins, to be compared with
            the one that `ordain init` printed. entries: how many hold.
    """

    base: Point
    genesis: str
    entries: int
    proofs: tuple[Proof, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing failed; what is absent is not a failure."""
        return all(each.outcome != "FAILED" for each in self.proofs)


def verify(
    root: Path, store: Store, *, everything: bool, genesis: str | None = None, anew: bool = False
) -> Verified:
    """Prove what runs now, or the whole history.

    What Git's objects and the ledger's own bytes prove can't change without changing their digests, so
    this clone remembers how far all of it held.

    Args:
        root: a folder in the clone. store: artifacts at hand.
        everything: judge and render every entry again, and prove every release; otherwise only those
            of what runs now.
        genesis: the commit that trust must begin at, where it is known.
        anew: whether what this clone remembers is forgotten first.

    Raises:
        UserError: when this is no clone of a repository with a policy.
    """
    clone = bare_clone(root)
    book, proofs = chain_proofs(clone)
    clone = replace(clone, records=book.records, state=book.state)
    proofs += [_genesis(clone, genesis), *manifest_proofs(clone, book)]
    memory = _memory(clone)
    if anew:
        memory.forget()
    proven = _proven(book, memory) if everything else 0
    proofs += _entries(clone, book, proven) if everything else _running(clone, book)
    proofs += _releases(clone, book, store, proven if everything else None)
    proofs += [*record_proofs(clone), *current_proofs(clone)]
    entries = len(book.records)
    found = Verified(base=clone.base, genesis=clone.genesis, entries=entries, proofs=tuple(proofs))
    newest = seen(book.records)
    if everything and found.sound and newest is not None:
        memory.remember(newest)
    return found


def _memory(clone: Clone) -> LedgerMemory:
    """How far a ledger was proven; another version of Ordain proves for itself."""
    return LedgerMemory(clone.repository.git_folder(), f"{clone.genesis} proven by {__version__}")


def _proven(book: Book, memory: LedgerMemory) -> int:
    """How many of a ledger's entries were proven before."""
    before = memory.recall()
    if before is None or before.sequence > len(book.records):
        return 0
    return before.sequence if book.records[before.sequence - 1].digest == before.digest else 0


def _entries(clone: Clone, book: Book, proven: int) -> Iterator[Proof]:
    """Every entry, but for those that were proven before."""
    count = len(book.records)
    new = count - proven
    if new > FEW:
        clone.repository.warm(clone.commit, TOPS)
    if new > FEW or new > proven:
        clone.repository.history(clone.commit, RELEASES)
    if proven:
        yield ok(
            "judgement", f"entries 1 to {proven}", "proven by this clone before; --anew proves them again"
        )
    # An entry is judged from the ledger before it, which is proven already: any span stands by itself.
    parts = max(1, min(processors(), (count - proven) // MANY))
    shares = ((part / parts) ** GROWTH for part in range(parts + 1))
    bounds = [proven + round((count - proven) * share) for share in shares]

    def proofs(part: int) -> bytes:
        records = book.records[: bounds[part + 1]]
        return msgspec.json.encode(tuple(entry_proofs(clone, records, bounds[part])))

    for answer in spread(proofs, parts):
        yield from msgspec.json.decode(answer, type=tuple[Proof, ...])


def _releases(clone: Clone, book: Book, store: Store, proven: int | None) -> Iterator[Proof]:
    """Every release; the origin of one that no longer runs need not be proven twice, its bytes need.

    Args:
        proven: how many entries were proven before; None to look at what runs only.
    """
    newer = {each.record for each in _released(book.records[proven or 0 :])}
    running = [each.release for each in book.state.deployed.values() if each.release]
    releases = Releases(clone, store, many=proven is not None and len(newer) > FEW)
    for ref in _unique(running) if proven is None else _released(book.records):
        settled = proven and ref.record not in newer and ref not in running
        yield from [releases.artifact(ref)] if settled else releases.proofs(ref)


def _genesis(clone: Clone, expected: str | None) -> Proof:
    what = f"genesis {clone.genesis}"
    if expected is None:
        return ok("policy", what, "compare it with what `ordain init` printed, or pass --root")
    if (clone.repository.find(expected) or expected) != clone.genesis:
        return failed("policy", what, f"trust should begin at {expected}")
    return ok("policy", what, "where trust should begin")


def _running(clone: Clone, book: Book) -> Iterator[Proof]:
    """Approvals and rendering of what runs now."""
    wanted, past = {each.path for each in running_entries(book)}, Past(())
    for record in book.records:
        if record.path in wanted:
            yield from approval_proofs(clone.states, past, record.entry)
            yield from rendering_proofs(clone.states, record.entry)
        past.see(record.entry)


def _released(records: Sequence[Record]) -> list[ReleaseRef]:
    """The releases that some entries put in place."""
    decisions = (each for record in records for each in record.entry.decisions)
    return _unique(each.release for each in decisions if each.approved and each.release)


def _unique(found: Iterable[ReleaseRef]) -> list[ReleaseRef]:
    unique = {each.record: each for each in found}
    return sorted(unique.values(), key=lambda each: (each.model, each.number))
