from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from onnx import TensorProto

from ordain.core.artifacts.artifact import build_layout, digest_of_files
from ordain.errors import UserError
from ordain.runtime.artifact import open_artifact
from ordain.runtime.model import Identity, Model
from tests.runtime.disguise import Canary, disguises
from tests.runtime.toy import files, graph, signature, write


def test_folder_and_layout_are_the_same_artifact(tmp_path: Path) -> None:
    content = files()
    digest = digest_of_files(content)
    layout = build_layout(content)
    assert layout.manifest_digest == digest
    folder = open_artifact(write(tmp_path / "folder", content), digest)
    packed = open_artifact(write(tmp_path / "layout", dict(layout.blobs)), digest)
    assert folder == packed
    assert folder.digest == digest
    assert folder.signature == signature()
    assert open_artifact(tmp_path / "folder", "").digest == digest


@pytest.mark.parametrize("form", ["folder", "layout"])
def test_one_flipped_byte_anywhere_is_refused(tmp_path: Path, form: str) -> None:
    content = files()
    layout = build_layout(content)
    held = content if form == "folder" else dict(layout.blobs)
    for name in held:
        damaged = bytearray(held[name])
        damaged[len(damaged) // 2] ^= 1
        folder = write(tmp_path / f"{form}-{name.replace('/', '-')}", {**held, name: bytes(damaged)})
        with pytest.raises(UserError):
            open_artifact(folder, layout.manifest_digest)


def test_another_digest_is_refused_and_named(tmp_path: Path) -> None:
    folder = write(tmp_path, files())
    with pytest.raises(UserError, match="was approved; it is not loaded") as caught:
        open_artifact(folder, "sha256:" + "0" * 64)
    assert caught.value.reason == "release-invalid"
    with pytest.raises(UserError, match="64 hexadecimal"):
        open_artifact(folder, "latest")


@pytest.mark.parametrize("name", ["model.pkl", ".hidden", "model.onnx.data", "__init__.py"])
def test_unknown_files_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, {**files(), name: b"x"})
    with pytest.raises(UserError, match="and nothing else") as caught:
        open_artifact(tmp_path, "")
    assert caught.value.reason == "hostile-object"


def test_links_pipes_and_folders_are_refused(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", files())
    for kind in ("symlink", "pipe", "folder"):
        content = files()
        del content["model.onnx"]
        folder = write(tmp_path / kind, content)
        if kind == "symlink":
            (folder / "model.onnx").symlink_to(outside / "model.onnx")
        elif kind == "pipe":
            os.mkfifo(folder / "model.onnx")
        else:
            (folder / "model.onnx").mkdir()
        with pytest.raises(UserError):
            open_artifact(folder, "")


@pytest.mark.parametrize("extra", ["extra.txt", "blobs/other", "blobs/sha256/zz"])
def test_a_layout_holds_nothing_else(tmp_path: Path, extra: str) -> None:
    write(tmp_path, {**build_layout(files()).blobs, extra: b"x"})
    with pytest.raises(UserError):
        open_artifact(tmp_path, "")


def test_absent_artifacts_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such artifact"):
        open_artifact(tmp_path / "nowhere", "")
    with pytest.raises(UserError, match="absent"):
        open_artifact(tmp_path, "")


@pytest.mark.parametrize("name", ["model.onnx", "signature.json", "profile.json"])
@pytest.mark.parametrize("form", ["folder", "layout"])
def test_a_canary_pickle_runs_nothing(tmp_path: Path, name: str, form: str) -> None:
    """Its digest is the approved one, so that nothing but what it is can refuse it."""
    canary = tmp_path / "canary"
    for place, data in enumerate(disguises(str(canary))):
        content = {**files(), name: data}
        held = content if form == "folder" else dict(build_layout(content).blobs)
        folder = write(tmp_path / f"artifact{place}", held)
        with pytest.raises(UserError):
            open_artifact(folder, digest_of_files(content))
        assert not canary.exists()


@pytest.mark.parametrize("place", ["behind", "data", "text"])
def test_a_pickle_within_a_graph_is_refused_or_only_bytes(tmp_path: Path, place: str) -> None:
    """Behind the graph, as the numbers of a constant, or as one of its words."""
    canary, model = tmp_path / "canary", graph()
    pickled = pickle.dumps(Canary(str(canary)), 0 if place == "text" else 4)
    if place == "data":
        pickled += bytes(-len(pickled) % 4)
        model.graph.initializer.append(
            TensorProto(name="x", data_type=1, dims=[len(pickled) // 4], raw_data=pickled)
        )
    elif place == "text":
        model.graph.doc_string = pickled.decode("ascii")
    data = model.SerializeToString() + (pickled if place == "behind" else b"")
    content = {**files(), "model.onnx": data}
    try:
        verified = open_artifact(write(tmp_path / "artifact", content), digest_of_files(content))
        Model(Identity(name="toy", version="1", artifact=verified.digest), verified)
    except UserError:
        assert place == "behind"  # the others are data like any other
    assert not canary.exists()


def test_the_canary_sings_when_something_loads_it(tmp_path: Path) -> None:
    """Otherwise the test above would prove nothing."""
    pickle.loads(pickle.dumps(Canary(str(tmp_path / "canary"))))
    assert (tmp_path / "canary").exists()


def test_a_graph_that_contradicts_its_signature_is_refused(tmp_path: Path) -> None:
    for task, what in (("multiclass", "output"), ("regression", "output")):
        content = {**files(), "model.onnx": graph(task).SerializeToString()}  # type: ignore[arg-type]
        verified = open_artifact(write(tmp_path / task, content), "")
        with pytest.raises(UserError, match=f"its {what} is not that of the signature"):
            Model(Identity(name="toy", version="1", artifact=verified.digest), verified)


def test_a_graph_that_does_not_load_is_refused(tmp_path: Path) -> None:
    model = graph()
    model.graph.node[0].op_type = "NoSuchOperator"
    verified = open_artifact(write(tmp_path, {**files(), "model.onnx": model.SerializeToString()}), "")
    with pytest.raises(UserError, match="ONNX Runtime cannot load it"):
        Model(Identity(name="toy", version="1", artifact=verified.digest), verified)
