"""From a path to verified bytes: nothing of an artifact is interpreted before its digest is known.

An artifact is an extracted folder (`model.onnx`, `signature.json`, `profile.json` and nothing else) or an
OCI image layout that holds one. Either way the digest is recomputed from the bytes themselves and
compared with the one that was approved, then the graph is held to its allow-list. Only after that may a
session be made.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from ordain.adapters.files import read_bytes
from ordain.core.artifacts.artifact import BLOBS, FILES, INDEX, LAYOUT, digest_of_files, hostile, read_layout
from ordain.core.artifacts.signature import Signature, decode
from ordain.core.canonical import is_digest
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.runtime.graphcheck import check_graph

JSON_LIMIT = 16 * 2**20


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact whose digest, signature and graph have been checked.

    Attributes:
        digest: of the OCI manifest, `sha256:…`.
        model: bytes of the ONNX graph.
    """

    digest: str
    signature: Signature
    model: bytes


def open_artifact(path: Path, expected: str) -> Verified:
    """Read, verify and check one artifact.

    Args:
        path: an extracted folder or an OCI layout folder.
        expected: the approved digest; empty when nothing was approved (a look at a fresh artifact).

    Raises:
        UserError: another digest, an unknown file, a symlink, a signature or graph outside what an
            artifact may hold; nothing has been loaded then.
    """
    if expected and not is_digest(expected):
        raise UserError(
            "the expected digest is not `sha256:` and 64 hexadecimal digits",
            where="ORDAIN_ARTIFACT",
            fix="copy it from the release record or from the pod's annotations",
        )
    files = _read(path)
    digest = digest_of_files(files)
    if expected and digest != expected:
        raise UserError(
            f"the artifact is {digest}, and {expected} was approved; it is not loaded",
            where=str(path),
            fix="fetch the approved artifact again",
            reason=Reason.RELEASE_INVALID,
        )
    check_graph(files["model.onnx"])
    _check_profile(files["profile.json"])
    return Verified(digest=digest, signature=decode(files["signature.json"]), model=files["model.onnx"])


def _read(path: Path) -> dict[str, bytes]:
    """The artifact's files, from either form."""
    if not path.is_dir():
        raise UserError(
            "no such artifact folder",
            where=str(path),
            fix="give the folder of an extracted artifact, or its OCI layout",
        )
    names = _names(path)
    if LAYOUT not in names:
        return _read_all(path, names, FILES)
    blobs = BLOBS.rstrip("/")
    if set(names) - {LAYOUT, INDEX, "blobs"} or _names(path / "blobs") != ["sha256"]:
        raise hostile(str(path), "a layout holds oci-layout, index.json and blobs/sha256 and nothing else")
    inner = _names(path / blobs)
    held = _read_all(path, [LAYOUT, INDEX], (LAYOUT, INDEX))
    held |= {BLOBS + name: data for name, data in _read_all(path / blobs, inner, inner).items()}
    return read_layout(held)


def _names(folder: Path) -> list[str]:
    """What lies in a real folder, sorted."""
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise hostile(str(folder), "something else is in place of a folder")
        return sorted(each.name for each in folder.iterdir())
    except OSError as error:
        raise UserError(f"cannot read the artifact: {error.strerror}", where=str(folder)) from error


def _read_all(folder: Path, names: list[str], allowed: tuple[str, ...] | list[str]) -> dict[str, bytes]:
    for name in names:
        if name not in allowed:
            raise hostile(name, f"an artifact holds {', '.join(FILES)} and nothing else")
    return {name: read_bytes(folder / name) for name in names}


def _check_profile(data: bytes) -> None:
    """The reference profile is read elsewhere; here it only must be what its name says."""
    try:
        if len(data) > JSON_LIMIT:
            raise msgspec.DecodeError("too large")
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise hostile("profile.json", "it is not a JSON object") from error
