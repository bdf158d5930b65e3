"""A bundle on a device: verified first, offline, refused when anything in it was changed, and it agrees."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import json
import math
import os
import select
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordain.adapters.resources import edge_programs
from ordain.adapters.ssh import generate
from ordain.core.artifacts.artifact import digest_of_files
from ordain.core.artifacts.bundle import NAMESPACE
from ordain.core.artifacts.signature import Task
from ordain.runtime.admission import Admission, InvalidInput
from tests.runtime.devices import Device
from tests.runtime.toy import PLANS, ROW, files, serving, signature, write

DIGEST = "sha256:" + "1" * 64
SEVERAL = [
    ROW,
    {**ROW, "town": None, "amount": None, "since": None},
    {**ROW, "plan": "z", "vip": 0, "visits": 60.0, "since": "2020-02-29"},
    {**ROW, "amount": -9000, "town": "Zürich"},
]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    made = Device(tmp_path, tmp_path / "key", tmp_path / "signers")
    made.trust()
    return made


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy of `verify.py` that the device has of its own."""
    path = tmp_path_factory.mktemp("own") / "verify.py"
    path.write_bytes(edge_programs()["verify.py"])
    return path


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(each) + "\n" for each in rows)


def scores(answers: list[dict[str, Any]]) -> Any:
    return np.array([list(each.get("probabilities", each).values()) for each in answers], dtype=float)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_it_agrees_with_rest(device: Device, task: Task) -> None:
    folder = device.unpacked(device.bundle(task))
    done = device.run(folder / "predict.py", rows=lines(SEVERAL))
    assert done.returncode == 0, done.stderr
    ours = [json.loads(line) for line in done.stdout.splitlines()]
    with serving(str(write(device.folder / "artifact", files(task)))) as server:
        theirs = server.client.post("/predict", json=SEVERAL).json()["predictions"]
    assert [each.get("label") for each in ours] == [each.get("label") for each in theirs]
    np.testing.assert_allclose(scores(ours), scores(theirs), rtol=0, atol=1e-5)


def test_it_needs_nothing_but_numpy_and_onnxruntime() -> None:
    for name, text in edge_programs().items():
        imported = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                imported |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
        allowed = {"numpy", "onnxruntime", "verify"} if name == "predict.py" else set()
        assert imported - sys.stdlib_module_names <= allowed


def test_the_same_release_gives_the_same_bytes(device: Device) -> None:
    first = device.bundle().read_bytes()
    assert device.bundle().read_bytes() == first


