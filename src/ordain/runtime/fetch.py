"""What `ordain serve` is pointed at, as a folder on this machine: a path, or a reference to a registry.

An artifact that was fetched once is served from the cache, without asking anybody, as long as its bytes
have the digest. So a device or pod that starts again needs no registry.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from ordain.adapters.files import read_bytes, write_tree_atomic
from ordain.core.artifacts.artifact import FILES, digest_of_files, read_layout
from ordain.core.artifacts.reference import SCHEME, Reference, parse_reference
from ordain.errors import UserError

if TYPE_CHECKING:  # a server that is given a folder starts without all that a registry takes
    from ordain.ports import Registry


class Located(Struct, frozen=True):
    """Where an artifact lies, and the digest by which it was asked for, if it was."""

    path: Path
    digest: str = ""


def located(text: str, root: Path, open_registry: Callable[[], Registry]) -> Located:
    """The folder of an artifact, fetched when it is in a registry.

    Args:
        text: a path, or `oci://host/name@sha256:…`. root: what a relative path is relative to.

    Raises:
        UserError: no such reference, or as `Registry.pull`. RetryLater: as `Registry.pull`.
    """
    if not text.startswith(SCHEME):
        return Located(root / text)
    reference = parse_reference(text)
    return Located(cached(reference, cache_folder(os.environ), open_registry), reference.digest)


def cached(reference: Reference, cache: Path, open_registry: Callable[[], Registry]) -> Path:
    """The artifact's files in the cache, put there when they are not, or are not what they should be."""
    folder = cache / reference.digest.replace(":", "-")
    if not _holds(folder, reference.digest):
        write_tree_atomic(folder, read_layout(open_registry().pull(reference).blobs))
    return folder


def cache_folder(environment: Mapping[str, str]) -> Path:
    """`ORDAIN_CACHE`, else the user's cache folder, else the one for temporary files."""
    if environment.get("ORDAIN_CACHE"):
        return Path(environment["ORDAIN_CACHE"])
    if environment.get("XDG_CACHE_HOME"):
        return Path(environment["XDG_CACHE_HOME"], "ordain")
    if environment.get("HOME"):
        return Path(environment["HOME"], ".cache", "ordain")
    return Path(tempfile.gettempdir(), f"ordain-{os.getuid()}")


def _holds(folder: Path, digest: str) -> bool:
    try:
        return digest_of_files({name: read_bytes(folder / name) for name in FILES}) == digest
    except UserError:
        return False
