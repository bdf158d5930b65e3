"""Where a ledger lies: on the branches that its own approved policies name, whatever else a policy says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ordain.core.gitnames import page_of
from ordain.core.ledger.ledger import Record, fold
from ordain.core.specs.governance import Policy, ledger_branch
from ordain.core.value import Value


class Place(Value, frozen=True, kw_only=True):
    """The two branches that one policy names.

    Attributes:
        base: what people want. ledger: what has been proven; the same branch with the local forge.
    """

    base: str
    ledger: str

    @property
    def one(self) -> bool:
        """Whether both are one branch."""
        return self.base == self.ledger


def place_of(policy: Policy) -> Place:
    """The branches that a policy names."""
    return Place(base=policy.branch, ledger=ledger_branch(policy))


def remembered_as(genesis: str, address: str, branch: str | None) -> str:
    """What a clone's memory of a ledger is kept under, however its place was written.

    Args:
        genesis: where trust begins. address: the repository that holds the ledger, its folder resolved;
            empty for the one that genesis is in. branch: None for the one that the approved policy names,
            which may move.
    """
    if address.startswith(("/", "file:")):
        page = address.removeprefix("file://").rstrip("/") or "/"
    else:
        page = page_of(address)
    named = f"#{branch}" if branch else ""
    return f"{genesis} in {page}{named}" if page or named else genesis


def reigns(records: Sequence[Record], genesis: str) -> tuple[str, ...]:
    """Commits that hold the policies which were approved, by a proven ledger, oldest first.

    Args:
        records: in order. genesis: the commit whose policy came first.
    """
    state = fold([(each.digest, each.entry) for each in records])
    sources = (genesis, *(source for source, _ in state.reigns), state.policy_source or genesis)
    return tuple(dict.fromkeys(sources))


class Found(Value, frozen=True, kw_only=True):
    """A proven ledger at a place.

    Attributes:
        named: the places that its approved policies name, oldest first; at least that of genesis.
    """

    place: Place
    records: tuple[Record, ...]
    named: tuple[Place, ...]


def standing(found: Sequence[Found]) -> Found | None:
    """The ledger to read: the longest of those that lie where they say themselves that they lie or lay.

    A ledger that was cut off or never was one is led to by nothing that was approved. One that moves is
    read where it was until it goes on where it moved to. None where none says so of itself.
    """
    own = [each for each in found if each.place.ledger in {place.ledger for place in each.named}]
    return max(own, key=_weight, default=None)


def _weight(found: Found) -> tuple[int, bool]:
    return len(found.records), found.place.ledger == found.named[-1].ledger


def governing(named: Sequence[Place], here: Mapping[str, str]) -> str | None:
    """The base branch: that of the newest approved policy whose branch is there.

    Args:
        named: the places that approved policies name, oldest first. here: commits by branch.
    """
    return next((each.base for each in reversed(named) if each.base in here), None)
