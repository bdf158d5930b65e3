"""A base image from Debian packages and the runtime image on it, built without any registry or daemon."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

ROOT = Path(__file__).parents[1]
SUITE = "bookworm"
PACKAGES = "python3,libstdc++6,busybox-static"
# As the Containerfile sets it.
IMAGE_ENVIRONMENT = {
    "PATH": "/opt/ordain/bin:/usr/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "ORDAIN_CACHE": "/tmp/ordain",
    "ORT_DISABLE_TELEMETRY": "1",
}
EPOCH = "1700000000"
NEEDED = ("buildah", "mmdebstrap", "unshare", "chroot")
MISSING = [each for each in NEEDED if shutil.which(each) is None] + ([] if os.getuid() == 0 else ["root"])
needs_builder = pytest.mark.skipif(
    bool(MISSING),
    reason=f"images are built as root with buildah and mmdebstrap; missing: {', '.join(MISSING)}",
)


class Builder(NamedTuple):
    """A place for images that nobody else uses."""

    folder: Path

    @property
    def options(self) -> list[str]:
        return [
            *("--storage-driver", "vfs", "--root", str(self.folder / "root")),
            *("--runroot", str(self.folder / "run")),
        ]

    def buildah(self, *words: str) -> str:
        done = subprocess.run(["buildah", *self.options, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def base(self) -> str:
        """Python, libstdc++ and busybox as Debian has them: no shell, no package manager."""
        archive = self.folder / "base.tar"
        base_archive(archive)
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, str(archive), "/")
        self.buildah("commit", "--quiet", "--timestamp", "0", container, "base")
        self.buildah("rm", container)
        return "localhost/base"

    def runtime(self, base: str, name: str, wheel: Path, kind: str = "serve") -> str:
        """The image that serves or runs jobs, as people build it; its digest."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        environment = {**os.environ, "BUILDAH_OPTIONS": " ".join(self.options), "PYTHON_VERSION": version}
        done = subprocess.run(
            [str(ROOT / "scripts/image"), str(wheel), base, name, kind],
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return self.buildah("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", name)

    @contextmanager
    def mounted(self, name: str) -> Iterator[Path]:
        """The root file system of an image."""
        container = self.buildah("from", "--pull-never", name)
        try:
            yield Path(self.buildah("mount", container))
        finally:
            self.buildah("rm", container)


def base_archive(path: Path) -> None:
    """The files of some Debian packages, without running anything of theirs; skips without a mirror."""
    words = [
        *("mmdebstrap", "--quiet", "--variant=extract", f"--include={PACKAGES}"),
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        *("--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"),
        *(SUITE, str(path)),
    ]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        pytest.skip(f"no Debian packages can be had: {done.stderr[-300:]}")


def wheel(folder: Path) -> Path:
    """This Ordain as the wheel that a release would have."""
    words = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
    ]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    subprocess.run([*words, str(ROOT)], check=True, capture_output=True, env=environment)
    (found,) = folder.glob("ordain-*.whl")
    return found


def _confined(root: Path, data: Path, words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """`ordain` in a root file system: read-only but for /tmp and /srv/data, as the user of a pod."""
    for each in ("tmp", "proc", "srv/data"):
        (root / each).mkdir(exist_ok=True, parents=True)
    script = (
        'mount --bind -o ro "$0" "$0" && mount --bind "$1" "$0/srv/data" && '
        'mount -t tmpfs -o mode=1777 tmpfs "$0/tmp" && mount -t proc proc "$0/proc" && '
        'root="$0" && shift && exec chroot --userspec=10001:10001 "$root" "$@"'
    )
    settings = [f"{name}={value}" for name, value in {**IMAGE_ENVIRONMENT, **environment}.items()]
    command = ["/usr/bin/busybox", "env", "-i", *settings, "/usr/bin/busybox", "sh", "-c"]
    command += ['cd /srv && exec ordain "$@"', "ordain", *words]
    return ["unshare", "--mount", "sh", "-c", script, str(root), str(data), *command]


def job_inside(root: Path, data: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`ordain` in a root file system, as a job's pod runs it, with its claim at /srv/data."""
    for each in (data, *data.rglob("*")):  # as the kubelet does for a pod's fsGroup
        os.chown(each, 10001, 10001)
    command = _confined(root, data, words, environment)
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def inside(root: Path, *words: str, **environment: str) -> Iterator[httpx.Client]:
    """`ordain serve` in a root file system: read-only but for /tmp, as the user of a pod, and a client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = _confined(root, root / "tmp", (*words, "--port", str(port)), environment)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            for _ in range(600):
                try:
                    client.get("/v2/health/ready")
                    break
                except httpx.HTTPError:
                    if process.poll() is not None:
                        pytest.fail(f"it ended: {process.communicate()}")
                    time.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=30)