# Each makes a bundle that must be refused, from one that must not, and says what is found.
def flipped(name: str) -> Callable[[dict[str, bytes]], None]:
    def flip(members: dict[str, bytes]) -> None:
        data = bytearray(members[name])
        data[len(data) // 2] ^= 1
        members[name] = bytes(data)

    return flip


DAMAGE: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    **{
        name: (flipped(name), f"{name} is not the file that was signed")
        for name in ("model.onnx", "profile.json", "signature.json", "predict.py")
    },
    "manifest": (flipped("bundle.json"), "no key that may sign"),
    "signature": (flipped("bundle.json.sig"), "no key that may sign"),
    "unsigned": (lambda members: members.pop("bundle.json.sig"), "bundle.json.sig is missing"),
    "without a file": (lambda members: members.pop("profile.json"), "profile.json is missing"),
    "with another file": (lambda members: members.update({"sitecustomize.py": b""}), "that no bundle has"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_was_changed_is_refused(device: Device, outside: Path, kind: str) -> None:
    change, said = DAMAGE[kind]
    folder = device.unpacked(device.bundle())
    members = {each.name: each.read_bytes() for each in folder.iterdir()}
    change(members)
    archive = device.folder / "changed.tar"
    with tarfile.open(archive, "w") as made:
        for name, data in members.items():
            info = tarfile.TarInfo(f"toy/{name}")
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    for path in folder.iterdir():
        path.unlink()
    write(folder, members)
    for words in ([str(archive)], [str(folder)], [str(archive), "--install", str(device.folder / "srv")]):
        done = device.run(outside, *words)
        assert done.returncode == 1, done.stdout
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (device.folder / "srv").exists()
    if kind != "predict.py":
        done = device.run(folder / "predict.py", rows=lines([ROW]))
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr


@pytest.mark.parametrize("kind", ["symlink", "folder", "device", "twice", "text"])
def test_archives_that_no_bundle_is(device: Device, outside: Path, kind: str) -> None:
    archive = device.folder / "bad.tar"
    if kind == "text":
        archive.write_text("not an archive")
    else:
        with tarfile.open(archive, "w") as made:
            info = tarfile.TarInfo("toy/model.onnx")
            types = {"symlink": tarfile.SYMTYPE, "folder": tarfile.DIRTYPE, "device": tarfile.CHRTYPE}
            info.type, info.linkname = types.get(kind, tarfile.REGTYPE), "/etc/passwd"
            made.addfile(info)
            made.addfile(info)
    done = device.run(outside, str(archive))
    assert done.returncode == 1
    assert done.stderr.startswith("refused: ")


@pytest.mark.parametrize("form", ["old", "0.1", "1.0", "many"])
def test_an_archive_that_expands_is_refused_before_it_does(device: Device, outside: Path, form: str) -> None:
    """A few bytes that stand for gigabytes would cost the device its memory before any signature is read."""
    archive, size = device.folder / "sparse.tar", 2**33
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as made:
        info = tarfile.TarInfo("toy/model.onnx")
        if form == "old":
            info.type = tarfile.GNUTYPE_SPARSE
        elif form == "0.1":
            info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(size)}
        elif form == "1.0":
            info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
            info.pax_headers["GNU.sparse.realsize"] = str(size)
            info.size = 512
        else:
            info.size = 2**31 + 1
        made.addfile(info, io.BytesIO(b"0\n".ljust(512, b"\0")) if form == "1.0" else None)
    done = device.run(outside, str(archive))
    assert done.returncode == 1
    assert "something that no bundle has" in done.stderr


@pytest.mark.parametrize("other", [{"model": "fraud"}, {"environment": "staging"}])
def test_another_models_bundle_takes_no_place_unasked(
    device: Device, outside: Path, other: dict[str, str]
) -> None:
    """Somebody who feeds the device, and has no key, would otherwise put any signed bundle in any place."""
    place = device.folder / "srv"
    assert device.run(outside, str(device.bundle()), "--install", str(place)).returncode == 0
    mine = (place / "current").readlink()
    archive = device.packed({**files(), **edge_programs()}, digest_of_files(files()), 2, **other)
    done = device.run(outside, str(archive), "--install", str(place))
    assert done.returncode == 1
    assert "holds toy for production" in done.stderr
    assert "--replace" in done.stderr
    assert (place / "current").readlink() == mine
    assert not (place / "previous").exists()
    done = device.run(outside, str(archive), "--install", str(place), "--replace")
    assert done.returncode == 0, done.stderr
    assert (place / "previous").readlink() == mine


@pytest.mark.parametrize("kind", ["stranger", "other purpose", "no list"])
def test_only_listed_keys_may_sign_bundles(device: Device, outside: Path, kind: str) -> None:
    archive = device.bundle()
    if kind == "stranger":
        public = generate(device.folder / "stranger")
        device.signers.write_text(f"{NAMESPACE} {public}\n")
    elif kind == "other purpose":
        device.signers.write_text(
            device.signers.read_text().replace(f'namespaces="{NAMESPACE}"', 'namespaces="x"')
        )
    else:
        device.signers.unlink()
    done = device.run(outside, str(archive))
    assert done.returncode == 1
    assert "may sign" in done.stderr


def test_a_bundle_is_switched_to_after_it_was_tried_and_the_one_before_is_kept(
    device: Device, outside: Path
) -> None:
    place = device.folder / "srv"

    def leads(name: str) -> int:
        content: int = json.loads((place / name / "bundle.json").read_text())["release"]
        return content

    for number in (1, 2, 2, 3):
        done = device.run(outside, str(device.bundle(number=number)), "--install", str(place))
        assert done.returncode == 0, done.stderr
        assert leads("current") == number
    assert leads("previous") == 2
    assert len([each for each in place.iterdir() if not each.is_symlink()]) == 2
    broken = files()["model.onnx"][:-40]
    done = device.run(outside, str(device.bundle(number=4, model_onnx=broken)), "--install", str(place))
    assert done.returncode == 1
    assert "health check failed" in done.stderr
    assert (leads("current"), leads("previous")) == (3, 2)
    done = device.run(place / "current/predict.py", rows=lines([ROW]))
    assert done.returncode == 0, done.stderr


def test_a_folder_that_was_damaged_is_unpacked_again(device: Device, outside: Path) -> None:
    archive, place = device.bundle(), device.folder / "srv"
    assert device.run(outside, str(archive), "--install", str(place)).returncode == 0
    (place / "current/model.onnx").write_bytes(b"damaged")
    assert device.run(place / "current/predict.py", "--check").returncode == 1
    assert device.run(outside, str(archive), "--install", str(place)).returncode == 0
    assert device.run(place / "current/predict.py", "--check").returncode == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ('{"plan": 1}\n', "row 0, column `plan`: type"),
        ("[]\n", "not one JSON object"),
        ("{\n", "row 0: not one JSON object"),
        (lines([{**ROW, "plan": "secret"}]), "row 0, column `plan`: unknown_category"),
        (lines([{**ROW, "extra": "secret"}]), "row 0: a column is unknown"),
        (lines([{**ROW, "visits": 61}]), "out_of_range"),
    ],
)
def test_rows_outside_the_contract_are_named_and_not_repeated(device: Device, rows: str, said: str) -> None:
    folder = device.unpacked(device.bundle())
    done = device.run(folder / "predict.py", rows=rows)
    assert done.returncode == 2
    assert said in done.stderr
    assert "secret" not in done.stderr
    accepting = device.run(device.unpacked(device.bundle(policy="accept")) / "predict.py", rows=rows)
    assert (accepting.returncode == 0) == ("secret" in rows or "61" in rows)


