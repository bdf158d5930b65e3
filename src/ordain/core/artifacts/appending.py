"""The runtime image with a model in it: one more layer, made without building anything.

For clusters that can mount no image and shall pull one image only. The layers of the runtime image stay what
they are, so a node that has them pulls the model alone. The same runtime image and artifact give the same
digest, so whoever doubts an image makes it again.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import Any

import msgspec

from ordain.core.artifacts.artifact import MAX_JSON
from ordain.core.artifacts.referrers import MANIFEST
from ordain.core.canonical import bytes_digest, canonical_bytes, is_digest
from ordain.core.reasons import Reason
from ordain.core.value import Value
from ordain.errors import UserError

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
ARTIFACT = "dev.ordain.artifact"
MOST_LAYERS = 127  # what container runtimes stack
FOLDER = "srv/models"


class Image(Value, frozen=True, kw_only=True):
    """An image: its manifest and config, and those of its layers that nobody else has."""

    manifest: bytes
    config: bytes
    layers: tuple[bytes, ...] = ()

    @property
    def digest(self) -> str:
        """By which it is pulled."""
        return bytes_digest(self.manifest)


class _Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    media_type: str
    digest: str
    size: int


class _Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    media_type: str = MANIFEST  # the specification leaves it open, and umoci writes none
    config: _Descriptor
    layers: tuple[_Descriptor, ...]


def parts_of(manifest: bytes, where: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The digest of an image's config; digest and size of each of its layers.

    Args:
        where: the image, for errors.

    Raises:
        UserError: for anything but the manifest of one OCI image.
    """
    found = _manifest(manifest, where)
    return found.config.digest, tuple((each.digest, each.size) for each in found.layers)


def appended(runtime: Image, model: str, files: Mapping[str, bytes], artifact: str) -> Image:
    """The runtime image with a model's files at `/srv/models/<model>`.

    Args:
        runtime: its manifest and config. files: the artifact's, by name. artifact: its digest.

    Raises:
        UserError: when the runtime image is none that a layer can be added to.
    """
    found = _manifest(runtime.manifest, "the runtime image")
    layer = _layer(model, files)
    config = _config(runtime.config, bytes_digest(layer), artifact, len(found.layers))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(CONFIG, config),
        "layers": [*(msgspec.to_builtins(each) for each in found.layers), _descriptor(LAYER, layer)],
        "annotations": {ARTIFACT: artifact, "org.opencontainers.image.base.digest": runtime.digest},
    }
    return Image(manifest=canonical_bytes(manifest), config=config, layers=(layer,))


def _layer(model: str, files: Mapping[str, bytes]) -> bytes:
    """The files and the folders above them: root's, readable by everybody, without times."""
    stream = io.BytesIO()
    parents = FOLDER.split("/")
    folders = ["/".join(parents[:depth]) for depth in range(1, len(parents) + 1)]
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in (*folders, f"{FOLDER}/{model}"):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
        for name in sorted(files):
            info = tarfile.TarInfo(f"{FOLDER}/{model}/{name}")
            info.size, info.mode = len(files[name]), 0o644
            archive.addfile(info, io.BytesIO(files[name]))
    return stream.getvalue()


def _config(runtime: bytes, layer: str, artifact: str, layers: int) -> bytes:
    """The runtime image's config with one more layer and a label; everything else as it was."""
    try:
        config = msgspec.json.decode(runtime)
        known = config["rootfs"]["diff_ids"]
        settings = config.setdefault("config", {})
        labels = {**(settings.get("Labels") or {}), ARTIFACT: artifact}
        history = [*(config.get("history") or []), {"created_by": "ordain append"}]
    except (
        msgspec.MsgspecError,
        UnicodeDecodeError,
        RecursionError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise _unfit("the runtime image", "its config is not that of an OCI image") from error
    if not isinstance(known, list) or len(known) != layers:
        raise _unfit("the runtime image", "its config and its manifest name another number of layers")
    rootfs = {"type": "layers", "diff_ids": [*known, layer]}
    return canonical_bytes(
        {**config, "config": {**settings, "Labels": labels}, "history": history, "rootfs": rootfs}
    )


def _manifest(data: bytes, where: str) -> _Manifest:
    try:
        if len(data) > MAX_JSON:
            raise msgspec.ValidationError("too large")
        found = msgspec.json.decode(data, type=_Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unfit(
            where, "it is not the manifest of one image (an index of several names each by its digest)"
        ) from error
    digests = [found.config.digest, *(each.digest for each in found.layers)]
    if found.media_type != MANIFEST or not all(map(is_digest, digests)):
        raise _unfit(where, "it is not in OCI form: push it with `buildah push --format oci`")
    if not all(each.size >= 0 for each in (found.config, *found.layers)) or len(found.layers) >= MOST_LAYERS:
        raise _unfit(where, "it has too many layers, or some without a size")
    return found


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": bytes_digest(data), "size": len(data)}


def _unfit(where: str, why: str) -> UserError:
    return UserError(
        f"no model can be appended: {why}",
        where=where,
        fix="name another image in `runtime.image` of the environment",
        reason=Reason.HOSTILE_OBJECT,
    )
