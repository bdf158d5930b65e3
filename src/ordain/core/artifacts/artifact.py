"""The artifact: a model's files as an OCI image layout, as a pure function of those files' bytes.

One uncompressed ustar layer with all that could differ between two builds fixed (order, times, owners,
modes), an image config without a creation time, one manifest. So the manifest digest names the files,
whoever builds them wherever, and `digest_of_files` of an extracted folder proves it again later.

Reading is the inverse and refuses everything that building would not have made: each blob against its
own name, each descriptor against its blob, then the whole against a rebuild.

Formats: OCI image specification 1.1 (image-layout, manifest with `artifactType`, config), POSIX ustar.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec

from ordain.core.canonical import PREFIX, bytes_digest, canonical_bytes
from ordain.core.reasons import Reason
from ordain.errors import UserError

# The root file system, and nothing else: data in formats that cannot run anything when they are read.
FILES = ("model.onnx", "profile.json", "signature.json")
INDEX, LAYOUT, BLOBS = "index.json", "oci-layout", "blobs/sha256/"
MAX_FILE = 2**31 - 1  # protobuf cannot serialise a larger graph
MAX_JSON = 2**20
_BLOCK = 512
LAYOUT_BYTES = canonical_bytes({"imageLayoutVersion": "1.0.0"})
_KINDS = {
    b"1": "a hard link", b"2": "a symlink", b"3": "a device", b"4": "a device", b"5": "a folder",
    b"6": "a pipe",
}  # fmt: skip
T = TypeVar("T")

_ArtifactType = Literal["application/vnd.ordain.model.v1+json"]
_Manifest = Literal["application/vnd.oci.image.manifest.v1+json"]
_Index = Literal["application/vnd.oci.image.index.v1+json"]
_Config = Literal["application/vnd.oci.image.config.v1+json"]
_Layer = Literal["application/vnd.oci.image.layer.v1.tar"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of the JSON documents: a media type or a key that is not listed here is refused."""


class ConfigDescriptor(_Part, frozen=True, kw_only=True):
    """Points to the image config."""

    media_type: _Config = "application/vnd.oci.image.config.v1+json"
    digest: str
    size: int


class LayerDescriptor(_Part, frozen=True, kw_only=True):
    """Points to the layer."""

    media_type: _Layer = "application/vnd.oci.image.layer.v1.tar"
    digest: str
    size: int


class ManifestDescriptor(_Part, frozen=True, kw_only=True):
    """Points to a manifest, in an index."""

    media_type: _Manifest = "application/vnd.oci.image.manifest.v1+json"
    digest: str
    size: int
    annotations: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class Manifest(_Part, frozen=True, kw_only=True):
    """The document whose digest is the artifact's name."""

    schema_version: Literal[2] = 2
    media_type: _Manifest = "application/vnd.oci.image.manifest.v1+json"
    artifact_type: _ArtifactType = "application/vnd.ordain.model.v1+json"
    config: ConfigDescriptor
    layers: tuple[LayerDescriptor]


class Index(_Part, frozen=True, kw_only=True):
    """The file `index.json`."""

    schema_version: Literal[2] = 2
    media_type: _Index = "application/vnd.oci.image.index.v1+json"
    manifests: tuple[ManifestDescriptor, ...]


class Layout(msgspec.Struct, frozen=True):
    """One artifact as an OCI image layout.

    Attributes:
        manifest_digest: the artifact's name, `sha256:…`.
        blobs: every file of the layout by its path: `oci-layout`, `index.json`, `blobs/sha256/<hex>`.
    """

    manifest_digest: str
    blobs: dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all files of the layout together."""
        return sum(len(data) for data in self.blobs.values())


def blob_path(digest: str) -> str:
    """Where a layout keeps the blob of a digest."""
    return BLOBS + digest.removeprefix(PREFIX)


def to_json(part: _Part) -> bytes:
    """A document of this module as the canonical bytes that are hashed."""
    return canonical_bytes(msgspec.to_builtins(part))


def build_layout(files: Mapping[str, bytes]) -> Layout:
    """The layout of a model's files; the same files give the same bytes, always.

    Args:
        files: content by name; exactly the names of `FILES`.

    Raises:
        UserError: for a missing or another file (`hostile-object`), or one over 2 GiB.
    """
    _check_names(files)
    layer = b"".join(_member(name, files[name]) for name in sorted(files)) + bytes(2 * _BLOCK)
    diff_ids = [bytes_digest(layer)]
    config = canonical_bytes(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
    )
    manifest = to_json(
        Manifest(
            config=ConfigDescriptor(digest=bytes_digest(config), size=len(config)),
            layers=(LayerDescriptor(digest=diff_ids[0], size=len(layer)),),
        )
    )
    digest = bytes_digest(manifest)
    index = to_json(Index(manifests=(ManifestDescriptor(digest=digest, size=len(manifest)),)))
    blobs = {blob_path(bytes_digest(data)): data for data in (layer, config, manifest)}
    return Layout(digest, {LAYOUT: LAYOUT_BYTES, INDEX: index, **blobs})


def digest_of_files(files: Mapping[str, bytes]) -> str:
    """The artifact digest of an extracted folder's files; raises as `build_layout`."""
    return build_layout(files).manifest_digest


