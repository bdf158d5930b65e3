"""The runtime image: built from Debian packages without a daemon, reproducible, not root, and it serves."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ordain.adapters.registry import open_registry
from ordain.core.artifacts.appending import appended
from ordain.core.artifacts.artifact import build_layout, read_layout
from tests.images import ROOT, Builder, base_archive, inside, needs_builder, wheel
from tests.registries import needs_registry, needs_skopeo, running_registry
from tests.runtime.toy import ROW, files, write

pytestmark = [needs_builder, pytest.mark.slow, pytest.mark.timeout(900)]
TRAINING = ("sklearn", "xgboost", "pandas", "pyarrow", "dvc", "git", "scipy", "skl2onnx", "fairlearn", "onnx")


class Image(NamedTuple):
    builder: Builder
    name: str
    digest: str
    wheel: Path
    base: str


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    builder = Builder(tmp_path_factory.mktemp("images"))
    built, base = wheel(tmp_path_factory.mktemp("wheel")), builder.base()
    return Image(builder, "runtime", builder.runtime(base, "runtime", built), built, base)


@pytest.fixture(scope="module")
def root(image: Image) -> Iterator[Path]:
    """Its root file system, with a model where a pod mounts one."""
    with image.builder.mounted(image.name) as mounted:
        write(mounted / "srv/models/toy", files())
        yield mounted


def test_it_serves_as_a_pod_would_run_it(root: Path) -> None:
    with inside(root, "serve", "models/toy", "--name", "toy", ORDAIN_RELEASE="toy@7") as client:
        answer = client.post("/predict", json=ROW).json()
        assert answer["version"] == "7"
        assert answer["predictions"][0]["label"] in {"No", "Yes"}
        assert "ordain_model_info" in client.get("/metrics").text
        assert client.get("/openapi.json").status_code == 200


def test_the_same_base_and_wheels_give_the_same_image(image: Image) -> None:
    assert image.builder.runtime(image.base, "again", image.wheel) == image.digest


def test_the_same_packages_give_the_same_base(image: Image, tmp_path: Path) -> None:
    base_archive(tmp_path / "base.tar")
    assert (tmp_path / "base.tar").read_bytes() == (image.builder.folder / "base.tar").read_bytes()


def test_it_is_not_root_and_says_what_it_is(image: Image) -> None:
    inspected = json.loads(image.builder.buildah("inspect", "--type", "image", image.name))
    config = inspected["OCIv1"]["config"]
    assert config["User"] == "10001:10001"
    assert config["WorkingDir"] == "/srv"
    assert config["Entrypoint"] == ["ordain"]
    assert config["Labels"]["org.opencontainers.image.version"] in image.wheel.name
    assert "ORT_DISABLE_TELEMETRY=1" in config["Env"]


def test_it_holds_no_training_stack_and_nothing_that_lends_rights(root: Path) -> None:
    (packages,) = root.glob("opt/ordain/lib/python3.*/site-packages")
    held = {each.name for each in packages.iterdir()}
    assert not held & set(TRAINING)
    assert {"ordain", "onnxruntime", "uvicorn"} <= held
    assert not (root / "usr/bin/pip").exists()
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        assert not (stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID)), path


def test_what_init_containers_run_is_there(root: Path, tmp_path: Path) -> None:
    """`/usr/bin/busybox cp` lends itself and copies, as the rendered init containers do."""
    copied = root / "tmp/busybox"
    words = ["chroot", str(root), "/usr/bin/busybox", "cp", "/usr/bin/busybox", "/tmp/busybox"]
    (root / "tmp").mkdir(exist_ok=True)
    subprocess.run(words, check=True)
    subprocess.run(["chroot", str(root), "/tmp/busybox", "true"], check=True)
    copied.unlink()


def test_its_size_is_what_the_page_says(image: Image) -> None:
    page = (ROOT / "docs/containers.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"\*\*([0-9]+) MB\*\* \(", page)
    assert abs(int(said) - megabytes(image.builder, image.name)) <= 0.1 * int(said)


def megabytes(builder: Builder, name: str) -> int:
    """An image's size as buildah says it."""
    inspected = json.loads(builder.buildah("images", "--json", name))
    return int(re.sub(r"\D", "", inspected[0]["size"].partition(".")[0].split()[0]))


@needs_registry
@needs_skopeo
@pytest.mark.skipif(shutil.which("umoci") is None, reason="umoci is not installed: apt-get install umoci")
def test_a_model_that_is_appended_to_it_serves(image: Image, tmp_path: Path) -> None:
    """Pushed, one layer more, pulled and unpacked by other tools, and run by its root file system."""
    layout = build_layout(files())
    with running_registry(tmp_path / "registry") as registry:
        runtime, place = registry.place("ordain/runtime"), registry.place("models/toy")
        digest_file = tmp_path / "digest"
        words = ("push", "--quiet", "--tls-verify=false", "--format", "oci", "--digestfile", str(digest_file))
        image.builder.buildah(*words, image.name, f"docker://{runtime}")
        remote = open_registry()
        base = remote.image(runtime.at(digest_file.read_text().strip()))
        made = appended(base, "toy", read_layout(layout.blobs), layout.manifest_digest)
        assert remote.push_image(made, place, runtime, "1")
        pull = ["skopeo", "copy", "--src-tls-verify=false", f"docker://{place.at(made.digest)}"]
        subprocess.run([*pull, f"oci:{tmp_path / 'oci'}:x"], check=True, capture_output=True)
    unpack = ["umoci", "unpack", "--image", f"{tmp_path / 'oci'}:x", str(tmp_path / "bundle")]
    subprocess.run(unpack, check=True, capture_output=True)
    pod = {"ORDAIN_ARTIFACT": layout.manifest_digest, "ORDAIN_RELEASE": "toy@7"}
    with inside(tmp_path / "bundle/rootfs", "serve", "models/toy", **pod) as client:
        assert client.post("/predict", json=ROW).json()["version"] == "7"


@needs_registry
@needs_skopeo
def test_it_goes_to_a_registry_and_comes_back_by_digest(image: Image, tmp_path: Path) -> None:
    with running_registry(tmp_path / "registry") as registry:
        where = f"docker://{registry.host}/ordain/runtime"
        digest_file = tmp_path / "digest"
        words = ("push", "--quiet", "--tls-verify=false", "--format", "oci", "--digestfile", str(digest_file))
        image.builder.buildah(*words, image.name, where)
        source = f"{where}@{digest_file.read_text().strip()}"
        pull = ["skopeo", "copy", "--preserve-digests", "--src-tls-verify=false", source]
        subprocess.run([*pull, f"oci:{tmp_path / 'out'}:x"], check=True, capture_output=True)
        victim = max((registry.folder).rglob("data"), key=lambda each: each.stat().st_size)
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 1
        victim.write_bytes(data)
        refused = subprocess.run([*pull, f"oci:{tmp_path / 'tampered'}:x"], capture_output=True, check=False)
        assert refused.returncode != 0
