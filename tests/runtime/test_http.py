"""HTTP as hostile and odd clients speak it: framing that can be read in two ways, floods, methods."""

from __future__ import annotations

import json
import socket
import time

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.runtime.guard import HEAD_BYTES, HEADERS, PIPELINED, without_upgrade
from tests.runtime import schemas
from tests.runtime.toy import ROW, Running, raw

BODY = json.dumps(ROW).encode()
LENGTH = b"content-length: %d\r\n" % len(BODY)
PING = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n"


def post(*headers: bytes, body: bytes = BODY) -> bytes:
    return b"POST /predict HTTP/1.1\r\nhost: x\r\n" + b"".join(headers) + b"\r\n" + body


CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
TE = b"transfer-encoding: chunked\r\n"
# Each is one request to one parser and two, or another one, to another.
SMUGGLED = {
    "length and chunks": post(LENGTH, TE, body=CHUNKED),
    "chunks and length": post(TE, LENGTH, body=CHUNKED),
    "two lengths": post(LENGTH, b"content-length: 3\r\n"),
    "the same length twice": post(LENGTH, LENGTH),
    "a list of lengths": post(b"content-length: %d, %d\r\n" % (len(BODY), len(BODY))),
    "a signed length": post(b"content-length: +%d\r\n" % len(BODY)),
    "a hexadecimal length": post(b"content-length: 0x10\r\n"),
    "a negative length": post(b"content-length: -1\r\n"),
    "a length too long for any number": post(b"content-length: " + b"9" * 40 + b"\r\n"),
    "chunks that are not last": post(b"transfer-encoding: chunked, identity\r\n", body=CHUNKED),
    "an unknown coding": post(b"transfer-encoding: xchunked\r\n", body=CHUNKED),
    "a space before the colon": post(b"content-length : %d\r\n" % len(BODY)),
    "a folded header": post(b"x: y\r\n z: 1\r\n" + b"content-length:\r\n %d\r\n" % len(BODY)),
    "a bare line feed in a chunk": post(TE, body=CHUNKED.replace(b"\r\n", b"\n")),
    "a chunk size that overflows": post(TE, body=b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n"),
    "a nul in a header": post(LENGTH, b"x: a\0b\r\n"),
    "a bare carriage return": post(LENGTH, b"x: a\rcontent-length: 0\r\n"),
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_framing_that_can_be_read_in_two_ways_is_refused(server: Running, name: str) -> None:
    """One error and the end of the connection: what follows is not taken for a request."""
    answer = raw(server, SMUGGLED[name] + PING)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")), answer[:200]
    assert answer.count(b"HTTP/1.1 ") == 1
    schemas.check(schemas.ERROR, json.loads(answer.partition(b"\r\n\r\n")[2]))


def test_chunks_alone_are_a_body(server: Running) -> None:
    assert raw(server, post(TE, b"connection: close\r\n", body=CHUNKED)).startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    last = PING.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    answer = raw(server, PING + post(LENGTH) + PING.replace(b"live", b"none") + last)
    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"404", b"200"]


def test_a_flood_of_pipelined_requests_is_ended(server: Running) -> None:
    """Otherwise one small packet could start thousands of requests."""
    answer = raw(server, post(LENGTH) + PING * (PIPELINED + 5))
    assert answer.count(b"HTTP/1.1 200 ") <= PIPELINED
    assert 'reason="too_many_pipelined"' in server.client.get("/metrics").text


def test_an_error_is_never_taken_for_the_answer_to_an_earlier_request(server: Running) -> None:
    """The first request has not been answered when the second proves malformed."""
    for _ in range(5):
        answer = raw(server, post(LENGTH) + b"NONSENSE\r\n\r\n")
        assert answer == b"" or answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "headers",
    [
        b"a: b\r\n" * (HEADERS + 1),
        b"a: " + b"x" * (4 * HEAD_BYTES) + b"\r\n",
        b"x" * (4 * HEAD_BYTES) + b": a\r\n",
    ],
)
def test_a_flood_of_headers_is_ended(server: Running, headers: bytes) -> None:
    answer = raw(server, post(LENGTH, headers))
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize("path", ["/predict", "/v2", "/v2/models/toy/infer"])
def test_other_methods_are_told_which_are_taken(client: httpx.Client, path: str) -> None:
    for method in ("OPTIONS", "TRACE", "PATCH", "PUT", "DELETE", "PROPFIND"):
        response = client.request(method, path)
        assert response.status_code == 405
        assert response.headers["Allow"] == ("GET, HEAD" if path == "/v2" else "POST")
        schemas.check(schemas.ERROR, response.json())