NESTED = "[" * 200_000


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (lines([{**ROW, "plan": "secret"}]), "row 601, column `plan`: unknown_category"),
        ("[]\n", "row 601: not one JSON object"),
        (lines([{**ROW, "amount": math.nan}]), "row 601: not one JSON object"),
        (lines([{**ROW, "amount": -math.inf}]), "row 601: not one JSON object"),
        ("{\n", "row 601: not one JSON object"),
        (f'{{"plan": {NESTED}\n', "row 601: not one JSON object"),
        (f'{{"plan": "{"x" * 2**20}"}}\n', "row 601: longer than a row may be"),
    ],
)
def test_a_refused_row_is_named_by_its_number_in_the_input(device: Device, row: str, said: str) -> None:
    """Rows are scored some at a time, and numbered through; lines without a row are not counted."""
    folder = device.unpacked(device.bundle())
    done = device.run(folder / "predict.py", rows=lines([ROW] * 300) + "\n" + lines([ROW] * 301) + row)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert said in done.stderr
    assert 345 < len(done.stdout.splitlines()) <= 601  # a batch also ends where a feed pauses


def test_a_row_of_a_live_feed_is_answered_when_it_comes(device: Device) -> None:
    """And not when 256 have come: a sensor may send one a minute."""
    folder = device.unpacked(device.bundle())
    words = [sys.executable, str(folder / "predict.py"), "--signers", str(device.signers)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for count in (1, 3):
            process.stdin.write(lines([ROW] * count).encode())
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], 60)
            assert ready
            for _ in range(count):
                assert b'"label"' in process.stdout.readline()


