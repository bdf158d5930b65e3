"""Branches of another repository, each fetched once, as it was then."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ordain.adapters.git import Repository
from ordain.core.ledger.places import Place
from ordain.errors import UserError
from ordain.services.judging.declarations import Declarations
from ordain.services.judging.ground import Finders


class Branches:
    """What the branches of one repository are, seen from a scratch repository.

    Args:
        repository: where they are fetched to. address: where they are. folder: of the refs that hold them.
    """

    def __init__(self, repository: Repository, address: str, folder: str = "refs/ordain/base") -> None:
        self._repository, self._address, self._folder = repository, address, folder
        self._known: dict[str, str | None] = {}

    def newest(self, name: str) -> str | None:
        """The newest commit of a branch; None where there is no such branch.

        Raises:
            RetryLater: when the other side does not answer.
        """
        if name not in self._known:
            self._known[name] = self._fetched(f"refs/heads/{name}")
        return self._known[name]

    def _fetched(self, theirs: str) -> str | None:
        if not self._repository.has(self._address, theirs):
            return None
        ours = f"{self._folder}/{len(self._known)}"
        self._repository.fetch(self._address, {theirs: ours})
        return self._repository.resolve(ours)

    def start(self, clone: Repository) -> str:
        """The newest commit of a clone; or of the branch that its policy names, where the scratch repository
        borrows nothing of it, as of a shallow or partial one.

        Raises:
            UserError: when neither can be had.
        """
        head = clone.resolve("HEAD")
        if self._repository.find(head) is not None:
            return head
        policy = Declarations(clone).policy(head)
        found = self.newest(policy.branch) if policy else None
        if found is None:
            what = (
                "this clone is shallow or partial, and its newest policy.yaml names no branch of the origin"
            )
            raise UserError(what, where=str(clone.folder), fix=clone.deepening())
        return found

    def finders_for(self, clone: Repository) -> Finders:
        """Base branches and ledgers from here, unless a clone's settings say where the ledger is."""
        return _unless_told(clone, self.newest)

    def finders(self, ledgers: Branches | None = None) -> Finders:
        """Base branches from here; ledgers from here too, or from another repository."""
        place = (ledgers or self).newest
        return Finders(base=self.newest, ledger=lambda each: place(each.ledger))


def of_clone(repository: Repository, base: str | None = None) -> Finders:
    """Branches as a clone knows them.

    Args:
        base: a commit to take for the base branch, whatever that is called; the ledger is where it says.
    """
    if base is None:
        return _unless_told(repository, partial(newest, repository))

    def ledger(place: Place) -> str | None:
        return base if place.one else newest(repository, place.ledger)

    return Finders(base=lambda _: base, ledger=ledger)


def _unless_told(clone: Repository, find: Callable[[str], str | None]) -> Finders:
    """Base branches and ledgers by their names, unless a clone's settings say where the ledger is."""
    there = clone.ledger()
    return Finders(base=find, ledger=lambda each: there or find(each.ledger))


def newest(repository: Repository, branch: str) -> str | None:
    """A branch as a clone knows it: of `origin/<branch>` and `<branch>` the one that is ahead."""
    remote = repository.find(f"refs/remotes/origin/{branch}")
    local = repository.find(f"refs/heads/{branch}")
    if remote is not None and (local is None or not repository.is_ancestor(remote, local)):
        return remote
    return local