@pytest.mark.parametrize("path", ["/v2", "/v2/health/ready", "/v2/models/toy", "/metrics", "/openapi.json"])
def test_head_is_get_without_a_body(client: httpx.Client, path: str) -> None:
    response = client.head(path)
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0
    assert response.headers["Content-Type"] == client.get(path).headers["Content-Type"]


def test_a_post_without_a_body_is_asked_for_its_length(server: Running) -> None:
    answer = raw(server, post(b"connection: close\r\n", body=b""))
    assert answer.startswith(b"HTTP/1.1 411 ")
    schemas.check(schemas.ERROR, json.loads(answer.partition(b"\r\n\r\n")[2]))


def test_who_asks_first_is_told_to_go_on(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(post(LENGTH, b"expect: 100-continue\r\n", body=b""))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_upgrade_is_not_taken_up(server: Running) -> None:
    upgrade = b"connection: upgrade, close\r\nupgrade: websocket\r\nsec-websocket-key: eA==\r\n"
    answer = raw(server, b"GET /v2 HTTP/1.1\r\nhost: x\r\n" + upgrade + b"\r\n")
    assert answer == b"" or answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))


H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"


@pytest.mark.parametrize("pause", [0.0, 0.2], ids=["one packet", "two packets"])
def test_who_offers_another_protocol_is_answered_in_this_one(server: Running, pause: float) -> None:
    """As Java's client and `curl --http2` do with every request; the body is no request of its own."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        head = post(H2C, LENGTH, body=b"")
        connection.sendall(head if pause else head + BODY)
        time.sleep(pause)
        last = PING.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        connection.sendall(BODY + last if pause else last)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200"]
    assert b'"predictions"' in answer


@pytest.mark.parametrize(
    "sent",
    [
        post(b"connection: UPGRADE\r\nUPGRADE: h2c\r\n", LENGTH),
        post(LENGTH) + post(H2C, LENGTH),
        b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
def test_an_offer_that_is_not_understood_ends_the_connection(server: Running, sent: bytes) -> None:
    """The parser takes the body of such a request for the next one."""
    answer = raw(server, sent + PING)
    assert answer.count(b"HTTP/1.1 200 ") <= sent.count(b"/predict") - 1 or b"HTTP/1.1 400 " in answer
    assert b'"live"' not in answer


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"Upgrade: h2c", b"x: y", b"upgrade:", b"UPGRADE : a", b"x-upgrade: a", b"\r\n"])
    )
)
def test_only_the_name_of_the_header_changes(lines: list[bytes]) -> None:
    data = b"POST / HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + b"\r\nupgrade: body"
    made = without_upgrade(data)
    assert len(made) == len(data)
    head, end, body = made.partition(b"\r\n\r\n")
    assert data.endswith(end + body)
    assert b"\r\nupgrade:" not in head.lower()
    assert head.replace(b"\r\nignored:", b"\r\nupgrade:").lower() == data.partition(b"\r\n\r\n")[0].lower()


@pytest.mark.parametrize("size", [HEAD_BYTES // 2, HEAD_BYTES + 100])
def test_the_bound_on_headers_holds_for_one_packet(server: Running, size: int) -> None:
    answer = raw(server, post(LENGTH, b"a: " + b"x" * size + b"\r\n", b"connection: close\r\n"))
    assert answer.startswith(b"HTTP/1.1 200 " if size < HEAD_BYTES else b"HTTP/1.1 431 ")
