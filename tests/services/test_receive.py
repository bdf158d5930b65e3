"""Webhooks over real HTTP, passed on to a forge's stand-in over real HTTP."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from ordain.adapters import bounded_server
from ordain.adapters.forges.place import Token, place_of
from ordain.adapters.forges.telling import Teller
from ordain.adapters.webhooks import Hooks
from ordain.core.drift.alerts import BODY_LIMIT
from ordain.errors import UserError
from ordain.services.monitoring.receive import Receiver
from tests.adapters.forges.conftest import LIMITS
from tests.adapters.forges.github_world import DISPATCHES, hosted
from tests.adapters.forges.standin import TOKEN, Fault, StandIn
from tests.core.test_alerts import alert, message
from tests.wire import exchanged

SECRET = "webhook-secret-1"
NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
ASKING = message(alert(retrain="draft"))


@pytest.fixture
def forge() -> Iterator[StandIn]:
    with hosted() as world:
        yield world.server


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now


def receiver(forge: StandIn, clock: Clock) -> Receiver:
    place = place_of("github", f"{forge.origin}/acme/churn", "main")
    return Receiver(Teller(place, Token(TOKEN), limits=LIMITS), clock)


@contextmanager
def listening(made: Receiver) -> Iterator[tuple[str, int]]:
    def receive(body: bytes) -> tuple[int, str]:
        answer = made.receive(body)
        return answer.status, answer.told

    with Hooks(("127.0.0.1", 0), Token(SECRET), receive, BODY_LIMIT) as hooks:
        thread = threading.Thread(target=hooks.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield ("127.0.0.1", hooks.server_address[1])
        hooks.shutdown()
        thread.join(5)


def post(
    address: tuple[str, int], body: bytes, secret: str = SECRET, path: str = "/alerts", **headers: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*address, timeout=20)
    connection.request("POST", path, body, {"Authorization": f"Bearer {secret}", **headers})
    answer = connection.getresponse()
    told = answer.status, answer.read().decode()
    connection.close()
    return told


def test_alerts_reach_the_forge_once_an_hour_and_again_after_a_restart(forge: StandIn) -> None:
    clock = Clock()
    with listening(receiver(forge, clock)) as address:
        assert post(address, ASKING) == (200, "churn@production: draft")
        assert post(address, ASKING) == (200, "nothing that calls for a request")
        assert post(address, message(alert(retrain="open"))) == (200, "churn@production: open")
        assert post(address, message(alert())) == (200, "nothing that calls for a request")
        clock.now += dt.timedelta(hours=1)
        assert post(address, ASKING)[1] == "churn@production: draft"
    with listening(receiver(forge, clock)) as address:
        assert post(address, ASKING)[1] == "churn@production: draft"
    assert forge.count("POST", DISPATCHES) == 4
    assert {each.body["client_payload"]["model"] for each in forge.asked} == {"churn"}


def test_another_alert_in_the_same_hour_is_another(forge: StandIn) -> None:
    clock = Clock()
    made = receiver(forge, clock)
    first, second = (alert(retrain="draft", alertname=name) for name in ("Odd", "Odder"))
    told = [made.receive(message(*found)).told for found in ([first], [second], [first, second], [second])]
    assert told == ["churn@production: draft"] * 2 + ["nothing that calls for a request"] * 2
    kinds = [
        json.loads(each.body["client_payload"]["evidence"])["findings"][0]["kind"] for each in forge.asked
    ]
    assert kinds == ["Odd", "Odder"]
    clock.now += dt.timedelta(minutes=59)
    assert made.receive(message(first)).told == "nothing that calls for a request"


def test_a_forge_that_is_away_or_refuses_is_told_again(forge: StandIn) -> None:
    with listening(receiver(forge, Clock())) as address:
        forge.faulty["POST", DISPATCHES] = Fault(status=503)
        assert post(address, ASKING)[0] == 503
        forge.faulty["POST", DISPATCHES] = Fault(status=403)
        status, told = post(address, ASKING)
        assert (status, "Contents: write" in told, TOKEN in told) == (502, True, False)
        del forge.faulty["POST", DISPATCHES]
        assert post(address, ASKING)[0] == 200


def test_only_whoever_knows_the_secret_is_heard(forge: StandIn) -> None:
    with listening(receiver(forge, Clock())) as address:
        for secret in ("", "wrong-secret-1", SECRET[:-1], SECRET + "x", "sécret"):
            assert post(address, ASKING, secret.encode().decode("latin-1"))[0] == 401
        assert post(address, ASKING, path="/other")[0] == 404
        connection = http.client.HTTPConnection(*address, timeout=20)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.request("GET", "/alerts")
        assert connection.getresponse().status == 404
    assert forge.asked == []


HEAD = f"POST /alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n".encode()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (HEAD + b"Content-Length: -1\r\n\r\n", b"411"),
        (HEAD + b"Content-Length: 1048577\r\n\r\n", b"413"),
        (HEAD + b"Content-Length: 99999999999999\r\n\r\n", b"411"),
        (HEAD + b"Content-Length: 2\r\n\r\n[]", b"400"),
        (HEAD + b"Content-Length: 4\r\n\r\n\xff\xff\xff\xff", b"400"),
        (HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n", b"431"),
        (b"\x00\x01\x02\r\n\r\n", b"400"),
    ],
)
def test_what_is_malformed_or_too_large_is_refused(forge: StandIn, sent: bytes, status: bytes) -> None:
    with listening(receiver(forge, Clock())) as address:
        assert status in exchanged(address, sent).split(b"\r\n")[0]
        assert post(address, ASKING)[0] == 200


def test_the_slow_and_the_many_do_not_keep_others_out(
    forge: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_server, "PATIENCE", 1.0)
    with listening(receiver(forge, Clock())) as address, ExitStack() as stack:
        slow = [socket.create_connection(address, timeout=20) for _ in range(bounded_server.CONNECTIONS)]
        for each in slow:
            stack.enter_context(each)
            each.sendall(HEAD + b"Content-Length: 100\r\n\r\n[")
        with socket.create_connection(address, timeout=20) as refused:
            assert refused.recv(1) == b""
        with suppress(ConnectionError):  # a byte now and then keeps a socket alive, and does not help
            for _ in range(20):
                slow[0].sendall(b" ")
                time.sleep(0.2)
            pytest.fail("it was waited for")
        for each in slow[1:]:
            assert each.recv(1) == b""
        for _ in range(100):
            if post_or_none(address) == 200:
                break
            time.sleep(0.05)
        else:
            pytest.fail("nobody is let in again")


def post_or_none(address: tuple[str, int]) -> int | None:
    try:
        return post(address, ASKING)[0]
    except (ConnectionError, http.client.HTTPException):
        return None


def test_many_at_once_are_one(forge: StandIn) -> None:
    with listening(receiver(forge, Clock())) as address:
        threads = [threading.Thread(target=post, args=(address, ASKING)) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert forge.count("POST", DISPATCHES) == 1


def test_what_was_passed_on_is_forgotten_in_time(forge: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordain.services.monitoring.receive.MOST", 2)
    clock = Clock()
    made = receiver(forge, clock)
    for model in ("a", "b", "c"):
        assert made.receive(message(alert(retrain="draft", model=model))).status == 200
        clock.now += dt.timedelta(hours=2)
    assert len(made._sent) == 1
    names = [alert(retrain="draft", alertname=f"Odd{at}") for at in range(9)]
    assert made.receive(message(*names)).status == 200
    assert len(made._sent) == 2


def test_an_address_that_is_taken(forge: StandIn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match="cannot listen"):
        Hooks(("127.0.0.1", taken.getsockname()[1]), Token(SECRET), lambda _: (200, ""), 1)


def test_the_command_listens_and_ends_on_sigterm(forge: StandIn, tmp_path: Path) -> None:
    program = "from ordain.cli.main import main; main()"
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    words = ("receive", "--tell", f"{forge.origin}/acme/churn", "--port", "0")
    told = {"GITHUB_TOKEN": TOKEN, "ORDAIN_WEBHOOK_SECRET": "", "ORDAIN_WEBHOOK_SECRET_FILE": str(secret)}
    with subprocess.Popen(
        [sys.executable, "-uc", program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **told},
    ) as made:  # fmt: skip
        assert made.stdout is not None
        port = int(made.stdout.readline().rpartition(":")[2].partition("/")[0])
        assert post(("127.0.0.1", port), ASKING)[0] == 200
        made.send_signal(signal.SIGTERM)
        _, said = made.communicate(timeout=30)
        assert made.returncode == 0, said
    assert "200 churn@production: draft" in said
    assert SECRET not in said
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False,
        env={**os.environ, **told, "ORDAIN_WEBHOOK_SECRET_FILE": ""},
    )  # fmt: skip
    assert (done.returncode, "no shared secret" in done.stderr) == (1, True)
