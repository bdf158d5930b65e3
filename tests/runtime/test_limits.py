"""Slow, endless, greedy and crowding clients."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.runtime.toy import ROW, Running, limited, tensors

BODY = json.dumps(ROW).encode()
PATIENCE = 20.0  # seconds; a busy machine makes everything late, and these tests ask only for an end
HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(BODY)


@pytest.fixture(scope="module")
def impatient(folder: Path) -> Iterator[Running]:
    with limited(folder, body_seconds=1.0, head_seconds=1.0, idle_seconds=1.0) as running:
        yield running


def connect(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=2 * PATIENCE)


def until_closed(connection: socket.socket) -> bytes:
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b"HTTP/1.1 408 "),
        (b"POST /predict HTTP/1.1\r\nhost:", b"HTTP/1.1 408 "),
        (HEAD + BODY[:10], b"HTTP/1.1 408 "),
        (HEAD + BODY, b"HTTP/1.1 200 "),
    ],
)
def test_slow_and_idle_clients_are_let_go(impatient: Running, sent: bytes, answer: bytes) -> None:
    started = time.monotonic()
    with connect(impatient) as connection:
        connection.sendall(sent)
        assert until_closed(connection).startswith(answer)
    assert 0.5 < time.monotonic() - started < PATIENCE


def test_trickling_headers_do_not_buy_time(impatient: Running) -> None:
    started = time.monotonic()
    with connect(impatient) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\n")
        try:
            while time.monotonic() - started < 2 * PATIENCE:
                connection.sendall(b"a: b\r\n")
                time.sleep(0.1)
        except OSError:
            pass
    assert time.monotonic() - started < PATIENCE


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


def test_who_does_not_read_is_cut_off(impatient: Running) -> None:
    rows = {"inputs": tensors(*[ROW] * 3000)}
    body = json.dumps(rows).encode()
    request = (
        b"POST /v2/models/toy/infer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    ) + body
    with connect(impatient) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.2)
        started = time.monotonic()
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            send_until_cut_off(connection, request, started)
        assert time.monotonic() - started < 2 * PATIENCE


def send_until_cut_off(connection: socket.socket, request: bytes, started: float) -> None:
    while time.monotonic() - started < 2 * PATIENCE:
        with contextlib.suppress(TimeoutError):
            connection.sendall(request)


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
    body = json.dumps({"inputs": tensors(*[{**ROW, "visits": 3.0}] * 10_000)}).encode()
    with limited(folder) as running:
        asking = threading.Thread(target=lambda: statuses(running, body, 4))
        asking.start()
        slowest = 0.0
        while asking.is_alive():
            started = time.monotonic()
            assert running.client.get("/v2/health/live").status_code == 200
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 2


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