def test_bytes_that_are_no_text_are_a_row_like_any_other(device: Device) -> None:
    folder = device.unpacked(device.bundle())
    words = [sys.executable, str(folder / "predict.py"), "--signers", str(device.signers)]
    done = subprocess.run(words, input=b'{"plan": "\xff"}\n', capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"row 0: not one JSON object" in done.stderr


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_a_byte_order_mark_costs_no_row(device: Device, start: bytes) -> None:
    folder = device.unpacked(device.bundle())
    words = [sys.executable, str(folder / "predict.py"), "--signers", str(device.signers)]
    rows = start + lines([ROW, ROW]).encode()
    done = subprocess.run(words, input=rows, capture_output=True, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2), done.stderr


def test_answers_are_utf8_whatever_the_locale(device: Device) -> None:
    folder = device.unpacked(device.bundle())
    words = [sys.executable, str(folder / "predict.py"), "--signers", str(device.signers)]
    plain = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    rows = lines([{**ROW, "town": "Zürich"}]).encode()
    done = subprocess.run(words, input=rows, capture_output=True, check=False, env=plain)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["label"] in {"No", "Yes"}


def test_a_reader_that_has_seen_enough_is_no_error(device: Device) -> None:
    folder = device.unpacked(device.bundle())
    words = [sys.executable, str(folder / "predict.py"), "--signers", str(device.signers)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(lines([ROW] * 20_000).encode())
    with process.stderr:
        told = process.stderr.read()
    assert (process.wait(60), told) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_told_in_one_line(device: Device) -> None:
    folder = device.unpacked(device.bundle())
    words = [sys.executable, str(folder / "predict.py"), "--signers", str(device.signers)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            words, input=lines([ROW]).encode(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"stopped: ")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("package", ["numpy", "onnxruntime"])
def test_a_device_without_a_package_is_told_which(device: Device, tmp_path: Path, package: str) -> None:
    folder = device.unpacked(device.bundle())
    program = (
        f"import sys, runpy; sys.modules[{package!r}] = None; sys.argv = ['predict.py', *sys.argv[1:]]\n"
        f"runpy.run_path({str(folder / 'predict.py')!r}, run_name='__main__')"
    )
    words = [sys.executable, "-c", program, "--signers", str(device.signers)]
    done = subprocess.run(words, input="", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert package in done.stderr


def test_a_bundle_without_its_verification_and_a_graph_that_is_none(device: Device) -> None:
    broken = device.unpacked(device.bundle(model_onnx=b"no graph"))
    refused = device.run(broken / "predict.py")
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
    (broken / "verify.py").unlink()
    missing = device.run(broken / "predict.py")
    assert (missing.returncode, "Traceback" in missing.stderr) == (1, False)
    assert "verify.py" in missing.stderr


@pytest.fixture(scope="module")
def predict() -> ModuleType:
    """`predict.py` as a module."""
    path = Path(__file__).parents[2] / "src/ordain/runtime/edge/predict.py"
    spec = importlib.util.spec_from_file_location("edge_predict", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path), sys.dont_write_bytecode
    spec.loader.exec_module(module)
    sys.path[:], sys.dont_write_bytecode = before
    return module


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.sampled_from(PLANS),
    st.sampled_from([0, 1, 1.0, 60, 61, -9000, 3.4028234663852886e38, 10**400, "2020-02-29", "2021-02-29",
                     "20200229", "2020-02-29T00:00", "Uster", "\ud800", [], {}]),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    row=st.dictionaries(st.sampled_from([*ROW, "other"]), VALUES), dropped=st.sets(st.sampled_from([*ROW]))
)
def test_the_contract_is_the_servers(predict: ModuleType, row: dict[str, Any], dropped: set[str]) -> None:
    """Two programs, one contract: what one refuses the other refuses, and both pack the same numbers."""
    device = predict.Predictor.__new__(predict.Predictor)
    device._signature = json.loads(files()["signature.json"])
    full = {name: value for name, value in {**ROW, **row}.items() if name not in dropped}
    for refuses_all in (True, False):
        admission = Admission(signature(), "reject" if refuses_all else "accept")
        try:
            theirs = admission.rows([full]).packed
        except InvalidInput:
            with pytest.raises(predict.InvalidInputError):
                device._feed([full], 0, refuses_all=refuses_all)
            continue
        ours = device._feed([full], 0, refuses_all=refuses_all)
        assert ours["strings"].tolist() == [list(theirs.strings)]
        np.testing.assert_array_equal(ours["floats"], np.array([theirs.floats], dtype=np.float32))
