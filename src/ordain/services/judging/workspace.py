"""What a person's clone knows: where the base branch is, and what the ledger says there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct

from ordain.adapters.git import Repository, scratch
from ordain.core.specs.governance import Policy, ledger_branch
from ordain.core.state.instance import load
from ordain.errors import UserError
from ordain.ports import Forge, OpenForge
from ordain.services.judging.book import Book, open_book
from ordain.services.judging.judging import Attest, Context, nobody
from ordain.services.judging.past import Past, evidence_of
from ordain.services.judging.preview import Preview, preview
from ordain.services.judging.states import States

BASE, LEDGER = "refs/ordain/base", "refs/ordain/ledger"


class Setting(Struct, frozen=True, kw_only=True):
    """What a verb needs to look at the base branch from a clone.

    Attributes:
        clone: where it was called. templates, present, now: as for `judging.Context`.
        forge: makes the forge at an address.
    """

    clone: Repository
    forge: OpenForge
    templates: Mapping[str, str]
    present: Callable[[str], bool]
    now: str


class Desk(Struct, frozen=True, kw_only=True):
    """The base branch as it is now, beside the clone's own objects.

    Attributes:
        repository: a scratch repository that sees both. base: newest commit of the base branch.
    """

    repository: Repository
    address: str
    base: str
    states: States
    book: Book
    forge: Forge
    setting: Setting

    def preview(self, revision: str) -> Preview:
        """What reconciling would decide if this revision were merged now."""
        self.repository.resolve(revision)
        context = self.context(Past(self.book.records))
        return preview(self.states, context, self.book.state, (self.base, revision))

    def context(self, past: Past, attest: Attest = nobody) -> Context:
        """What judging needs beside the commits.

        Args:
            past: the ledger. attest: what a forge says of steps, as of `judging.Context`.
        """
        return Context(
            evidence=evidence_of(self.forge.approvals(), self.book.records), now=self.setting.now,
            present=self.setting.present, attest=attest, past=past,
        )  # fmt: skip


@contextmanager
def at_base(setting: Setting) -> Iterator[Desk]:
    """Fetch the base branch of `origin` and prove its ledger; the clone itself is only read.

    Raises:
        UserError: when there is no origin, no such branch, or no provable ledger.
        RetryLater: when the origin does not answer.
    """
    clone = setting.clone
    address, branch = clone.remote(), base_branch(clone)
    with scratch(clone.folder) as repository:
        repository.fetch(address, {f"refs/heads/{branch}": BASE})
        base = repository.resolve(BASE)
        states = States(repository, setting.templates)
        book = ledger_book(states, address, base)
        yield Desk(
            repository=repository, address=address, base=base, states=states, book=book,
            forge=setting.forge(repository, address), setting=setting,
        )  # fmt: skip


def ledger_book(states: States, address: str, base: str) -> Book:
    """The proven ledger that belongs to a base branch, fetched from where the branch is.

    Args:
        states: of a scratch repository. base: newest commit of the base branch, which is there already.
    """
    repository, policy = states.repository, states.newest_policy(base)
    branch, genesis = ledger_branch(policy), states.genesis(base)
    if branch == policy.branch:
        return open_book(states, base, genesis)
    if not repository.has(address, f"refs/heads/{branch}"):
        return Book.empty()
    repository.fetch(address, {f"refs/heads/{branch}": LEDGER})
    return open_book(states, repository.resolve(LEDGER), genesis)


def base_branch(clone: Repository) -> str:
    """The base branch that the clone's committed policy names; errors as `committed_policy`."""
    return committed_policy(clone).branch


def committed_policy(clone: Repository) -> Policy:
    """The policy of the clone's newest commit.

    Raises:
        UserError: when nothing committed here has a valid policy.
    """
    head = clone.find("HEAD")
    if head is None:
        raise _no_policy("the newest commit here")
    return policy_of(clone, head, "the newest commit here")


def policy_of(clone: Repository, commit: str, named: str) -> Policy:
    """The policy of one commit.

    Args:
        named: what to call the commit.

    Raises:
        UserError: when it has no valid one.
    """
    instance = load(clone.read(commit, ("policy.yaml",))).instance
    if instance is None:
        raise _no_policy(named)
    return instance.policy


def _no_policy(named: str) -> UserError:
    return UserError(f"{named} has no valid policy.yaml", where="policy.yaml", fix="ordain check")
