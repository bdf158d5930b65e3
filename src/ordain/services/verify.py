"""`ordain verify`: prove from a clone alone that what was recorded is still true.

Nothing here reaches for a network, runs anything that a repository brings, or changes a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from ordain.adapters.artifacts import Store
from ordain.core.identity import ReleaseRef
from ordain.core.plan import Point
from ordain.core.verification import Proof, failed, ok
from ordain.services.book import Book
from ordain.services.clone import Clone, bare_clone
from ordain.services.verify_current import current_proofs, record_proofs
from ordain.services.verify_ledger import (
    approval_proofs,
    chain_proofs,
    entry_proofs,
    manifest_proofs,
    rendering_proofs,
    running_entries,
)
from ordain.services.verify_release import Releases


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


def verify(root: Path, store: Store, *, everything: bool, genesis: str | None = None) -> Verified:
    """Prove what runs now, or the whole history.

    Args:
        root: a folder in the clone. store: artifacts at hand.
        everything: judge and render every entry again, and prove every release; otherwise only those
            of what runs now.
        genesis: the commit that trust must begin at, where it is known.

    Raises:
        UserError: when this is no clone of a repository with a policy.
    """
    clone = bare_clone(root)
    book, proofs = chain_proofs(clone)
    clone = replace(clone, records=book.records, state=book.state)
    proofs += [_genesis(clone, genesis), *manifest_proofs(clone, book)]
    proofs += entry_proofs(clone, book.records) if everything else _running(clone, book)
    releases = Releases(clone, store)
    for ref in _released(book, everything=everything):
        proofs += releases.proofs(ref)
    proofs += [*record_proofs(clone), *current_proofs(clone)]
    entries = len(book.records)
    return Verified(base=clone.base, genesis=clone.genesis, entries=entries, proofs=tuple(proofs))


def _genesis(clone: Clone, expected: str | None) -> Proof:
    what = f"genesis {clone.genesis}"
    if expected is None:
        return ok("policy", what, "compare it with what `ordain init` printed, or pass --root")
    if expected != clone.genesis:
        return failed("policy", what, f"trust should begin at {expected}")
    return ok("policy", what, "where trust should begin")


def _running(clone: Clone, book: Book) -> Iterator[Proof]:
    """Approvals and rendering of what runs now."""
    for record in running_entries(book):
        yield from approval_proofs(clone.states, record.entry)
        yield from rendering_proofs(clone.states, record.entry)


def _released(book: Book, *, everything: bool) -> list[ReleaseRef]:
    """The releases that run, or all that ever did, each once."""
    if not everything:
        found = [each.release for each in book.state.deployed.values() if each.release]
    else:
        decisions = (each for record in book.records for each in record.entry.decisions)
        found = [each.release for each in decisions if each.approved and each.release]
    unique = {each.record: each for each in found}
    return sorted(unique.values(), key=lambda each: (each.model, each.number))
