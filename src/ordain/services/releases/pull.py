"""`ordain pull`: an artifact from a registry, its files in a folder, what signs it beside."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from ordain.adapters.files import write_atomic, write_tree_atomic
from ordain.core.artifacts.artifact import read_layout
from ordain.core.artifacts.model_signature import BUNDLE_TYPE
from ordain.core.artifacts.reference import Reference
from ordain.ports import Registry


class Pulled(Struct, frozen=True, kw_only=True):
    """What was written: the folder, and signatures in OpenSSF model-signing form beside it."""

    digest: str
    folder: str
    signatures: tuple[str, ...]


def pull(registry: Registry, reference: Reference, folder: Path) -> Pulled:
    """Fetch, verify and write an artifact; the folder then holds its files and nothing else.

    Signatures are written as they are, unverified: whose key counts is the reader's decision
    (`model_signing verify`).

    Raises:
        UserError: as `Registry.pull`, or when it cannot be written. RetryLater: as `Registry.pull`.
    """
    files = read_layout(registry.pull(reference).blobs)
    attached = registry.attached(reference, BUNDLE_TYPE)
    write_tree_atomic(folder, files)
    written = []
    for number, data in enumerate(attached, start=1):
        path = folder.with_name(f"{folder.name}.{number}.sig")
        write_atomic(path, data)
        written.append(str(path))
    return Pulled(digest=reference.digest, folder=str(folder), signatures=tuple(written))
