"""Put what ships into a byte-reproducible OCI image layout.

Reads: export/{model.onnx,signature.json,profile.json}. Writes: artifact/ and package.json.
"""

from __future__ import annotations

from ordain.adapters.files import read_bytes, write_tree_atomic
from ordain.adapters.stage import Stage, run
from ordain.core.artifacts.artifact import build_layout
from ordain.core.canonical import bytes_digest

FILES = ("model.onnx", "profile.json", "signature.json")


def main(stage: Stage) -> None:
    """Exported files to an artifact and its digest."""
    files = {name: read_bytes(stage.path(f"export/{name}")) for name in FILES}
    layout = build_layout(files)
    write_tree_atomic(stage.path("artifact"), layout.blobs)
    record = {
        "artifact": layout.manifest_digest,
        "bytes": sum(len(data) for data in layout.blobs.values()),
        "files": {name: bytes_digest(data) for name, data in files.items()},
    }
    stage.write_json("package.json", record)


if __name__ == "__main__":
    run("package", main)
