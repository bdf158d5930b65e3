"""`ordain append` with a real registry and a small image in place of the runtime."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from ordain.adapters.artifacts import Store
from ordain.adapters.registry import open_registry
from ordain.cli.main import ordain
from ordain.core.artifacts.appending import ARTIFACT, Image
from ordain.core.artifacts.reference import Repository, parse_reference
from ordain.core.canonical import bytes_digest, canonical_bytes
from ordain.core.state.instance import is_state_path, load
from ordain.errors import UserError
from tests.registries import Running, needs_registry, needs_skopeo, running_registry
from tests.services.test_publish import LAYOUT, POLICY, real_release
from tests.services.world import environment_file, models_file, params_file

pytestmark = needs_registry
OCI = "application/vnd.oci.image"
BASE_LAYER = bytes(1024)


def base_image() -> Image:
    """An image with one empty layer."""
    config = canonical_bytes(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"User": "10001:10001"},
            "rootfs": {"type": "layers", "diff_ids": [bytes_digest(BASE_LAYER)]},
        }
    )
    named = {"mediaType": f"{OCI}.layer.v1.tar", "digest": bytes_digest(BASE_LAYER), "size": len(BASE_LAYER)}
    about = {"mediaType": f"{OCI}.config.v1+json", "digest": bytes_digest(config), "size": len(config)}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": about,
        "layers": [named],
    }
    return Image(manifest=canonical_bytes(manifest), config=config, layers=(BASE_LAYER,))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    with (
        running_registry(tmp_path_factory.mktemp("one")) as one,
        running_registry(tmp_path_factory.mktemp("other")) as other,
    ):
        yield one, other


@pytest.fixture
def root(two: tuple[Running, Running], tmp_path: Path) -> Path:
    """A tree whose runtime image is in the first registry, and whose production pulls from the second."""
    one, other = two
    place = Repository(host=one.host, name="ordain/runtime")
    open_registry().push_image(base_image(), place, place, "1")
    runtime = {"runtime": {"image": str(place.at(base_image().digest))}}
    content: dict[str, Any] = {
        "models.yaml": models_file(("churn",), deploy={"model_delivery": "appended"}),
        "params.yaml": params_file(("churn",)),
        "policy.yaml": POLICY,
        "releases/churn/1.yaml": real_release(),
        "environments/staging.yaml": environment_file(
            "staging", {"churn": 1}, registry=f"{one.host}/models", **runtime
        ),
        "environments/production.yaml": environment_file(
            "production", {}, registry=f"{other.host}/models", **runtime
        ),
    }
    for path, value in content.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(yaml.safe_dump(value, sort_keys=False, default_flow_style=None))
    Store(tmp_path / ".ordain/local/artifacts").put(LAYOUT)
    return tmp_path


def append(root: Path, *words: str) -> list[dict[str, Any]]:
    invoked = ["append", *words, "-C", str(root), "--json"]
    done = CliRunner().invoke(ordain, invoked, catch_exceptions=False, standalone_mode=False)
    found: list[dict[str, Any]] = json.loads(done.output)["appended"]
    return found


def test_every_environment_gets_an_image_that_holds_runtime_and_model(root: Path) -> None:
    first = append(root)
    assert {each["environment"]: (each["sent"], each["written"]) for each in first} == {
        "staging": (True, True), "production": (True, True),
    }  # fmt: skip
    assert [(each["sent"], each["written"]) for each in append(root)] == [(False, False)] * 2
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*.yaml")
        if is_state_path(str(path.relative_to(root)))
    }
    loaded = load(files)
    assert loaded.problems == ()
    assert loaded.instance is not None
    for each in first:
        environment = loaded.instance.environments[each["environment"]]
        assert each["image"].endswith(environment.appended["churn@1"].image)
        assert environment.appended["churn@1"].runtime == base_image().digest
        made = open_registry().image(parse_reference(each["image"]))
        labels = json.loads(made.config)["config"]["Labels"]
        assert labels[ARTIFACT] == LAYOUT.manifest_digest


@needs_skopeo
@pytest.mark.skipif(shutil.which("umoci") is None, reason="umoci is not installed: apt-get install umoci")
def test_other_tools_unpack_it(root: Path, tmp_path: Path) -> None:
    image = next(each["image"] for each in append(root) if each["environment"] == "production")
    words = ["skopeo", "copy", "--src-tls-verify=false", f"docker://{image}", f"oci:{tmp_path / 'oci'}:x"]
    subprocess.run(words, check=True, capture_output=True)
    words = ["umoci", "unpack", "--rootless", "--image", f"{tmp_path / 'oci'}:x", str(tmp_path / "bundle")]
    subprocess.run(words, check=True, capture_output=True)
    folder = tmp_path / "bundle/rootfs/srv/models/churn"
    assert {each.name for each in folder.iterdir()} == {"model.onnx", "profile.json", "signature.json"}


@needs_skopeo
@pytest.mark.skipif(shutil.which("umoci") is None, reason="umoci is not installed: apt-get install umoci")
def test_a_runtime_image_that_umoci_made(root: Path, two: tuple[Running, Running], tmp_path: Path) -> None:
    """Its manifest has no `mediaType`, which the specification leaves open."""
    layout, bundle = tmp_path / "made", tmp_path / "made-bundle"
    image = f"{layout}:x"
    for words in (
        ["umoci", "init", "--layout", str(layout)],
        ["umoci", "new", "--image", image],
        ["umoci", "unpack", "--rootless", "--image", image, str(bundle)],
    ):
        subprocess.run(words, check=True, capture_output=True)
    (bundle / "rootfs/runtime").write_text("the runtime\n")
    words = ["umoci", "repack", "--image", image, str(bundle)]
    subprocess.run(words, check=True, capture_output=True)
    index = json.loads((layout / "index.json").read_bytes())
    digest = index["manifests"][0]["digest"]
    assert "mediaType" not in json.loads((layout / "blobs/sha256" / digest[7:]).read_bytes())
    place = Repository(host=two[0].host, name="ordain/umoci")
    words = ["skopeo", "copy", "--preserve-digests", "--dest-tls-verify=false", f"oci:{image}"]
    subprocess.run([*words, f"docker://{place}:1"], check=True, capture_output=True)
    for name in ("staging", "production"):
        path = root / f"environments/{name}.yaml"
        text = path.read_text().replace("ordain/runtime@", "ordain/umoci@")
        path.write_text(text.replace(base_image().digest, digest))
    (first, *_) = append(root)
    made = open_registry().image(parse_reference(first["image"]))
    assert json.loads(made.manifest)["mediaType"] == f"{OCI}.manifest.v1+json"
    assert len(json.loads(made.manifest)["layers"]) == 2


def test_only_models_that_are_delivered_so(root: Path) -> None:
    path = root / "models.yaml"
    path.write_text(path.read_text().replace("appended", "image-volume"))
    assert append(root) == []
    with pytest.raises(UserError, match="no model `chum`"):
        append(root, "chum")


def test_a_runtime_image_that_is_not_there(root: Path) -> None:
    path = root / "environments/staging.yaml"
    path.write_text(path.read_text().replace(base_image().digest, "sha256:" + "0" * 64))
    before = path.read_bytes()
    with pytest.raises(UserError, match="does not have"):
        append(root)
    assert path.read_bytes() == before
