"""The local store: content-addressed, verified on every read, safe against kills and company."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ordain.adapters.artifacts import Store, read_folder
from ordain.adapters.files import write_tree_atomic
from ordain.core.artifacts.artifact import Layout, blob_path, build_layout, digest_of_files
from ordain.core.canonical import bytes_digest
from ordain.errors import UserError

needs_skopeo = pytest.mark.skipif(
    shutil.which("skopeo") is None, reason="skopeo is not installed: apt-get install skopeo"
)


def files(seed: int) -> dict[str, bytes]:
    return {
        "model.onnx": f"graph {seed} ".encode() * 2000,
        "profile.json": b"{}",
        "signature.json": b'{"version":1}',
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "deep" / "store")


def test_many_artifacts_in_one_layout(store: Store, tmp_path: Path) -> None:
    layouts = [build_layout(files(seed)) for seed in range(3)]
    digests = [store.put(layout) for layout in layouts]
    assert store.digests() == tuple(sorted(digests))
    for digest, layout in zip(digests, layouts, strict=True):
        assert store.has(digest)
        assert store.get(digest) == layout
    store.extract(digests[1], tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == files(1)
    assert digest_of_files(files(1)) == digests[1]


def test_putting_again_writes_nothing(store: Store) -> None:
    layout = build_layout(files(0))
    store.put(layout)
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}
    assert store.put(layout) == layout.manifest_digest
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*")} == before


def test_what_is_absent_is_called_absent(store: Store, tmp_path: Path) -> None:
    digest = build_layout(files(0)).manifest_digest
    for attempt in (store.get, lambda each: store.extract(each, tmp_path / "out")):
        with pytest.raises(UserError) as caught:
            attempt(digest)
        assert caught.value.reason == "artifact-absent"
        assert digest in caught.value.what
        assert "data pull" in caught.value.fix
    assert not store.has(digest)
    assert store.digests() == ()
    assert not (tmp_path / "out").exists()
    assert not store.root.exists()


@pytest.mark.parametrize("digest", ["", "sha256:..", "sha256:" + "A" * 64, "../../etc", "sha512:" + "0" * 64])
def test_only_digests_are_looked_up(store: Store, digest: str) -> None:
    with pytest.raises(UserError, match="not a digest"):
        store.get(digest)
    assert not store.has(digest)


def blobs_of(store: Store) -> list[Path]:
    return sorted((store.root / "blobs/sha256").iterdir())


@pytest.mark.parametrize("position", range(3))
def test_a_damaged_blob_is_found_named_and_mended(store: Store, tmp_path: Path, position: int) -> None:
    layout = build_layout(files(0))
    digest = store.put(layout)
    victim = blobs_of(store)[position]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    with pytest.raises(UserError) as caught:
        store.extract(digest, tmp_path / "out")
    assert victim.name in caught.value.where
    assert not (tmp_path / "out").exists()
    store.put(layout)
    assert store.get(digest) == layout


def test_a_lost_blob_makes_the_artifact_absent(store: Store) -> None:
    digest = store.put(build_layout(files(0)))
    for path in blobs_of(store):
        kept = path.read_bytes()
        path.unlink()
        assert not store.has(digest)
        with pytest.raises(UserError) as caught:
            store.get(digest)
        assert caught.value.reason == "artifact-absent"
        path.write_bytes(kept)


def test_a_symlink_in_the_store_is_refused(store: Store, tmp_path: Path) -> None:
    digest = store.put(build_layout(files(0)))
    victim = blobs_of(store)[0]
    victim.rename(tmp_path / "elsewhere")
    victim.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError) as caught:
        store.get(digest)
    assert caught.value.reason == "hostile-object"


def test_a_manifest_that_is_another_document_is_refused(store: Store) -> None:
    store.put(build_layout(files(0)))
    for data in (b"{}", b" " * (2**20 + 1)):
        digest = bytes_digest(data)
        (store.root / blob_path(digest)).write_bytes(data)
        with pytest.raises(UserError, match=r"refused|damaged"):
            store.get(digest)


def test_a_layout_that_lies_is_not_put(store: Store) -> None:
    layout = build_layout(files(0))
    wrong = {path: data + b" " * (path == "index.json") for path, data in layout.blobs.items()}
    with pytest.raises(UserError):
        store.put(Layout(layout.manifest_digest, wrong))
    assert not store.root.exists()


def test_a_damaged_index_is_named(store: Store) -> None:
    digest = store.put(build_layout(files(0)))
    (store.root / "index.json").write_bytes(b"{")
    with pytest.raises(UserError, match=r"index\.json"):
        store.put(build_layout(files(1)))
    assert store.get(digest) == build_layout(files(0))


def test_reading_a_folder(tmp_path: Path) -> None:
    layout = build_layout(files(0))
    write_tree_atomic(tmp_path / "artifact", layout.blobs)
    assert read_folder(tmp_path / "artifact") == layout
    with pytest.raises(UserError) as caught:
        read_folder(tmp_path / "nothing")
    assert caught.value.reason == "artifact-absent"
    (tmp_path / "artifact/index.json").write_bytes(b"{}")
    with pytest.raises(UserError) as caught:
        read_folder(tmp_path / "artifact")
    assert caught.value.where == str(tmp_path / "artifact/index.json")


PUT = """
import sys
from pathlib import Path
from ordain.adapters.artifacts import Store
from ordain.core.artifacts.artifact import build_layout
for seed in map(int, sys.argv[2:]):
    Store(Path(sys.argv[1])).put(build_layout({
        "model.onnx": f"graph {seed} ".encode() * 2000, "profile.json": b"{}",
        "signature.json": b'{"version":1}'}))
"""


def writer(store: Store, *seeds: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PUT, str(store.root), *map(str, seeds)])


def test_writers_at_once_lose_nothing(store: Store) -> None:
    runs = [writer(store, *range(start, start + 8)) for start in (0, 4, 8)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    expected = sorted(build_layout(files(seed)).manifest_digest for seed in range(16))
    assert store.digests() == tuple(expected)
    for digest in expected:
        store.get(digest)


def test_a_writer_killed_anywhere_leaves_only_whole_artifacts(store: Store) -> None:
    for delay in (0.1, 0.15, 0.2, 0.3):
        run = writer(store, *range(300))
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
        run.wait()
        for digest in store.digests():
            store.get(digest)
    store.put(build_layout(files(0)))
    assert build_layout(files(0)).manifest_digest in store.digests()


@needs_skopeo
def test_other_tools_find_each_artifact_by_name(store: Store) -> None:
    for seed in range(2):
        digest = store.put(build_layout(files(seed)))
        name = f"oci:{store.root}:{digest.replace(':', '-')}"
        done = subprocess.run(["skopeo", "inspect", name], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["Digest"] == digest


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_read_only_store_says_so(store: Store) -> None:
    store.root.mkdir(parents=True)
    store.root.chmod(0o555)
    with pytest.raises(UserError, match="cannot write"):
        store.put(build_layout(files(0)))
