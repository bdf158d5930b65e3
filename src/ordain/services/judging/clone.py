"""A clone as those read it who only look: its base branch, and the ledger there, every link proven.

Nothing here reaches for a network or changes a file, but for the note of how far the ledger was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from ordain.adapters.git import Repository, find_repository
from ordain.adapters.ledger_memory import LedgerMemory
from ordain.adapters.resources import templates
from ordain.core.decisions import Entry, LedgerState
from ordain.core.gating.release import Release
from ordain.core.ledger.ledger import Record, check_seen, fold, seen
from ordain.core.plans.plan import Point
from ordain.core.specs.spec import Models, Params
from ordain.core.state.declared import Instance
from ordain.errors import UserError
from ordain.services.judging.book import check_ledger
from ordain.services.judging.branches import of_clone
from ordain.services.judging.ground import Ground, ground
from ordain.services.judging.states import States


class Clone(Struct, frozen=True, kw_only=True):
    """What a clone holds.

    Attributes:
        base: the base branch as this clone knows it. commit: its newest commit.
        ledger: the newest commit of the branch with manifests and ledger; None where there is none yet.
        genesis: where trust begins; empty where nothing is proven.
        records, state: the ledger at that commit, and what it folds to.
    """

    repository: Repository
    states: States
    base: Point
    commit: str
    ledger: str | None
    genesis: str
    records: tuple[Record, ...] = ()
    state: LedgerState = LedgerState()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The ledger's entries, oldest first."""
        return tuple(each.entry for each in self.records)

    def instance(self, commit: str | None) -> Instance | None:
        """What a commit declares; None when it is not here or can't be read."""
        if commit is None or self.repository.find(commit) is None:
            return None
        return self.states.instance(commit)

    def models(self, commit: str) -> tuple[Models, Params] | None:
        """The models and candidates of a commit; None when it is not here or they can't be used."""
        return self.states.models(commit) if self.repository.find(commit) is not None else None

    def releases(self) -> dict[str, Release]:
        """Every release record that the ledger's commits and the base branch hold, by its digest."""
        commits = [*(each.source for each in self.entries), self.commit]
        here = [each for each in dict.fromkeys(reversed(commits)) if self.repository.find(each)]
        return {record.digest: record for record in self.states.releases(here)}


def open_clone(root: Path, base: str | None = None) -> Clone:
    """Read the ledger of a clone's base branch.

    Args:
        root: a folder in the clone. base: a revision to use instead of the base branch.

    Raises:
        UserError: when this is no full clone of a repository with a policy; reason `ledger-broken` when
            a link of the ledger does not hold; `history-rewritten` when this clone has seen more of it.
    """
    found = bare_clone(root, base)
    records = check_ledger(found.states, found.ledger, found.genesis) if found.ledger else ()
    if base is None:
        check_memory(found, records)
    return replace(found, records=records, state=fold([(each.digest, each.entry) for each in records]))


def unproven_clone(repository: Repository) -> Clone:
    """A shallow clone for those who need no proof: what lies at its newest commit, and no ledger at all."""
    commit = repository.resolve("HEAD")
    return Clone(
        repository=repository, states=States(repository, templates()), base=Point(name="HEAD", commit=commit),
        commit=commit, ledger=None, genesis="",
    )  # fmt: skip


def check_memory(clone: Clone, records: Sequence[Record]) -> None:
    """Compare a proven ledger with what this clone has seen of it, and remember it.

    What was seen is kept by genesis, so that no other name of a branch begins anew.

    Raises:
        UserError: reason `history-rewritten` when this clone has seen more.
    """
    memory = LedgerMemory(clone.repository.git_folder(), clone.genesis)
    check_seen(records, memory.recall(), clone.base.name)
    newest = seen(records)
    if newest is not None:
        memory.remember(newest)


def bare_clone(root: Path, base: str | None = None) -> Clone:
    """The same without reading the ledger."""
    repository = find_repository(root)
    check_whole(repository)
    states = States(repository, templates())
    found, point = ground_of(repository, states, base)
    return Clone(
        repository=repository, states=states, base=point, commit=found.base,
        ledger=found.ledger, genesis=found.genesis,
    )  # fmt: skip


def check_whole(repository: Repository) -> None:
    """Refuse a clone in which part of the history was left out.

    Raises:
        UserError: with the command that completes it.
    """
    if repository.is_whole():
        return
    shallow = "this clone is shallow, so where trust begins can't be seen, and the ledger not be proven"
    partial = (
        "this clone is partial, so what older commits declare can't be seen, and the ledger not be proven"
    )
    what = shallow if repository.is_shallow() else partial
    raise UserError(what, where=str(repository.folder), fix=repository.deepening())


def check_lent(clone: Repository, scratch: Repository, commit: str) -> None:
    """Refuse a clone from which a scratch repository could not borrow a commit, since the clone lacks others.

    Raises:
        UserError: with the command that completes it.
    """
    if scratch.find(commit) is None:
        check_whole(clone)


def ground_of(repository: Repository, states: States, base: str | None = None) -> tuple[Ground, Point]:
    """Where a clone is governed, as it knows of it, and the base branch there.

    Args:
        base: a revision to use instead of the base branch.

    Raises:
        UserError: when the base branch is not here, or no policy can be read.
    """
    if base is not None:
        commit = repository.resolve(base)
        return ground(states, commit, of_clone(repository, commit)), Point(name=base, commit=commit)
    found = ground(states, repository.resolve("HEAD"), of_clone(repository))
    return found, Point(name=shown(repository, found.branch, found.base), commit=found.base)


def shown(repository: Repository, branch: str, commit: str) -> str:
    """What a clone calls a commit of a branch: `origin/<branch>` or `<branch>`."""
    fetched = commit == repository.find(f"refs/remotes/origin/{branch}")
    return f"origin/{branch}" if fetched else branch
