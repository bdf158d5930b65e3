"""Where a registry keeps an artifact: `host/repository@sha256:…`, by digest and in no other way."""

from __future__ import annotations

import re

from msgspec import Struct

from ordain.core.canonical import PREFIX, is_digest
from ordain.errors import UserError

SCHEME = "oci://"
# A name of the OCI distribution specification, section "Pulling manifests".
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?|::1")
MOST = 255


class Repository(Struct, frozen=True, kw_only=True, order=True):
    """A repository of a registry.

    Attributes:
        host: with its port, if it has one. name: the path there.
    """

    host: str
    name: str

    def __str__(self) -> str:
        return f"{self.host}/{self.name}"

    def at(self, digest: str) -> Reference:
        """An artifact in it."""
        return Reference(repository=self, digest=digest)


class Reference(Struct, frozen=True, kw_only=True, order=True):
    """One artifact in a registry."""

    repository: Repository
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


def is_loopback(host: str) -> bool:
    """Whether `host` or `host:port` names this machine, where plain HTTP does no harm."""
    return _LOOPBACK.fullmatch(host) is not None


def parse_repository(text: str) -> Repository:
    """A repository from `host/name`.

    Raises:
        UserError: when the first segment is no host (as in Docker, a host has a dot or a port, or is
            `localhost`) or the rest no name of the specification.
    """
    host, _, name = text.partition("/")
    named = "." in host or ":" in host or host == "localhost"
    if len(text) > MOST or not named or not _HOST.fullmatch(host) or not REPOSITORY.fullmatch(name):
        raise UserError(
            f"{text[:80]!a} does not name a repository of a registry",
            fix="write it as host/path, such as registry.example.org/models/churn",
        )
    return Repository(host=host, name=name)


def parse_reference(text: str) -> Reference:
    """An artifact from `host/name@sha256:…`, with or without `oci://` before it.

    Raises:
        UserError: as `parse_repository`; or when there is no digest: a tag may move, so it names nothing.
    """
    place, _, digest = text.removeprefix(SCHEME).partition("@")
    if not is_digest(digest):
        raise UserError(
            f"{text[:80]!a} does not name an artifact by its digest",
            fix=f"write it as {SCHEME}host/path@sha256: and 64 hexadecimal digits",
        )
    return parse_repository(place).at(digest)


def tag_of(number: int, digest: str) -> str:
    """The tag under which a release is pushed, so that a registry's clean-up keeps it and people find it.

    It carries the digest's first digits, because a branch may release the same number anew; and it is not
    `sha256-…`, which is where registries without referrers look for an artifact's signatures.
    """
    return f"{number}-{digest.removeprefix(PREFIX)[:12]}"
