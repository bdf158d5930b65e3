"""A device that runs bundles, and somebody who signs them for it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ordain.adapters.resources import edge_programs
from ordain.adapters.ssh import generate, signer
from ordain.core.artifacts.artifact import digest_of_files
from ordain.core.artifacts.bundle import NAMESPACE, Contents, bundle
from ordain.core.artifacts.signature import Task
from ordain.core.evidence import sshsig
from tests.runtime.toy import files

DIGEST = "sha256:" + "1" * 64


class Device(NamedTuple):
    """A device with a list of signers, and somebody who signs bundles for it."""

    folder: Path
    key: Path
    signers: Path

    def trust(self) -> None:
        """Make the key, and list it."""
        self.signers.write_text(f'{NAMESPACE} namespaces="{NAMESPACE}" {generate(self.key)}\n')

    def bundle(
        self, task: Task = "binary", number: int = 1, policy: Any = "reject", **changes: bytes
    ) -> Path:
        """A signed bundle of the toy model; `changes` replace files before it is signed."""
        other = {name.replace("_", "."): data for name, data in changes.items()}
        parts = {**files(task), **edge_programs(), **other}
        return self.packed(parts, digest_of_files(files(task)), number, policy)

    def packed(
        self, parts: Mapping[str, bytes], artifact: str, number: int = 1, policy: Any = "reject", **other: str
    ) -> Path:
        """A signed bundle of these files; `other` says whose and where for, if not toy's for production."""
        target = {"model": "toy", "environment": "production"} | other
        contents = Contents(
            model=target["model"], release=number, environment=target["environment"], artifact=artifact,
            record=DIGEST, intent=DIGEST, invalid_input=policy,
        )  # fmt: skip
        sign = signer(self.key, NAMESPACE)
        path = self.folder / f"toy-{number}.tar"
        path.write_bytes(bundle(contents, parts, lambda data: sshsig.armor(sign(data))))
        return path

    def unpacked(self, archive: Path) -> Path:
        """The folder that an archive unpacks to."""
        with tarfile.open(archive) as opened:
            if hasattr(tarfile, "data_filter"):
                opened.extractall(self.folder / "unpacked", filter="data")
            else:  # the oldest releases of Python 3.11, which Debian 12 has
                opened.extractall(self.folder / "unpacked")
            return self.folder / "unpacked" / opened.getnames()[0].partition("/")[0]

    def run(self, program: Path, *words: str, rows: str = "") -> subprocess.CompletedProcess[str]:
        """A program on the device: without Ordain's path, without network where that can be taken away."""
        unshare = ["unshare", "--net", "--map-root-user"] if can_unshare() else []
        environment = {"PATH": os.environ["PATH"], "ORDAIN_SIGNERS": str(self.signers)}
        return subprocess.run(
            [*unshare, sys.executable, str(program), *words],
            input=rows, capture_output=True, text=True, check=False, env=environment, timeout=120,
        )  # fmt: skip


def can_unshare() -> bool:
    """Whether a process can be given a network of its own, without any interface."""
    words = ["unshare", "--net", "--map-root-user", "true"]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0
