"""What is remote, as protocols: the forge, and the objects through which the local one speaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ordain.core.request import Draft, Opened, Request, Status


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


class Requests(Protocol):
    """A forge with requests: what it says of merged ones, and what it is told.

    Every method raises:
        RetryLater: when the forge does not answer; nothing may then be decided.
        UserError: when it refuses to, or answers what it should not; it names a missing permission.
    """

    def merged_as(self, commit: str) -> Request | None:
        """The merged request by which a commit came to the base branch; None where there is none."""

    def open_request(self, draft: Draft) -> str:
        """Open a request, unless its branch already has one into that base; its page."""

    def open_requests(self, label: str) -> tuple[Opened, ...]:
        """The open requests with a label, by number."""

    def comment(self, number: int, marker: str, body: str) -> None:
        """Keep one comment of our own on a request, updated in place."""

    def status(self, commit: str, statuses: Sequence[Status]) -> None:
        """Make a commit say these; what it already says is not repeated."""

    def dispatch(self, event: str, payload: Mapping[str, str]) -> None:
        """Start the jobs that listen to an event."""
