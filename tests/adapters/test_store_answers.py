"""What a store's refusal means: a wrong URL, a missing right, or another time."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from ordain.adapters.datasource import fetch
from ordain.adapters.sources import look
from ordain.adapters.store_answers import answering
from ordain.errors import RetryLater, UserError


class Handler(BaseHTTPRequestHandler):
    """Answers with the status in the path; what ends in `torn` is described, and refused when it is read."""

    def do_HEAD(self) -> None:
        self.answer(200 if self.path.endswith("torn.csv") else int(self.path.split("/")[1]))

    def do_GET(self) -> None:
        self.answer(int(self.path.split("/")[1]))

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0" if self.command == "GET" else "9")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("name", ["x.csv", "*.csv", "torn.csv"])
def test_a_host_that_is_busy_or_broken_is_tried_later(host: str, status: int, name: str) -> None:
    with pytest.raises(RetryLater, match="did not answer"):
        look(f"{host}/{status}/{name}", None)


@pytest.mark.parametrize("name", ["x.csv", "*.csv"])
def test_a_refused_connection_is_tried_later(name: str) -> None:
    with socket.socket() as taken:  # bound, and listening to nobody
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(RetryLater, match="did not answer"):
            look(f"http://127.0.0.1:{taken.getsockname()[1]}/{name}", None)


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("name", ["x.csv", "*.csv", "torn.csv"])
def test_what_is_not_there_is_a_wrong_url(host: str, status: int, name: str) -> None:
    with pytest.raises(UserError, match=r"nothing (at|matches) this URL") as caught:
        look(f"{host}/{status}/{name}", None)
    assert caught.value.fix == "correct `data.source.url`"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("name", ["x.csv", "*.csv", "torn.csv"])
def test_what_may_not_be_read_asks_for_credentials(host: str, status: int, name: str) -> None:
    with pytest.raises(UserError, match="may not be read") as caught:
        look(f"{host}/{status}/{name}", None)
    assert "credentials" in caught.value.fix


@pytest.mark.parametrize(
    ("status", "expected", "said"),
    [
        (503, RetryLater, "did not answer"),
        (404, UserError, "nothing at"),
        (403, UserError, "may not be read"),
    ],
)
def test_a_stage_that_reads_is_told_the_same(
    host: str, status: int, expected: type[Exception], said: str
) -> None:
    with pytest.raises(expected, match=said):
        fetch(f"{host}/{status}/x.csv")


def test_a_stage_tries_a_refused_connection_later() -> None:
    with pytest.raises(RetryLater, match="did not answer"):
        fetch("http://127.0.0.1:9/x.csv")


@pytest.mark.parametrize(
    ("raised", "expected", "said"),
    [
        (PermissionError("Access Denied"), UserError, "may not be read"),
        (FileNotFoundError("bucket"), UserError, "nothing at this URL"),
        (TimeoutError(), RetryLater, "did not answer"),
        (ImportError("install s3fs"), UserError, "cannot read this URL: install s3fs"),
        (RuntimeError("Unable to locate credentials"), UserError, "cannot read this URL: Unable to locate"),
        (UserError("too large", where="x"), UserError, "too large"),
        (RetryLater("busy"), RetryLater, "busy"),
    ],
)
def test_drivers_raise_what_they_like(raised: Exception, expected: type[Exception], said: str) -> None:
    with pytest.raises(expected, match=said), answering("s3://bucket/x.csv"):
        raise raised


def test_the_reason_may_lie_deeper() -> None:
    error = RuntimeError("could not connect to the endpoint")
    error.__context__ = ConnectionResetError("gone")
    with pytest.raises(RetryLater, match="did not answer: gone"), answering("s3://bucket/x.csv"):
        raise error
