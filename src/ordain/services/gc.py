"""`ordain gc`: which artifacts of the local store nothing needs any more, and why the others are kept."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from ordain.adapters.artifacts import Store
from ordain.core.keeping import Kept, kept
from ordain.services.clone import open_clone


class Swept(Struct, frozen=True, kw_only=True):
    """What was found in the store.

    Attributes:
        kept: artifacts that something needs. garbage: digests that nothing needs.
        removed: whether the garbage is gone. freed: its bytes.
    """

    kept: tuple[Kept, ...]
    garbage: tuple[str, ...]
    removed: bool
    freed: int


def sweep(root: Path, store: Store, *, remove: bool) -> Swept:
    """Look at every artifact of the store, and remove those that nothing needs when asked to.

    Every branch of the clone counts, not only the base branch: an open request may need what it pins.

    Args:
        root: a folder in the clone.

    Raises:
        UserError: when the ledger can't be proven: then nobody knows what is needed, and nothing goes.
    """
    clone = open_clone(root)
    tips = {}
    for branch in sorted(clone.repository.branches() - {"HEAD"}):
        for ref in (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"):
            instance = clone.instance(clone.repository.find(ref))
            if instance is not None:
                tips[ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")] = instance
    records = [*clone.releases().values()]
    for instance in tips.values():
        records += [each for numbered in instance.releases.values() for each in numbered.values()]
    needed = kept(clone.state, records, tips)
    here = store.digests()
    garbage = tuple(each for each in here if each not in needed)
    freed = store.remove(garbage) if remove else store.size_of(garbage)
    found = tuple(each for digest, each in needed.items() if digest in here)
    return Swept(kept=found, garbage=garbage, removed=remove, freed=freed)
