"""What refers to an artifact from outside, such as its signature: OCI image specification 1.1, `subject`.

An artifact holds no signature, so that its digest does not depend on who signed it. A signature is a
manifest of its own whose `subject` is the artifact. Registries list these by the referrers API; for those
without it, the distribution specification keeps the list under the tag `sha256-<digest>`.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from ordain.core.canonical import bytes_digest, canonical_bytes, is_digest
from ordain.core.value import Value

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY_BYTES = b"{}"
T = TypeVar("T")


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Points to a blob or manifest. What else a registry says of it is passed over."""

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""


class Attachment(Value, frozen=True, kw_only=True):
    """Something that refers to an artifact: its manifest, and the blobs that this names, by digest."""

    manifest: bytes
    blobs: dict[str, bytes]
    kind: str

    @property
    def digest(self) -> str:
        """Of its manifest."""
        return bytes_digest(self.manifest)


class _Listed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    manifests: tuple[Descriptor, ...]


class _Referring(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    layers: tuple[Descriptor, ...]
    subject: Descriptor


class ReferrerError(ValueError):
    """Not a list of referrers, or not a manifest that refers to this artifact."""


def attachment(subject: bytes, kind: str, content: bytes) -> Attachment:
    """What attaches one document to an artifact; the same arguments give the same bytes.

    Args:
        subject: the artifact's manifest. kind: media type of the document.
    """
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": _descriptor(EMPTY, EMPTY_BYTES),
        "layers": [_descriptor(kind, content)],
        "subject": _descriptor(MANIFEST, subject),
    }
    blobs = {bytes_digest(data): data for data in (EMPTY_BYTES, content)}
    return Attachment(manifest=canonical_bytes(manifest), blobs=blobs, kind=kind)


def fallback_tag(digest: str) -> str:
    """Where a registry without the referrers API keeps the list of what refers to a digest."""
    return digest.replace(":", "-")


def listed(index: bytes, kind: str) -> tuple[str, ...]:
    """Digests of the manifests of one kind in a list of referrers.

    Raises:
        ReferrerError: when it is none.
    """
    found = _decoded(index, _Listed).manifests
    return tuple(each.digest for each in found if each.artifact_type == kind and is_digest(each.digest))


def extended(index: bytes | None, added: Attachment) -> bytes | None:
    """A list of referrers with one more in it; None when it is there already.

    Args:
        index: the list as the registry has it; None when it has none.

    Raises:
        ReferrerError: when what it has is no list.
    """
    entries: list[Any] = []
    if index is not None:
        if added.digest in listed(index, added.kind):
            return None
        entries = msgspec.json.decode(index)["manifests"]
    entry = {**_descriptor(MANIFEST, added.manifest), "artifactType": added.kind}
    return canonical_bytes({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, entry]})


def content_of(manifest: bytes, subject: str, kind: str) -> Descriptor:
    """Where the document is that a referring manifest attaches.

    Raises:
        ReferrerError: when it refers to something else, or holds anything but one document of the kind.
    """
    found = _decoded(manifest, _Referring)
    if found.subject.digest != subject:
        raise ReferrerError("it refers to another artifact")
    if len(found.layers) != 1 or found.layers[0].media_type != kind or not is_digest(found.layers[0].digest):
        raise ReferrerError(f"it does not hold one document of the type {kind}")
    return found.layers[0]


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": bytes_digest(data), "size": len(data)}


def _decoded(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReferrerError("it is not what the specification describes") from error
