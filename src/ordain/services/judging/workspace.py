"""What a person's clone knows: where the base branch is, and what the ledger says there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct

from ordain.adapters.git import Repository, scratch
from ordain.adapters.resources import templates
from ordain.core.approvals.attested import foreseen
from ordain.ports import Forge, Merges, OpenForge
from ordain.services.judging.book import Book, open_book
from ordain.services.judging.branches import Branches, of_clone
from ordain.services.judging.clone import check_lent
from ordain.services.judging.ground import Ground, ground
from ordain.services.judging.judging import Attest, Context, nobody
from ordain.services.judging.past import Past, evidence_of
from ordain.services.judging.preview import Preview, preview
from ordain.services.judging.states import States
from ordain.services.judging.witness import Witness


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
        repository: a scratch repository that sees both. ground: which branch that is, and what governs it.
    """

    repository: Repository
    address: str
    ground: Ground
    states: States
    book: Book
    forge: Forge
    setting: Setting

    @property
    def base(self) -> str:
        """The newest commit of the base branch."""
        return self.ground.base

    def preview(self, revision: str, forge: Merges | None = None) -> Preview:
        """What reconciling would decide if this revision were merged now.

        Args:
            forge: what knows of merged requests, where its word is to count.
        """
        check_lent(self.setting.clone, self.repository, revision)
        self.repository.resolve(revision)
        past = Past(self.book.records)
        context = self.context(past, self.hearing(past, forge))
        return preview(self.states, context, self.book.state, (self.base, revision))

    def hearing(self, past: Past, forge: Merges | None) -> Attest:
        """A forge's word for steps as reconciling would hear it, which nobody signs here."""
        return Witness(self.states, self.address, forge, past, foreseen).attest if forge else nobody

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
    clone, address = setting.clone, setting.clone.remote()
    with scratch(clone.folder) as repository:
        states = States(repository, setting.templates)
        branches = Branches(repository, address)
        found = ground(states, branches.start(clone), branches.finders_for(clone))
        yield Desk(
            repository=repository, address=address, ground=found, states=states,
            book=book_of(states, found), forge=setting.forge(repository, address), setting=setting,
        )  # fmt: skip


def book_of(states: States, found: Ground) -> Book:
    """The proven ledger of a repository; errors as `open_book`."""
    return open_book(states, found.ledger, found.genesis) if found.ledger else Book.empty()


def governed(clone: Repository) -> Ground:
    """Where a clone is governed, by its origin as it is now; as the clone knows it where there is none.

    Raises:
        UserError: when no policy can be read, or the base branch is not there.
        RetryLater: when the origin does not answer.
    """
    if not clone.has_remote():
        return ground(States(clone, templates()), clone.resolve("HEAD"), of_clone(clone))
    with scratch(clone.folder) as repository:
        branches = Branches(repository, clone.remote())
        return ground(States(repository, templates()), branches.start(clone), branches.finders_for(clone))
