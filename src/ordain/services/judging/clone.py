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
from ordain.core.specs.governance import ledger_branch
from ordain.core.specs.spec import Models, Params
from ordain.core.state.declared import Instance
from ordain.errors import UserError
from ordain.services.judging.book import check_ledger
from ordain.services.judging.states import States


class Clone(Struct, frozen=True, kw_only=True):
    """What a clone holds.

    Attributes:
        base: the base branch as this clone knows it. commit: its newest commit.
        ledger: the newest commit of the branch with manifests and ledger; None where there is none yet.
        genesis: where trust begins.
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


def check_memory(clone: Clone, records: Sequence[Record]) -> None:
    """Compare a proven ledger of the base branch with what this clone has seen of it, and remember it.

    Raises:
        UserError: reason `history-rewritten` when this clone has seen more.
    """
    memory = LedgerMemory(clone.repository.git_folder(), clone.base.name.removeprefix("origin/"))
    check_seen(records, memory.recall(), clone.base.name)
    newest = seen(records)
    if newest is not None:
        memory.remember(newest)


def bare_clone(root: Path, base: str | None = None) -> Clone:
    """The same without reading the ledger."""
    repository = find_repository(root)
    if repository.is_shallow():
        raise UserError(
            "this clone is shallow, so where trust begins can't be seen",
            where=str(repository.folder),
            fix="git fetch --unshallow",
        )
    states = States(repository, templates())
    point = base_point(repository, states, base)
    commit = point.commit or ""
    return Clone(
        repository=repository, states=states, base=point, commit=commit,
        ledger=ledger_commit(repository, states, commit), genesis=states.genesis(commit),
    )  # fmt: skip


def ledger_commit(repository: Repository, states: States, base: str) -> str | None:
    """The commit of a clone that holds the ledger which belongs to a commit of its base branch."""
    policy = states.newest_policy(base)
    branch = ledger_branch(policy)
    return base if branch == policy.branch else newest(repository, branch)


def newest(repository: Repository, branch: str) -> str | None:
    """A branch as a clone knows it: of `origin/<branch>` and `<branch>` the one that is ahead."""
    remote = repository.find(f"refs/remotes/origin/{branch}")
    local = repository.find(f"refs/heads/{branch}")
    if remote is not None and (local is None or not repository.is_ancestor(remote, local)):
        return remote
    return local


def base_point(repository: Repository, states: States, base: str | None) -> Point:
    """The base branch as this clone knows it: of `origin/<branch>` and `<branch>` the one that is ahead.

    Raises:
        UserError: when neither is here.
    """
    if base is not None:
        return Point(name=base, commit=repository.resolve(base))
    head = repository.resolve("HEAD")
    branch = states.newest_policy(head).branch
    found = newest(repository, branch)
    if found is None:
        fix = f"git fetch origin {branch}, or name a revision with --base"
        raise UserError(f"the base branch {branch} is not in this clone", where="policy.yaml", fix=fix)
    here = found == repository.find(f"refs/remotes/origin/{branch}")
    return Point(name=f"origin/{branch}" if here else branch, commit=found)
