"""The embedded forge: approvals are blobs under `refs/ordain/approvals/` of a bare repository."""

from __future__ import annotations

import hashlib

from ordain.ports import Objects

FOLDER = "refs/ordain/approvals"
SIZE_LIMIT = 256 * 2**10


class LocalForge:
    """Approvals in the repository itself: no server and no account.

    A ref is named by the SHA-256 of the envelope that it points at, so the same approval published
    twice is one ref, and none can be replaced by another. What is misnamed or too large is passed over.

    Args:
        objects: a repository to read and write through.
        address: where the approvals are.
    """

    def __init__(self, objects: Objects, address: str) -> None:
        self._objects = objects
        self._address = address

    def approvals(self) -> list[bytes]:
        """Every envelope, ordered by its digest."""
        self._objects.fetch(self._address, {f"{FOLDER}/*": f"{FOLDER}/*"})
        listed = {name: each for name, each in self._objects.refs(FOLDER).items() if each.size <= SIZE_LIMIT}
        content = self._objects.objects([each.id for each in listed.values()], "blob")
        found = {name: content[each.id] for name, each in sorted(listed.items())}
        return [data for name, data in found.items() if name == name_of(data)]

    def publish(self, envelope: bytes) -> str:
        """Push one envelope; the ref's name."""
        (blob,) = self._objects.write_blobs([envelope])
        name = name_of(envelope)
        self._objects.push(self._address, blob, name)
        return name


def name_of(envelope: bytes) -> str:
    """The ref that holds an envelope."""
    return f"{FOLDER}/{hashlib.sha256(envelope).hexdigest()}"
