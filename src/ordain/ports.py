"""What is remote, as protocols: the forge, and the objects through which the local one speaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ordain.core.request import Request


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
    """What a forge knows of merged requests."""

    def merged_as(self, commit: str) -> Request | None:
        """The merged request by which a commit came to the base branch; None where there is none.

        Raises:
            RetryLater: when the forge does not answer; nothing may then be decided.
            UserError: when it refuses to.
        """
