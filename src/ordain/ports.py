"""What is remote, as protocols: the forge, the objects through which the local one speaks, the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ordain.core.artifacts.appending import Image
from ordain.core.artifacts.artifact import Layout
from ordain.core.artifacts.reference import Reference, Repository
from ordain.core.people.request import Draft, Opened, Request, Status


class Blob(Protocol):
    """A stored blob: its id and its size in bytes."""

    @property
    def id(self) -> str:
        """Object id."""

    @property
    def size(self) -> int:
        """Size in bytes."""


class Objects(Protocol):
    """The part of a Git repository that a forge made of refs needs."""

    def fetch(self, address: str, refspecs: Mapping[str, str]) -> None:
        """Bring refs from elsewhere."""

    def push(self, address: str, commit: str, name: str) -> None:
        """Create or advance a ref elsewhere."""

    def refs(self, prefix: str) -> Mapping[str, Blob]:
        """Refs that point at blobs."""

    def objects(self, ids: Iterable[str], kind: str) -> Mapping[str, bytes]:
        """Contents by id."""

    def write_blobs(self, contents: Sequence[bytes]) -> Sequence[str]:
        """Store contents."""


class Forge(Protocol):
    """Where people say that they accept a change."""

    def approvals(self) -> list[bytes]:
        """Every approval that can be had, as the bytes of its envelope, unverified.

        Raises:
            RetryLater: when the forge does not answer; nothing may then be decided.
        """

    def publish(self, envelope: bytes) -> str:
        """Make an approval known to everybody; where it went.

        Raises:
            RetryLater: when the forge does not answer. UserError: when it refuses.
        """


class Registry(Protocol):
    """Where clusters pull artifacts from. A digest is checked by whoever receives bytes, every time.

    Every method raises RetryLater when the registry is busy or away, and UserError when it refuses.
    """

    def has(self, reference: Reference) -> bool:
        """Whether the artifact can be pulled."""

    def push(self, layout: Layout, place: Repository, tag: str) -> bool:
        """Make an artifact available by digest, and keep it by a tag; whether anything had to be sent."""

    def pull(self, reference: Reference) -> Layout:
        """An artifact, every digest and name in it checked."""

    def attach(self, layout: Layout, place: Repository, kind: str, content: bytes) -> bool:
        """Make a document that refers to an artifact available; whether anything had to be sent."""

    def attached(self, reference: Reference, kind: str) -> tuple[bytes, ...]:
        """The documents of one kind that refer to an artifact, by digest what they were sent as."""

    def image(self, reference: Reference) -> Image:
        """Manifest and config of an image."""

    def push_image(self, image: Image, place: Repository, source: Repository, tag: str) -> bool:
        """Make an image available whose other layers are in `source`; whether anything had to be sent."""


class Proposals(Protocol):
    """Where a change can be proposed: any forge, the embedded one too.

    Every method raises:
        RetryLater: when the forge is busy or does not answer. UserError: when it refuses.
    """

    def open_request(self, draft: Draft) -> str:
        """Open a request for a branch that was pushed, unless it has one into that base; where it is."""

    def open_requests(self, label: str) -> tuple[Opened, ...]:
        """The open requests with a label, by number."""

    def ready(self, number: int, why: str) -> None:
        """Let a draft ask for review, and say why beside it; one that asks already is only told why."""

    def comment(self, number: int, marker: str, body: str) -> None:
        """Keep one comment of our own for each marker on a request."""

    def requested(self, branch: str, base: str) -> bool:
        """Whether a request was ever opened for a branch into a base, whatever became of it."""


class Dispatches(Protocol):
    """A forge that can be told that something happened."""

    def dispatch(self, event: str, payload: Mapping[str, str]) -> None:
        """Start the jobs that listen to an event.

        Raises:
            RetryLater: when the forge is busy or away. UserError: when it refuses.
        """


class OpenForge(Protocol):
    """Makes a forge that works through a repository."""

    def __call__(self, objects: Objects, address: str) -> Forge:
        """The forge at an address."""


class Merges(Protocol):
    """What knows of merged requests."""

    def merged_as(self, commit: str) -> Request | None:
        """The merged request by which a commit came to the base branch; None where there is none.

        Raises:
            RetryLater: when the forge does not answer; nothing may then be decided.
            UserError: when it refuses to, or answers what it should not; it names a missing permission.
        """


class Requests(Proposals, Merges, Dispatches, Protocol):
    """A forge with requests: what it says of them, and what it is told.

    Every method raises as `Merges.merged_as`.
    """

    def under_review(self, number: int) -> Request | None:
        """An open request into the base branch with its reviews as they stand now; None for any other."""

    def head(self, number: int) -> str | None:
        """The newest commit of an open request into the base branch; None for any other."""

    def comment(self, number: int, marker: str, body: str) -> None:
        """Keep one comment of our own on a request, updated in place."""

    def status(self, commit: str, statuses: Sequence[Status]) -> None:
        """Make a commit say these; what it already says is not repeated."""


class Reviewing(Requests, Protocol):
    """A forge on which a person approves with a token of their own, bound to the commit that they saw.

    Every method raises as `Merges.merged_as`.
    """

    def account(self) -> str:
        """The login that the token is of; UserError for a bot's."""

    def approve(self, number: int, commit: str) -> None:
        """Approve an open request at its newest commit; UserError when that is another one by now."""
