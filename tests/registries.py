"""A real registry on loopback (Debian's `docker-registry`), with and without a password."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import yaml

from ordain.core.artifacts.reference import Repository
from ordain.core.canonical import bytes_digest

USER, PASSWORD = "dana", "a-pass-word-that-nobody-may-print"
HASHED = "$2b$04$MTTwgCMJ6s.uqDfTKbws/u/gNxoqWCK1T8yPH1r32tfK2OeeIF5wq"  # bcrypt
needs_registry = pytest.mark.skipif(
    shutil.which("docker-registry") is None,
    reason="docker-registry is not installed: apt-get install docker-registry",
)
needs_skopeo = pytest.mark.skipif(
    shutil.which("skopeo") is None, reason="skopeo is not installed: apt-get install skopeo"
)


class Running(NamedTuple):
    """A registry process, its host and the folder where it keeps blobs."""

    host: str
    folder: Path

    def place(self, name: str = "models/churn") -> Repository:
        return Repository(host=self.host, name=name)

    def blob(self, data: bytes) -> Path:
        """Where the registry keeps these bytes."""
        return self.blob_of(bytes_digest(data))

    def blob_of(self, digest: str) -> Path:
        hexadecimal = digest.removeprefix("sha256:")
        return self.folder / f"docker/registry/v2/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running_registry(folder: Path, *, password: bool = False) -> Iterator[Running]:
    """A registry process on a free port, gone at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    host = f"127.0.0.1:{free_port()}"
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": host},
    }
    if password:
        (folder / "htpasswd").write_text(f"{USER}:{HASHED}\n")
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    process = subprocess.Popen(
        ["docker-registry", "serve", str(folder / "config.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(host, process)
        yield Running(host, folder / "data")
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait(host: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            httpx.get(f"http://{host}/v2/", timeout=2)
        except httpx.HTTPError:
            assert process.poll() is None, "docker-registry did not start"
            time.sleep(0.05)
        else:
            return
    pytest.fail("docker-registry does not answer")