def read_layout(blobs: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a layout, after every digest, size, name and type in it has been checked.

    Args:
        blobs: the layout's files by path, one artifact.

    Returns:
        content by name, exactly the names of `FILES`.

    Raises:
        UserError: naming the file of the layout that is wrong: absent, altered, or of a kind that
            an artifact never holds (`hostile-object`).
    """
    for path, data in blobs.items():
        if path.startswith(BLOBS) and blob_path(bytes_digest(data)) != path:
            raise altered(path, "its bytes do not have the digest that it is named by")
    index = parse(_blob(blobs, INDEX), INDEX, Index)
    if len(index.manifests) != 1:
        raise hostile(INDEX, f"it lists {len(index.manifests)} manifests instead of one")
    manifest = manifest_of(blobs, index.manifests[0])
    _target(blobs, manifest.config, MAX_JSON)
    path = blob_path(manifest.layers[0].digest)
    files = _members(_target(blobs, manifest.layers[0], None), path)
    rebuilt = build_layout(files).blobs
    # Nothing is left to chance: what passes is exactly what `build_layout` makes of these files.
    for path in sorted({*blobs, *rebuilt}):
        if blobs.get(path) != rebuilt.get(path):
            raise altered(path, "it is not what the artifact's own files give")
    return files


def manifest_of(blobs: Mapping[str, bytes], descriptor: ManifestDescriptor) -> Manifest:
    """The manifest that an index entry points to, checked against it; raises as `read_layout`."""
    data = _target(blobs, descriptor, MAX_JSON)
    return parse(data, blob_path(descriptor.digest), Manifest)


def parse(data: bytes, path: str, kind: type[T]) -> T:
    """One of the JSON documents above; raises as `read_layout`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise hostile(path, f"it is not what an artifact holds there: {error}") from error


def altered(path: str, what: str) -> UserError:
    """A file of a layout is not what it must be."""
    return UserError(
        f"the artifact's file `{path[:120]}` is damaged: {what}",
        where=ascii(path)[1:-1],
        fix="get the artifact again: `ordain data pull`, or `ordain run`",
        reason=Reason.RELEASE_INVALID,
    )


def hostile(path: str, what: str) -> UserError:
    """A file of a layout is of a kind that an artifact never holds."""
    return UserError(
        f"the artifact's file `{path[:120]}` is refused: {what}",
        where=ascii(path)[1:-1],
        fix="build the artifact with `ordain run`",
        reason=Reason.HOSTILE_OBJECT,
    )


def _blob(blobs: Mapping[str, bytes], path: str, limit: int | None = MAX_JSON) -> bytes:
    if path not in blobs:
        raise altered(path, "it is absent")
    if limit is not None and len(blobs[path]) > limit:
        raise hostile(path, f"it is larger than {limit} bytes")
    return blobs[path]


def _target(
    blobs: Mapping[str, bytes],
    descriptor: ConfigDescriptor | LayerDescriptor | ManifestDescriptor,
    limit: int | None,
) -> bytes:
    """The blob that a descriptor points to; its digest is known to be right."""
    path = blob_path(descriptor.digest)
    data = _blob(blobs, path, limit)
    if bytes_digest(data) != descriptor.digest or len(data) != descriptor.size:
        raise altered(path, f"it is not the {descriptor.size} bytes of {descriptor.digest[:80]}")
    return data


def _check_names(files: Mapping[str, bytes]) -> None:
    for name in sorted({*files} - {*FILES}):
        raise hostile(name, f"an artifact holds {', '.join(FILES)} and nothing else")
    for name in FILES:
        if name not in files:
            raise hostile(name, "it is absent, and an artifact is not whole without it")
        if len(files[name]) > MAX_FILE:
            raise hostile(name, f"it is larger than {MAX_FILE} bytes")


def _header(name: str, size: int) -> bytes:
    """A ustar header: mode 0644, owner and group 0, time 0."""
    before = name.encode("ascii").ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2
    before += f"{size:011o}\0".encode("ascii") + b"00000000000\0"
    after = b"0" + bytes(100) + b"ustar\0" + b"00" + bytes(64) + b"0000000\0" * 2 + bytes(167)
    checksum = sum(before) + sum(after) + 8 * ord(" ")
    return before + f"{checksum:06o}\0 ".encode("ascii") + after


def _member(name: str, data: bytes) -> bytes:
    return _header(name, len(data)) + data + bytes(-len(data) % _BLOCK)


def _members(layer: bytes, path: str) -> dict[str, bytes]:
    """The files of a layer whose every header is, byte for byte, the one that we would write."""
    files: dict[str, bytes] = {}
    start = 0
    while any(header := layer[start : start + _BLOCK]):
        kind, name = header[156:157], header[:100].rstrip(b"\0").decode("ascii", "replace")
        if kind != b"0":
            raise hostile(path, f"its member {name[:60]!a} is {_KINDS.get(kind, 'of an unknown kind')}")
        if name not in FILES or name in files:
            raise hostile(path, f"its member {name[:60]!a} is not allowed, or is there twice")
        digits = header[124:135]
        size = int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else -1
        if size < 0 or header != _header(name, size):
            raise hostile(path, f"the header of its member `{name}` is not the plain one")
        start += _BLOCK
        files[name] = layer[start : start + size]
        start += size + -size % _BLOCK
    return files
