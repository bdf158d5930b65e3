from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.artifacts.appending import ARTIFACT, Image, appended, parts_of
from ordain.core.artifacts.artifact import build_layout
from ordain.core.canonical import bytes_digest
from ordain.errors import UserError

FILES = {"model.onnx": b"graph", "profile.json": b"{}", "signature.json": b"{}"}
DIGEST = build_layout(FILES).manifest_digest
CONFIG: dict[str, Any] = {
    "architecture": "arm64",
    "os": "linux",
    "config": {"User": "10001:10001", "Labels": {"a": "b"}},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "7" * 64]},
    "history": [{"created_by": "x"}],
}


def runtime(config: Any = CONFIG, **changes: Any) -> Image:
    data = json.dumps(config).encode() if not isinstance(config, bytes) else config
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "x", "digest": bytes_digest(data), "size": len(data)},
        "layers": [{"mediaType": "gzip", "digest": "sha256:" + "8" * 64, "size": 5}],
        **changes,
    }
    return Image(manifest=json.dumps(manifest).encode(), config=data)


def test_a_layer_comes_on_top_and_everything_else_stays() -> None:
    made = appended(runtime(), "churn", FILES, DIGEST)
    (layer,) = made.layers
    config, manifest = json.loads(made.config), json.loads(made.manifest)
    assert config["rootfs"]["diff_ids"] == [*CONFIG["rootfs"]["diff_ids"], bytes_digest(layer)]
    assert config["config"] == {"User": "10001:10001", "Labels": {"a": "b", ARTIFACT: DIGEST}}
    assert (config["architecture"], len(config["history"])) == ("arm64", 2)
    assert [each["digest"] for each in manifest["layers"]] == ["sha256:" + "8" * 64, bytes_digest(layer)]
    assert manifest["config"] == {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": bytes_digest(made.config),
        "size": len(made.config),
    }
    assert made.digest == "sha256:" + hashlib.sha256(made.manifest).hexdigest()
    assert parts_of(made.manifest, "x")[0] == bytes_digest(made.config)


def test_the_layer_holds_the_files_where_pods_look_and_nothing_else() -> None:
    (layer,) = appended(runtime(), "churn", FILES, DIGEST).layers
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        members = archive.getmembers()
        assert {each.name for each in members if each.isdir()} == {"srv", "srv/models", "srv/models/churn"}
        assert {each.name for each in members if each.isreg()} == {
            f"srv/models/churn/{name}" for name in FILES
        }
        assert {(each.uid, each.gid, each.mtime) for each in members} == {(0, 0, 0)}
        assert {each.mode for each in members} == {0o755, 0o644}


def test_the_same_parts_give_the_same_image() -> None:
    again = dict(reversed(FILES.items()))
    assert appended(runtime(), "churn", FILES, DIGEST) == appended(runtime(), "churn", again, DIGEST)


@pytest.mark.parametrize("config", [{}, {"history": None, "config": {"Labels": None}}])
def test_configs_without_settings(config: dict[str, Any]) -> None:
    found = runtime({"rootfs": CONFIG["rootfs"], **config})
    made = json.loads(appended(found, "churn", FILES, DIGEST).config)
    assert made["config"]["Labels"] == {ARTIFACT: DIGEST}
    assert len(made["history"]) == 1


def test_a_manifest_need_not_say_what_it_is() -> None:
    """OCI leaves `mediaType` open in a manifest; what comes out says it."""
    said, found = json.loads(runtime().manifest), runtime()
    del said["mediaType"]
    made = appended(Image(manifest=json.dumps(said).encode(), config=found.config), "churn", FILES, DIGEST)
    assert json.loads(made.manifest)["mediaType"] == "application/vnd.oci.image.manifest.v1+json"


OTHER_LAYER = {"mediaType": "gzip", "digest": "sha256:" + "8" * 64, "size": 5}


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (runtime(b"{"), "its config is not"),
        (runtime([]), "its config is not"),
        (runtime({**CONFIG, "config": None}), "its config is not"),
        (runtime({**CONFIG, "rootfs": {"diff_ids": []}}), "another number of layers"),
        (runtime({**CONFIG, "rootfs": {"diff_ids": 1}}), "another number of layers"),
        (runtime(mediaType="application/vnd.docker.distribution.manifest.v2+json"), "not in OCI form"),
        (runtime(layers=[{**OTHER_LAYER, "digest": "../x"}]), "not in OCI form"),
        (runtime(layers=[{**OTHER_LAYER, "size": -1}]), "without a size"),
        (runtime(layers=[OTHER_LAYER] * 127), "too many layers"),
        (runtime(layers=1), "manifest of one image"),
        (Image(manifest=b" " * (2**20 + 1), config=b""), "manifest of one image"),
        (Image(manifest=b'{"mediaType": "application/vnd.oci.image.index.v1+json"}', config=b""), "an index"),
    ],
)
def test_images_that_take_no_layer(image: Image, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        appended(image, "churn", FILES, DIGEST)
    assert caught.value.reason == "hostile-object"
    assert "runtime.image" in caught.value.fix


@given(st.binary(max_size=60))
def test_no_bytes_are_too_strange(data: bytes) -> None:
    for image in (Image(manifest=data, config=data), runtime(data)):
        with pytest.raises(UserError):
            appended(image, "churn", FILES, DIGEST)
