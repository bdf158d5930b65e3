"""Slow, endless, greedy and crowding clients."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.runtime.messages import Limits, check_weight
from ordain.runtime.refusal import Refusal
from tests.runtime.toy import ROW, Running, limited, serving, tensors
from tests.wire import until_closed

BODY = json.dumps(ROW).encode()
PATIENCE = 20.0  # seconds; a busy machine makes everything late, and these tests ask only for an end
HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(BODY)
CHUNKED = b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def impatient(folder: Path) -> Iterator[Running]:
    with limited(folder, body_seconds=1.0, head_seconds=1.0, idle_seconds=1.0) as running:
        yield running


def connect(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=2 * PATIENCE)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b"HTTP/1.1 408 "),
        (b"POST /predict HTTP/1.1\r\nhost:", b"HTTP/1.1 408 "),
        (HEAD, b"HTTP/1.1 408 "),
        (HEAD + BODY[:10], b"HTTP/1.1 408 "),
        (CHUNKED, b"HTTP/1.1 408 "),
        (CHUNKED + b"5\r\n12", b"HTTP/1.1 408 "),
        (HEAD + BODY, b"HTTP/1.1 200 "),
        (HEAD + BODY + HEAD, b"HTTP/1.1 200 "),
        (b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n", b"HTTP/1.1 404 "),
        (b"POST /predict HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n",
         b"HTTP/1.1 100 "),
    ],
)  # fmt: skip
def test_slow_and_idle_clients_are_let_go(impatient: Running, sent: bytes, answer: bytes) -> None:
    with connect(impatient) as connection:
        connection.sendall(sent)
        assert until_closed(connection).startswith(answer)


def send_until_cut_off(connection: socket.socket, trickle: bytes) -> bool:
    """Send a little, again and again; whether that ended."""
    try:
        for _ in range(int(2 * PATIENCE / 0.1)):
            connection.sendall(trickle)
            time.sleep(0.1)
    except OSError:
        return True
    return False


@pytest.mark.parametrize(
    ("first", "trickle"),
    [(b"POST /predict HTTP/1.1\r\n", b"a: b\r\n"), (b"", b"\r\n"), (CHUNKED, b"1\r\n \r\n"),
     (b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n", b" "),
     (b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n", b" ")],
)  # fmt: skip
def test_a_trickle_does_not_buy_time(impatient: Running, first: bytes, trickle: bytes) -> None:
    """A client that always sends something, and never all of it."""
    with connect(impatient) as connection:
        connection.sendall(first)
        assert send_until_cut_off(connection, trickle)


def test_a_late_request_after_an_early_answer_has_its_own_time(folder: Path) -> None:
    """The answer came before the body; what comes after that body is another request."""
    with limited(folder, head_seconds=2) as running, connect(running) as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
        connection.sendall(b"{}")
        time.sleep(4)
        connection.sendall(HEAD[:20])
        time.sleep(0.1)
        connection.sendall(HEAD[20:] + BODY)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_who_was_let_go_is_counted_by_reason(impatient: Running) -> None:
    for sent in (HEAD, b"POST"):
        with connect(impatient) as connection:
            connection.sendall(sent)
            until_closed(connection)
    text = impatient.client.get("/metrics").text
    for reason in ("slow_body", "slow_headers"):
        assert f'ordain_connections_ended_total{{reason="{reason}"}}' in text


def test_one_connection_serves_many_requests_at_its_own_pace(folder: Path) -> None:
    """The clock is a request's own: together they take longer than one may."""
    with limited(folder, body_seconds=2, head_seconds=2) as running, connect(running) as connection:
        for _ in range(9):
            connection.sendall(HEAD)
            time.sleep(0.25)
            connection.sendall(BODY)
            received = b""
            while not received.endswith(b"}]}"):
                received += connection.recv(65536)
            assert received.startswith(b"HTTP/1.1 200 ")


