"""The ledger of a branch as it can be proven, whatever somebody has done to the files since."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from msgspec import Struct

from ordain.adapters.git import StoreError
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import LedgerState
from ordain.core.ledger.ledger import FOLDER, Record, check_chain, fold, path_of
from ordain.core.reasons import Reason
from ordain.core.specs.identity import files_digest
from ordain.errors import UserError
from ordain.services.judging.declarations import usable
from ordain.services.judging.states import MANIFESTS, States

SHOWN = 50


class Book(Struct, frozen=True, kw_only=True):
    """A proven ledger and the manifests that belong to it.

    Attributes:
        records, state: every entry, checked, and what they fold to.
        ledger, manifests: blob ids by path from the top of the tree, as they must be.
        repaired: paths at the head of the branch that are not as they must be.
    """

    records: tuple[Record, ...]
    state: LedgerState
    ledger: Mapping[str, str]
    manifests: Mapping[str, str]
    repaired: tuple[str, ...] = ()

    @classmethod
    def empty(cls) -> Book:
        """The ledger of a branch that does not exist yet."""
        return cls(records=(), state=LedgerState(), ledger={}, manifests={})


def open_book(states: States, head: str, genesis: str) -> Book:
    """Find the longest ledger that a branch's history proves, and the manifests that it names.

    An edited, truncated or forged ledger, and edited manifests, are found by comparing with the
    commits that the reconciler made; `repaired` names what differs at the head.

    Args:
        head: newest commit of the branch that holds `manifests/`.
        genesis: where trust begins.

    Raises:
        UserError: `ledger-broken` when no proven ledger can be had; `manifests-edited` when the
            manifests that it names are in no commit.
    """
    commit, records = _longest(states, head, genesis)
    state = fold([(each.digest, each.entry) for each in records])
    ledger = {path: each.id for path, each in states.repository.listing(commit, (FOLDER,)).items()}
    manifests = _manifests(states, head, state)
    now = _listed(states, head)
    meant = {**ledger, **manifests}
    different = sorted(path for path in {*now, *meant} if now.get(path) != meant.get(path))
    return Book(
        records=records, state=state, ledger=ledger, manifests=manifests, repaired=tuple(different[:SHOWN])
    )


def proven(states: States, head: str, genesis: str) -> tuple[Record, ...] | None:
    """The ledger at the head of a branch, or where that does not hold the longest of its history; or None."""
    held = usable(lambda: check_ledger(states, head, genesis))
    if held is not None:
        return held
    longest = usable(lambda: _longest(states, head, genesis))
    return longest[1] if longest else None


def check_ledger(states: States, commit: str, genesis: str) -> tuple[Record, ...]:
    """The ledger of one commit, every link proven.

    Raises:
        UserError: reason `ledger-broken` or `hostile-object`.
    """
    if (commit, genesis) not in states.ledgers:
        files = states.repository.read(commit, (FOLDER,))
        states.ledgers[commit, genesis] = check_chain(files, lambda each: states.collectors(each, genesis))
    return states.ledgers[commit, genesis]


Candidate = tuple[str, tuple[Record, ...]]


def _longest(states: States, head: str, genesis: str) -> Candidate:
    """The commit that holds the longest proven ledger of the branch's history."""
    repository, folder = states.repository, FOLDER.rstrip("/")
    best = _better(states, head, genesis, None)
    if best is None:
        # Something is wrong at the head: go back to the newest ledger that holds.
        for commit in repository.changes(head, folder):
            best = best or _before(states, commit, genesis, None)
    # Entries are only ever added, so where one was changed or removed, a longer ledger may have been.
    for commit in repository.changes(head, folder, "DM"):
        best = _before(states, commit, genesis, best)
    # With nothing proven anywhere, say what is wrong at the head.
    return best or (head, check_ledger(states, head, genesis))


def _before(states: States, commit: str, genesis: str, best: Candidate | None) -> Candidate | None:
    (found,) = states.repository.commits([commit])
    return _better(states, found.parents[0], genesis, best) if found.parents else best


def _better(states: States, commit: str, genesis: str, best: Candidate | None) -> Candidate | None:
    records = usable(lambda: check_ledger(states, commit, genesis))
    if records is None:
        return best
    return (commit, records) if best is None or len(records) > len(best[1]) else best


def _manifests(states: States, head: str, state: LedgerState) -> dict[str, str]:
    """Blob ids of the manifests that the newest entry names."""
    if state.manifests is None:
        return {}
    entry = path_of(state.sequence)
    for commit in (head, *states.repository.changes(head, entry, "A")):
        blobs = usable(partial(_rendered_blobs, states, commit))
        if blobs is not None and usable(partial(manifests_digest, states, blobs)) == state.manifests:
            return blobs
    raise UserError(
        "the manifests were edited and the ones that the ledger names are in no commit",
        where=f"{MANIFESTS}/",
        fix="restore the branch from a clone that `ordain verify` accepts",
        reason=Reason.MANIFESTS_EDITED,
    )


def manifests_digest(states: States, blobs: Mapping[str, str]) -> str:
    """Digest of rendered files, given their blob ids by path from the top of the tree."""
    content = states.repository.objects(blobs.values(), "blob")
    top = f"{MANIFESTS}/"
    return files_digest({path.removeprefix(top): content[blob] for path, blob in blobs.items()})


def _rendered_blobs(states: States, commit: str) -> dict[str, str]:
    listed = states.repository.listing(commit, (f"{MANIFESTS}/",))
    return {path: each.id for path, each in listed.items() if not path.startswith(FOLDER)}


def _listed(states: States, head: str) -> dict[str, str]:
    """What lies below `manifests/`; a hostile object there is one thing that differs."""
    try:
        return {path: each.id for path, each in states.repository.listing(head, (f"{MANIFESTS}/",)).items()}
    except StoreError:
        raise
    except UserError as error:
        return {error.where or MANIFESTS: bytes_digest(b"")}
