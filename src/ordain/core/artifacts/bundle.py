"""A bundle for the edge: one signed archive with a model and all that a device needs to verify and run it.

The signature covers `bundle.json`, which names every other file by its digest. Equal parts give equal
bytes: an uncompressed ustar archive without times or owners.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from ordain.core.canonical import bytes_digest
from ordain.core.value import Value

NAMESPACE = "bundle@ordain.dev"
MANIFEST, SIGNATURE = "bundle.json", "bundle.json.sig"
PROGRAMS = ("predict.py", "verify.py")


class Contents(Value, frozen=True, kw_only=True):
    """What a bundle says about itself.

    Attributes:
        model, release, environment: `churn`, 7, `production`. artifact: its digest.
        record, intent: digests of the release record and of what was approved, for `ordain why`.
        invalid_input: what to do with values outside the contract.
        files: `sha256:…` by name.
    """

    version: Literal[1] = 1
    model: str
    release: int
    environment: str
    artifact: str
    record: str
    intent: str
    invalid_input: Literal["reject", "accept"]
    files: dict[str, str] = {}

    @property
    def stem(self) -> str:
        """The folder in the archive, and the archive's name without its ending."""
        return f"{self.model}-{self.release}-{self.environment}"


def bundle(contents: Contents, files: Mapping[str, bytes], sign: Callable[[bytes], str]) -> bytes:
    """The archive.

    Args:
        contents: without `files`. files: of the artifact, and `PROGRAMS`, by name.
        sign: signs the manifest; gives the text of an SSH signature in `NAMESPACE`.
    """
    named = msgspec.structs.replace(
        contents, files={name: bytes_digest(files[name]) for name in sorted(files)}
    )
    manifest = msgspec.json.format(msgspec.json.encode(named, order="sorted"), indent=2) + b"\n"
    members = {**files, MANIFEST: manifest, SIGNATURE: sign(manifest).encode("ascii")}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(members):
            info = tarfile.TarInfo(f"{contents.stem}/{name}")
            info.size, info.mode = len(members[name]), 0o755 if name in PROGRAMS else 0o644
            archive.addfile(info, io.BytesIO(members[name]))
    return stream.getvalue()
