from __future__ import annotations

import io
import json
import tarfile

from ordain.core.artifacts.artifact import FILES
from ordain.core.artifacts.bundle import MANIFEST, PROGRAMS, SIGNATURE, Contents, bundle
from ordain.core.canonical import bytes_digest

DIGEST = "sha256:" + "1" * 64
CONTENTS = Contents(
    model="churn", release=7, environment="production", artifact=DIGEST, record=DIGEST, intent=DIGEST,
    invalid_input="reject",
)  # fmt: skip
PARTS = {name: name.encode() * 100 for name in (*FILES, *PROGRAMS)}


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {}
        for each in archive:
            stream = archive.extractfile(each)
            assert stream is not None
            assert (each.mtime, each.uid, each.gid, each.uname) == (0, 0, 0, "")
            found[each.name] = stream.read()
        return found


def test_the_signature_covers_a_manifest_that_names_every_file() -> None:
    found = members(bundle(CONTENTS, PARTS, lambda data: f"signed {bytes_digest(data)}"))
    assert set(found) == {f"churn-7-production/{name}" for name in (*PARTS, MANIFEST, SIGNATURE)}
    manifest = found[f"churn-7-production/{MANIFEST}"]
    assert found[f"churn-7-production/{SIGNATURE}"].decode() == f"signed {bytes_digest(manifest)}"
    assert json.loads(manifest)["files"] == {name: bytes_digest(data) for name, data in PARTS.items()}


def test_equal_parts_give_equal_bytes() -> None:
    again = dict(reversed(PARTS.items()))
    assert bundle(CONTENTS, PARTS, lambda _: "s") == bundle(CONTENTS, again, lambda _: "s")