def asking_much(rows: int) -> bytes:
    """A request whose answer is large."""
    body = json.dumps({"inputs": tensors(*[ROW] * rows)}).encode()
    head = b"POST /v2/models/toy/infer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def ask_until_cut_off(connection: socket.socket, request: bytes, read: int = 0) -> bool:
    """Ask whole requests, one after another, and read that many bytes now and then; whether that ended."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(0.2)
    started, rest = time.monotonic(), memoryview(request)
    while time.monotonic() - started < 2 * PATIENCE:
        try:
            rest = rest[connection.send(rest) :] or memoryview(request)
        except TimeoutError:
            if read:
                connection.recv(read)
        except OSError:
            return True
    return False


@pytest.mark.parametrize("read", [0, 1])
def test_who_does_not_read_is_cut_off(impatient: Running, read: int) -> None:
    """Nor does a byte now and then buy time."""
    with connect(impatient) as connection:
        assert ask_until_cut_off(connection, asking_much(3000), read)
    assert 'ordain_connections_ended_total{reason="slow_reader"}' in impatient.client.get("/metrics").text


def test_what_nobody_reads_is_bounded_before_its_time_is_up(folder: Path) -> None:
    with limited(folder, unread=10_000) as running:
        with connect(running) as connection:
            assert ask_until_cut_off(connection, asking_much(3000))
        text = running.client.get("/metrics").text
        assert 'ordain_connections_ended_total{reason="many_unread_answers"} 1.0' in text


def statuses(running: Running, body: Any, threads: int) -> list[httpx.Response]:
    """Many clients at once."""
    answers: list[httpx.Response] = []

    def ask() -> None:
        with httpx.Client(base_url=str(running.client.base_url), timeout=20) as client:
            answers.append(client.post("/v2/models/toy/infer", content=body))

    asking = [threading.Thread(target=ask) for _ in range(threads)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    return answers


def eventually(ask: Callable[[], bool]) -> None:
    """Wait until the server has taken notice."""
    started = time.monotonic()
    while not ask():
        assert time.monotonic() - started < PATIENCE
        time.sleep(0.02)


def test_overload_answers_503_and_when_to_come_back(folder: Path) -> None:
    with limited(folder, in_flight=2) as running:
        held = [connect(running) for _ in range(2)]
        for each in held:
            each.sendall(HEAD + BODY[:10])
        eventually(lambda: running.client.post("/predict", json=ROW).status_code == 503)
        refused = running.client.post("/predict", json=ROW)
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["error"] == "the server is busy"
        assert running.client.get("/v2/health/live").status_code == 200
        for each in held:
            each.sendall(BODY[10:])
            assert each.recv(65536).startswith(b"HTTP/1.1 200 ")
            each.close()
        eventually(lambda: running.client.post("/predict", json=ROW).status_code == 200)


def test_probes_are_answered_while_large_requests_run(folder: Path) -> None:
    """In the order of events: probes that were asked after large requests are answered before them."""
    body = json.dumps({"inputs": tensors(*[{**ROW, "visits": 3.0}] * 10_000)}).encode()
    with limited(folder) as running:
        asking = threading.Thread(target=lambda: statuses(running, body, 4))
        asking.start()
        eventually(lambda: scraped(running, "ordain_requests_in_flight") > 1)
        before = 0
        while asking.is_alive():
            assert running.client.get("/v2/health/live").status_code == 200
            before += asking.is_alive()
        assert before > 1


def scraped(running: Running, name: str) -> float:
    """A metric without labels."""
    lines = running.client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def test_bodies_together_are_bounded(folder: Path) -> None:
    with limited(folder, bodies=300_000) as running:
        held = []
        for _ in range(6):
            connection = connect(running)
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n" + b" " * 90_000
            )
            held.append(connection)
            time.sleep(0.05)
        held[-1].sendall(b" " * 90_000)
        assert held[-1].recv(65536).startswith(b"HTTP/1.1 503 ")
        for each in held:
            each.close()
        eventually(lambda: running.client.post("/predict", json=ROW).status_code == 200)


def test_one_body_may_be_as_large_as_the_option_says(folder: Path) -> None:
    """Even where that is more than all bodies together may be by default."""
    with serving(str(folder), "--max-body", "70") as running:
        body = b" " * (65 * 2**20) + BODY
        assert running.client.post("/predict", content=body).status_code == 200


def test_connections_are_bounded(folder: Path) -> None:
    with limited(folder, connections=5) as running:
        held = [connect(running) for _ in range(8)]
        answer = until_closed(held[-1])
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in answer
        for each in held:
            each.close()

        def admitted() -> bool:
            with connect(running) as connection:
                connection.sendall(HEAD + BODY)
                return connection.recv(65536).startswith(b"HTTP/1.1 200 ")

        eventually(admitted)


def test_a_shape_of_many_dimensions_is_not_multiplied_out(server: Running) -> None:
    """Their product is a number of megabytes, and while it is made nobody else is answered."""
    shape = ",".join(["1099511627776"] * 100_000)
    tensor = f'{{"name":"amount","datatype":"FP64","data":[1],"shape":[{shape}]}}'
    body = gzip.compress(f'{{"inputs":[{tensor}]}}'.encode())
    began = time.monotonic()
    response = server.client.post("/v2/models/toy/infer", content=body, headers={"content-encoding": "gzip"})
    assert (response.status_code, time.monotonic() - began < 5) == (413 if len(shape) > 2**20 else 400, True)


NESTED = b'{"":' * 500 + b"0" + b"}" * 500
HEAVY = {  # small as they arrive, at most 16 MiB as text, and beyond any pod as objects
    "nested objects": b"[" + b",".join([NESTED] * (2**24 // (len(NESTED) + 1) - 1)) + b"]",
    "empty lists": b"[" + b",".join([b"[]"] * (2**24 // 3 - 2)) + b"]",
    "many rows": b"[" + b",".join([b'{"":0}'] * (2**24 // 7 - 2)) + b"]",
    "parameters": b'{"inputs":[],"parameters":{"a":[' + b"[]," * (2**24 // 3 - 20) + b"0]}}",
    "numbers": b'{"inputs":[{"name":"amount","datatype":"FP64","shape":[1],"data":['
    + b"1e1," * (2**22 - 40)
    + b"0]}]}",
}
MEMORY = 512 * 0.75  # MB; a pod has 512 unless its spec says otherwise


@pytest.mark.parametrize("name", HEAVY)
def test_no_body_takes_a_pod_beyond_its_memory(folder: Path, name: str) -> None:
    path = "/v2/models/toy/infer" if HEAVY[name].startswith(b"{") else "/predict"
    with serving(str(folder)) as running:
        body, headers = gzip.compress(HEAVY[name]), {"content-encoding": "gzip"}
        response = running.client.post(path, content=body, headers=headers)
        assert response.status_code in {400, 413}
        assert peak(running.process.pid) < MEMORY
        assert running.client.post("/predict", json=ROW).status_code == 200


BINARY = {"INT8": b"\x80", "BOOL": b"\1", "FP16": b"\0\x3c", "BYTES": b"\2\0\0\0ab"}


@pytest.mark.parametrize("datatype", BINARY)
def test_binary_rows_are_counted_before_they_are_objects(folder: Path, datatype: str) -> None:
    data = BINARY[datatype] * (2**24 // len(BINARY[datatype]) - 200)
    rows, size = len(data) // len(BINARY[datatype]), {"binary_data_size": len(data)}
    tensor = {"name": "amount", "datatype": datatype, "shape": [rows], "parameters": size}
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = {"inference-header-content-length": str(len(head))}
    with serving(str(folder)) as running:
        response = running.client.post("/v2/models/toy/infer", content=head + data, headers=headers)
        assert (response.status_code, "10000 rows" in response.text) == (413, True)
        assert peak(running.process.pid) < 200


def test_columns_that_the_model_does_not_have_never_become_objects(folder: Path) -> None:
    """800 of them in 18 KB of gzip are eight million numbers; six such requests would end the pod."""
    size = {"binary_data_size": 20_000}
    tensors = [
        {"name": f"t{at}", "datatype": "INT16", "shape": [10_000], "parameters": size} for at in range(800)
    ]
    head = json.dumps({"inputs": tensors}).encode()
    body = gzip.compress(head + b"\x01\x35" * 8_000_000, 1)
    headers = {"inference-header-content-length": str(len(head)), "content-encoding": "gzip"}
    with serving(str(folder)) as running:
        response = running.client.post("/v2/models/toy/infer", content=body, headers=headers)
        assert (response.status_code, "unknown column" in response.text) == (400, True)
        assert peak(running.process.pid) < 200


def test_texts_beyond_the_shape_never_become_objects(folder: Path) -> None:
    raw = b"\2\0\0\0ab" * 2_700_000
    size = {"binary_data_size": len(raw)}
    head = json.dumps(
        {"inputs": [{"name": "town", "datatype": "BYTES", "shape": [1], "parameters": size}]}
    ).encode()
    headers = {"inference-header-content-length": str(len(head))}
    with serving(str(folder)) as running:
        response = running.client.post("/v2/models/toy/infer", content=head + raw, headers=headers)
        assert (response.status_code, "more elements than" in response.text) == (400, True)
        assert peak(running.process.pid) < 200


def peak(pid: int) -> float:
    """MB of memory that a process has had at most."""
    (line,) = [
        each for each in Path(f"/proc/{pid}/status").read_text("ascii").splitlines() if "VmHWM" in each
    ]
    return int(line.split()[1]) / 1000


@given(st.binary(max_size=60), st.lists(st.sampled_from([b"{", b"[", b",", b'"', b"\\", b"a"]), max_size=60))
def test_text_does_not_weigh(text: bytes, parts: list[bytes]) -> None:
    """Long texts with commas and brackets in them are ordinary; the rest is counted."""
    limits = Limits(objects=0)
    quoted = json.dumps(text.decode("latin-1") * 2000).encode()
    check_weight(quoted, limits)
    inside = b"".join(parts).decode()
    check_weight(quoted + json.dumps(inside).encode(), limits)
    with pytest.raises(Refusal, match="too many values"):
        check_weight(quoted + b"[", limits)


@given(st.lists(st.sampled_from([b"{", b"[", b",", b"a"]), max_size=60).map(b"".join), st.integers(0, 20_000))
def test_what_is_too_short_to_weigh_too_much_is_not_weighed(body: bytes, objects: int) -> None:
    """The shortcut decides nothing that counting would decide otherwise."""
    heavy = 240 * body.count(b"{") + 90 * body.count(b"[") + 60 * body.count(b",") > objects
    try:
        check_weight(body, Limits(objects=objects))
    except Refusal:
        assert heavy
    else:
        assert not heavy
