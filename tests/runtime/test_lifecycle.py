"""Starting, refusing to start, running out, and stopping without dropping a request."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from ordain.core.artifacts.artifact import digest_of_files
from tests.runtime.toy import PROGRAM, ROW, Running, files, process, serving, started, tensors, told, write


def refused(*arguments: str, **environment: str) -> str:
    """What a server says that must not start."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "serve", *arguments, "--port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
    return done.stderr


def processor_seconds(pid: int) -> float:
    """What a process has taken of the processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_what_listens_is_ready(folder: Path) -> None:
    """Verified, loaded and run once, then listening, then told: the first request of all is answered.

    It takes under a second of processor time; by the clock it is measured in benchmarks/serving.
    """
    words = ["serve", str(folder), "--port", "0", "--json"]
    with process([PROGRAM, *words], {}) as server:
        port = told(server)["port"]
        assert processor_seconds(server.pid) < 1
        for path in ("/v2/health/ready", "/v2/models/toy/ready"):
            assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200
        assert httpx.post(f"http://127.0.0.1:{port}/predict", json=ROW).status_code == 200


def test_only_the_approved_digest_is_served(tmp_path: Path) -> None:
    content = files()
    folder, digest = write(tmp_path, content), digest_of_files(content)
    with serving(str(folder), ORDAIN_ARTIFACT=digest) as running:
        assert running.client.get("/v2/models/toy").json()["parameters"]["artifact"] == digest
    other = "sha256:" + "0" * 64
    assert "was approved; it is not loaded" in refused(str(folder), ORDAIN_ARTIFACT=other)
    assert "was approved; it is not loaded" in refused(str(folder), "--digest", other, ORDAIN_ARTIFACT=digest)
    (folder / "model.pkl").write_bytes(b"")
    assert "and nothing else" in refused(str(folder), ORDAIN_ARTIFACT=digest)


def test_the_release_must_be_of_the_model(folder: Path) -> None:
    assert "is not a release of `toy`" in refused(str(folder), ORDAIN_RELEASE="other@1")
    assert "is not a release of `toy`" in refused(str(folder), ORDAIN_RELEASE="toy@latest")


def test_a_taken_address_is_an_error_and_no_traceback(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "serve", str(folder), "--port", str(taken.getsockname()[1])],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert "Address already in use" in done.stderr


def test_several_models_in_one_process(tmp_path: Path) -> None:
    one = write(tmp_path / "one", files("binary", "one"))
    two = write(tmp_path / "two", files("regression", "two"))
    three = write(tmp_path / "three", files("multiclass", "three"))
    with serving(str(one), str(two), str(three)) as running:
        client = running.client
        several = client.post("/predict", json=ROW)
        assert several.status_code == 404
        assert several.json()["error"].endswith("/predict/one, /predict/two or /predict/three")
        assert "label" in client.post("/predict/one", json=ROW).json()["predictions"][0]
        assert list(client.post("/predict/two", json=ROW).json()["predictions"][0]) == ["prediction"]
        answer = client.post("/v2/models/three/infer", json={"inputs": tensors(ROW)}).json()
        assert answer["outputs"][0]["shape"] == [1, 3]
        assert answer["outputs"][1]["data"] == ["high"]
        answer = client.post("/v2/models/two/infer", json={"inputs": tensors(ROW)}).json()
        assert answer["outputs"][0]["name"] == "prediction"
        assert answer["outputs"][0]["shape"] == [1, 1]
    assert "two artifacts are model `toy`" in refused(*[str(write(tmp_path / "same", files()))] * 2)


def test_names_and_versions(tmp_path: Path) -> None:
    content = files()
    folder = write(tmp_path, content)
    digest = digest_of_files(content)
    with serving(str(folder), "--name", "other") as running:
        metadata = running.client.get("/v2/models/other").json()
        assert metadata["versions"] == [digest.removeprefix("sha256:")[:12]]


GONE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)  # an idle connection just closed


def ask_until_closed(address: httpx.URL, statuses: list[int], deadline: float) -> None:
    """Ask without pause until nothing listens any more."""
    with httpx.Client(base_url=address, timeout=20) as client:
        while time.monotonic() < deadline:
            try:
                statuses.append(client.post("/predict", json=ROW).status_code)
            except httpx.ConnectError:
                return
            except GONE:
                continue


def test_sigterm_drains_and_exits_with_0(folder: Path) -> None:
    with serving(str(folder), "--drain", "2") as running:
        statuses: list[int] = []
        deadline = time.monotonic() + 60
        asking = threading.Thread(
            target=ask_until_closed, args=(running.client.base_url, statuses, deadline), daemon=True
        )
        asking.start()
        running.process.send_signal(signal.SIGTERM)
        while (ready := running.client.get("/v2/health/ready")).status_code == 200:
            time.sleep(0.01)
        before = len(statuses)
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        model = running.client.get("/v2/models/toy/ready")
        assert (model.status_code, model.json()["ready"]) == (503, False)
        assert running.client.get("/v2/health/live").status_code == 200
        assert running.client.post("/predict", json=ROW).status_code == 200
        running.process.wait(timeout=30)
        asking.join(timeout=30)
        assert running.process.returncode == 0
        assert len(statuses) > before
        assert set(statuses) == {200}


def test_a_request_that_has_begun_is_answered(folder: Path) -> None:
    """No drain: the listener closes at once, and what is half received is still read, scored and answered."""
    body = json.dumps(ROW).encode()
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    with serving(str(folder)) as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
            connection.sendall(head + body[:10])
            while "ordain_requests_in_flight 2.0" not in running.client.get("/metrics").text:
                time.sleep(0.01)
            running.process.terminate()
            while listens(running.port):
                time.sleep(0.01)
            connection.sendall(body[10:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        running.process.wait(timeout=20)
        assert running.process.returncode == 0


def connect(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=20)


def whole(connection: socket.socket) -> bytes:
    """One answer, which may come in two pieces."""
    received = b""
    while not received.endswith(b"}]}"):
        received += connection.recv(65536)
    return received


def test_idle_connections_end_and_busy_ones_are_answered_first(folder: Path) -> None:
    """Kept connections do not keep the server; answers in flight say that they are the last."""
    body = json.dumps(ROW).encode()
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    with serving(str(folder)) as running, connect(running) as idle, connect(running) as busy:
        idle.sendall(head + body)
        assert whole(idle).startswith(b"HTTP/1.1 200 ")
        busy.sendall(head + body[:10])
        while "ordain_requests_in_flight 2.0" not in running.client.get("/metrics").text:
            time.sleep(0.01)
        running.process.terminate()
        assert idle.recv(65536) == b""
        assert running.process.poll() is None
        busy.sendall(body[10:])
        answer = whole(busy)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer
        assert busy.recv(65536) == b""
        running.process.wait(timeout=20)
        assert running.process.returncode == 0


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_a_drain_it_stops_at_once(folder: Path, number: signal.Signals) -> None:
    with serving(str(folder)) as running:
        running.process.send_signal(number)
        running.process.wait(timeout=20)
        assert running.process.returncode == 0


def test_its_own_log_is_json_lines(folder: Path) -> None:
    with serving(str(folder)) as running:
        running.process.terminate()
        _, errors = running.process.communicate(timeout=10)
    events = [json.loads(line) for line in errors.splitlines()]
    assert [each["message"] for each in events] == ["serving", "stopped"]
    assert all({"time", "level", "logger"} <= each.keys() for each in events)


HEAVY = {
    "pandas", "sklearn", "scipy", "onnx", "skl2onnx", "onnxmltools", "pyarrow", "dvc", "git", "rich",
    "jinja2", "yaml", "ruamel", "fsspec", "jsonschema", "joblib", "cloudpickle", "pickle5", "xgboost",
    "websockets",
}  # fmt: skip
# The modules of a real server that has served, told when it ends.
TELLING = """
import atexit, sys
atexit.register(lambda: print("modules:", *sorted({name.partition(".")[0] for name in sys.modules})))
from ordain.cli.main import main
main()
"""


def test_serving_imports_no_training_stack(folder: Path, tmp_path: Path) -> None:
    """Lean imports are most of a fast start; the runtime image does not even have the others."""
    words = ["serve", str(folder), "--port", "0", "--json", "--log", str(tmp_path / "log")]
    with started([TELLING, *words], {}) as running:
        assert running.client.post("/predict", json=ROW).status_code == 200
        assert running.client.post("/predict", json={}).status_code == 400
        assert running.client.get("/metrics").status_code == 200
        running.process.terminate()
        output, _ = running.process.communicate(timeout=20)
    modules = output.partition("modules:")[2].split()
    assert "onnxruntime" in modules
    assert not HEAVY & set(modules)


MEMORY = 100  # MB


def resident(pid: int) -> float:
    """MB of a process that are its own or shared, in memory."""
    (line,) = [
        each for each in Path(f"/proc/{pid}/status").read_text("ascii").splitlines() if "VmRSS" in each
    ]
    return int(line.split()[1]) / 1000


def test_memory_stays_small_under_load(folder: Path, tmp_path: Path) -> None:
    rows = [ROW] * 5_000
    with serving(str(folder), "--log", str(tmp_path / "log")) as running:
        for _ in range(300):
            assert running.client.post("/predict", json=ROW).status_code == 200
        small = resident(running.process.pid)
        for _ in range(6):
            assert running.client.post("/predict", json=rows).status_code == 200
        first = resident(running.process.pid)
        for _ in range(12):
            assert running.client.post("/predict", json=rows).status_code == 200
        again = resident(running.process.pid)
    assert small < MEMORY
    assert again < 1.5 * first  # what large requests take is given back


@pytest.mark.parametrize("name", ["a/b", "{x}", "..", "a b", "-a", "é"])
def test_a_name_that_is_no_path_segment_is_refused(folder: Path, name: str) -> None:
    assert "does not fit into a path" in refused(str(folder), f"--name={name}")


HANGING = """
import time, fsspec
from fsspec.implementations.memory import MemoryFileSystem
class Hanging(MemoryFileSystem):
    protocol = "s3"
    def pipe_file(self, *_, **__):
        time.sleep(60)
fsspec.register_implementation("s3", Hanging, clobber=True)
from ordain.cli.main import main
main()
"""


def test_a_store_that_hangs_does_not_keep_the_process(folder: Path) -> None:
    """The kubelet kills what has not ended in time; the records that are lost are told."""
    words = ["serve", str(folder), "--port", "0", "--json", "--log", "s3://x/y"]
    with started([HANGING, *words], {}) as running:
        for _ in range(3):
            assert running.client.post("/predict", json=ROW).status_code == 200
        running.process.terminate()
        _, errors = running.process.communicate(timeout=50)  # before the store answers
        assert running.process.returncode == 0
    (event,) = [each for each in map(json.loads, errors.splitlines()) if "did not take" in each["message"]]
    assert event["records"] == 3
