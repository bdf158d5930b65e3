"""The artifact is a pure function of its files, and reading it trusts nothing."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.artifacts import artifact
from ordain.core.artifacts.artifact import (
    FILES,
    Layout,
    blob_path,
    build_layout,
    digest_of_files,
    read_layout,
)
from ordain.core.canonical import bytes_digest, canonical_bytes
from ordain.errors import UserError

EXAMPLE = {"model.onnx": b"graph" * 300, "profile.json": b"", "signature.json": b"{}" * 256}
GOLDEN = "sha256:9439799338eb9718ad47794cee209e4f90460bffd5385f1aa99f935242a1515f"
contents = st.fixed_dictionaries({name: st.binary(max_size=1500) for name in FILES})


def layer_of(layout: Layout) -> bytes:
    manifest = json.loads(layout.blobs[blob_path(layout.manifest_digest)])
    return layout.blobs[blob_path(manifest["layers"][0]["digest"])]


def with_layer(layer: bytes, **manifest_changes: Any) -> dict[str, bytes]:
    """A layout that is consistent in every digest and holds any layer."""
    config = canonical_bytes(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [bytes_digest(layer)]},
        }
    )
    described = {"config": config, "layer.v1.tar": layer}
    config_descriptor, layer_descriptor = (
        {
            "mediaType": f"application/vnd.oci.image.{name}" + ("" if "layer" in name else ".v1+json"),
            "digest": bytes_digest(data),
            "size": len(data),
        }
        for name, data in described.items()
    )
    manifest = canonical_bytes(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.ordain.model.v1+json",
            "config": config_descriptor,
            "layers": [layer_descriptor],
            **manifest_changes,
        }
    )
    return with_manifest(manifest, config, layer)


def with_manifest(manifest: bytes, *others: bytes, **index_changes: Any) -> dict[str, bytes]:
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": bytes_digest(manifest),
                "size": len(manifest),
            }
        ],
        **index_changes,
    }
    return {
        "oci-layout": canonical_bytes({"imageLayoutVersion": "1.0.0"}),
        "index.json": canonical_bytes(index),
        **{blob_path(bytes_digest(data)): data for data in (manifest, *others)},
    }


def refusal(blobs: dict[str, bytes]) -> UserError:
    with pytest.raises(UserError) as caught:
        read_layout(blobs)
    assert caught.value.fix
    assert caught.value.where.isprintable()
    return caught.value


@given(files=contents, order=st.permutations(FILES))
@settings(max_examples=60, deadline=None)
def test_the_same_files_give_the_same_bytes_and_come_back(files: dict[str, bytes], order: list[str]) -> None:
    layout = build_layout(files)
    again = build_layout({name: files[name] for name in order})
    assert again == layout
    assert list(again.blobs) == list(layout.blobs)
    assert read_layout(layout.blobs) == files
    assert digest_of_files(files) == layout.manifest_digest
    assert layout.size == sum(map(len, layout.blobs.values()))


@given(first=contents, second=contents)
@settings(max_examples=60, deadline=None)
def test_other_files_have_another_digest(first: dict[str, bytes], second: dict[str, bytes]) -> None:
    assert (digest_of_files(first) == digest_of_files(second)) == (first == second)


def test_the_digest_is_the_one_of_every_earlier_version() -> None:
    """Released artifacts are named by it: a change of one byte of the format orphans them all."""
    assert digest_of_files(EXAMPLE) == GOLDEN


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_flipped_bit_is_found_and_its_file_named(data: st.DataObject) -> None:
    blobs = dict(build_layout(EXAMPLE).blobs)
    path = data.draw(st.sampled_from(sorted(blobs)))
    place = data.draw(st.integers(0, len(blobs[path]) - 1))
    changed = bytearray(blobs[path])
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    blobs[path] = bytes(changed)
    error = refusal(blobs)
    index_points_elsewhere = path == "index.json" and error.where.startswith("blobs/")
    assert error.where == path or index_points_elsewhere


@pytest.mark.parametrize("cut", [1, 0])
def test_a_truncated_or_absent_file_is_named(cut: int) -> None:
    for path in build_layout(EXAMPLE).blobs:
        blobs = dict(build_layout(EXAMPLE).blobs)
        if cut:
            blobs[path] = blobs[path][:-1]
        else:
            del blobs[path]
        assert refusal(blobs).where == path


def test_nothing_may_lie_beside_the_artifact() -> None:
    for path, data in (
        ("blobs/sha256/" + "0" * 64, b""),
        ("notes", b""),
        (blob_path(bytes_digest(b"x")), b"x"),
    ):
        assert refusal({**build_layout(EXAMPLE).blobs, path: data}).where == path


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"model.onnx": b""},
        {**EXAMPLE, "model.pkl": b""},
        {**EXAMPLE, "../escape": b""},
        {**EXAMPLE, "release.json": b""},
    ],
)
def test_an_artifact_holds_its_three_files_and_nothing_else(files: dict[str, bytes]) -> None:
    with pytest.raises(UserError) as caught:
        build_layout(files)
    assert caught.value.reason == "hostile-object"


def test_a_file_that_no_graph_can_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "MAX_FILE", 100)
    with pytest.raises(UserError, match="larger than 100"):
        build_layout({**EXAMPLE, "model.onnx": bytes(101)})


def tar(*members: tuple[str, dict[str, Any]], data: bytes = b"x") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, fields in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


HOSTILE_MEMBERS = {
    "absolute": ("/etc/passwd", {}),
    "upwards": ("../model.onnx", {}),
    "below": ("folder/model.onnx", {}),
    "pickle": ("model.pkl", {}),
    "symlink": ("model.onnx", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd", "size": 0}),
    "hard link": ("model.onnx", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd", "size": 0}),
    "device": ("model.onnx", {"type": tarfile.CHRTYPE, "size": 0}),
    "block device": ("model.onnx", {"type": tarfile.BLKTYPE, "size": 0}),
    "folder": ("model.onnx", {"type": tarfile.DIRTYPE, "size": 0}),
    "pipe": ("model.onnx", {"type": tarfile.FIFOTYPE, "size": 0}),
    "sparse": ("model.onnx", {"type": b"S", "size": 0}),
    "setuid": ("model.onnx", {"mode": 0o4755}),
    "owner": ("model.onnx", {"uid": 1}),
    "time": ("model.onnx", {"mtime": 1}),
    "user name": ("model.onnx", {"uname": "root"}),
}


@pytest.mark.parametrize("member", HOSTILE_MEMBERS.values(), ids=HOSTILE_MEMBERS.keys())
def test_hostile_tar_members_are_refused(member: tuple[str, dict[str, Any]]) -> None:
    layer = tar(member)
    error = refusal(with_layer(layer))
    assert error.reason == "hostile-object"
    assert error.where == blob_path(bytes_digest(layer))


def test_duplicates_odd_sizes_and_long_ends_are_refused() -> None:
    good = layer_of(build_layout(EXAMPLE))
    first = good[: 512 + 1536]
    negative = bytearray(good)
    negative[124:136] = b"-0000000001\0"
    huge = bytearray(good)
    huge[124:136] = b"77777777777\0"
    for layer in (first + good, bytes(negative), bytes(huge), b"\xff" * 512):
        assert refusal(with_layer(layer)).reason == "hostile-object"
    for layer in (
        b"",
        good[:-512],
        good + bytes(512),
        good[:-1024] + b"",
        good + b"trailing",
        first,
        good[:600],
    ):
        refusal(with_layer(layer))
    # A member that claims more bytes than there are, in an otherwise perfect header.
    short = build_layout({**EXAMPLE, "signature.json": bytes(4096)})
    refusal(with_layer(layer_of(short)[:-3000]))


def test_the_order_of_members_is_fixed() -> None:
    good = layer_of(build_layout(EXAMPLE))
    model, rest = good[: 512 + 1536], good[512 + 1536 : -1024]
    refusal(with_layer(rest + model + bytes(1024)))


def test_the_helper_of_these_tests_makes_good_layouts() -> None:
    layout = build_layout(EXAMPLE)
    assert with_layer(layer_of(layout)) == layout.blobs


BAD_MANIFESTS: dict[str, dict[str, Any]] = {
    "two layers": {"layers": []},
    "another artifact": {"artifactType": "application/x-python-pickle"},
    "another config": {"config": {"mediaType": "application/json", "digest": "x", "size": 1}},
    "unknown key": {"subject": {}},
    "annotations": {"annotations": {"a": "b"}},
    "another version": {"schemaVersion": 1},
}


@pytest.mark.parametrize("change", BAD_MANIFESTS.values(), ids=BAD_MANIFESTS.keys())
def test_other_manifests_are_refused(change: dict[str, Any]) -> None:
    blobs = with_layer(layer_of(build_layout(EXAMPLE)), **change)
    assert refusal(blobs).reason == "hostile-object"


def test_a_descriptor_must_fit_its_blob() -> None:
    layout = build_layout(EXAMPLE)
    manifest = json.loads(layout.blobs[blob_path(layout.manifest_digest)])
    for part, field, value in itertools.product(
        ("config", "layers"), ("size", "digest"), (7, "../../index.json")
    ):
        if (field == "size") != isinstance(value, int):
            continue
        changed = json.loads(json.dumps(manifest))
        (changed["layers"][0] if part == "layers" else changed[part])[field] = value
        assert refusal(with_layer(layer_of(layout), **changed)).where.startswith("blobs/")


@pytest.mark.parametrize("index", [b"", b"[]", b"{", b"[" * 100_000, b'"\xff"', b"{}" * 600_000])
def test_an_odd_index_is_refused(index: bytes) -> None:
    assert refusal({**build_layout(EXAMPLE).blobs, "index.json": index}).where == "index.json"


def test_an_index_names_one_manifest() -> None:
    blobs = with_manifest(b"{}", manifests=[])
    assert "0 manifests" in refusal(blobs).what
    layout = build_layout(EXAMPLE)
    for field, value in (("digest", "sha256:" + "0" * 64), ("digest", "..")):
        entry = {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": layout.manifest_digest,
            "size": 1,
            field: value,
        }
        refusal({**layout.blobs, "index.json": canonical_bytes({"schemaVersion": 2, "manifests": [entry]})})


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed: apt-get install skopeo")
def test_other_tools_read_it(tmp_path: Path) -> None:
    layout = build_layout(EXAMPLE)
    folder = tmp_path / "layout"
    for path, data in layout.blobs.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)

    def skopeo(*words: str) -> str:
        return subprocess.run(["skopeo", *words], capture_output=True, text=True, check=True).stdout

    shown = json.loads(skopeo("inspect", f"oci:{folder}"))
    assert shown["Digest"] == layout.manifest_digest
    config = json.loads(skopeo("inspect", "--config", f"oci:{folder}"))
    assert config["rootfs"]["diff_ids"] == [bytes_digest(layer_of(layout))]
    assert "created" not in config
    skopeo("--insecure-policy", "copy", "--preserve-digests", f"oci:{folder}", f"dir:{tmp_path / 'copy'}")
    with tarfile.open(next(p for p in (tmp_path / "copy").iterdir() if p.stat().st_size > 2000)) as archive:
        assert {m.name: archive.extractfile(m).read() for m in archive} == EXAMPLE  # type: ignore[union-attr]
