"""HTTP bodies in and out: limits, compression, JSON."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from ordain.runtime.refusal import Headers, Refusal
from ordain.runtime.stats import ServerStats

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = (b"content-type", b"application/json")
HEADER_LENGTH = b"inference-header-content-length"
WANTED = frozenset(
    {b"content-type", b"content-encoding", b"content-length", b"accept-encoding", b"accept", HEADER_LENGTH}
)
GZIP_FROM = 1400  # bytes; a smaller answer fits one packet anyway
WINDOWS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request, and all together, may take.

    Attributes:
        body: bytes of one body, before and after decompression.
        bodies: bytes of all bodies that are being received.
        rows: of one request.
        body_seconds: for one body to arrive.
        head_seconds: for one request's headers to arrive.
        idle_seconds: that a connection may be kept between requests.
        in_flight: requests being answered.
        connections: open at once.
    """

    body: int = 16 * 2**20
    bodies: int = 64 * 2**20
    rows: int = 10_000
    body_seconds: float = 30.0
    head_seconds: float = 10.0
    idle_seconds: float = 75.0
    in_flight: int = 512
    connections: int = 2048


class Request(msgspec.Struct, frozen=True):
    """A whole request.

    Attributes:
        headers: those of `WANTED`, by lower-case name.
        body: decompressed.
    """

    headers: dict[bytes, bytes]
    body: bytes


class Response(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes
    headers: Headers


class ClientGoneError(Exception):
    """The client closed the connection; there is nobody to answer."""


_ENCODER = msgspec.json.Encoder()


def json_response(value: Any, status: int = 200) -> Response:
    """Any msgspec value as a JSON answer."""
    return Response(status, _ENCODER.encode(value), [JSON])


def error_response(refusal: Refusal) -> Response:
    """`{"error": …}`, as the protocol wants it."""
    body = _ENCODER.encode({"error": refusal.message})
    return Response(refusal.status, body, [JSON, *refusal.headers])


def busy(why: str) -> Refusal:
    """503: try again soon."""
    return Refusal(503, why, [(b"retry-after", b"1")])


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers that matter here; of a repeated one the last."""
    return {name: value for name, value in scope["headers"] if name in WANTED}


async def read_request(scope: Scope, receive: Receive, limits: Limits, stats: ServerStats) -> Request:
    """The whole request, within the limits.

    Raises:
        Refusal: 408 slow, 413 large, 415 in an encoding that is not read, 503 too much at once.
        ClientGoneError: when the connection ended first.
    """
    headers = headers_of(scope)
    length = headers.get(b"content-length", b"")
    # uvicorn's parser has checked that a length is digits.
    if len(length) > 18 or int(length or 0) > limits.body:
        raise _too_large(limits)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    body: bytes = message["body"]
    if message["more_body"]:
        body = await _rest(body, receive, limits, stats)
    if len(body) > limits.body:
        raise _too_large(limits)
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding != b"identity":
        body = _decompressed(body, encoding, limits)
    return Request(headers, body)


async def _rest(first: bytes, receive: Receive, limits: Limits, stats: ServerStats) -> bytes:
    """A body that came in more than one piece."""
    parts, size, more = [first], len(first), True
    stats.body_bytes += size
    try:
        async with asyncio.timeout(limits.body_seconds):
            while more:
                if size > limits.body:
                    raise _too_large(limits)
                if stats.body_bytes > limits.bodies:
                    raise busy("the server is receiving too much at once")
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                parts.append(message["body"])
                size += len(parts[-1])
                stats.body_bytes += len(parts[-1])
                more = message["more_body"]
    except TimeoutError:
        raise Refusal(408, "the body took too long to arrive", [(b"connection", b"close")]) from None
    finally:
        stats.body_bytes -= size
    return b"".join(parts)


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, f"a body may have {limits.body} bytes", [(b"connection", b"close")])


def _decompressed(body: bytes, encoding: bytes, limits: Limits) -> bytes:
    """The body without its compression, never larger than the limit."""
    if encoding not in WINDOWS:
        raise Refusal(415, "the content encoding must be gzip, deflate or identity")
    stream = zlib.decompressobj(WINDOWS[encoding])
    try:
        plain = stream.decompress(body, limits.body + 1)
    except zlib.error:
        raise Refusal(400, f"the body is not {encoding.decode('ascii')}") from None
    if len(plain) > limits.body:
        raise _too_large(limits)
    if not stream.eof or stream.unused_data:
        raise Refusal(400, f"the body is not one whole {encoding.decode('ascii')} stream")
    return plain


def compressed(response: Response, accepted: bytes) -> Response:
    """The answer as gzip, when that pays and the client takes it."""
    if len(response.body) < GZIP_FROM or not _takes_gzip(accepted):
        return response
    stream = zlib.compressobj(1, zlib.DEFLATED, WINDOWS[b"gzip"])
    body = stream.compress(response.body) + stream.flush()
    return Response(response.status, body, [*response.headers, (b"content-encoding", b"gzip")])


def _takes_gzip(accepted: bytes) -> bool:
    for each in accepted.lower().split(b","):
        name, _, weight = each.partition(b";")
        if name.strip() == b"gzip":
            return weight.strip().replace(b" ", b"") not in {b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"}
    return False


def check_content_type(headers: dict[bytes, bytes], *, binary: bool) -> None:
    """Refuse a body that says it is something else than JSON (or JSON with binary tensors).

    Raises:
        Refusal: 415.
    """
    kind = headers.get(b"content-type")
    if kind is None or kind == b"application/json":
        return
    essence, _, parameters = kind.partition(b";")
    essence = essence.strip().lower()
    charset = parameters.strip().lower().replace(b'"', b"")
    if essence == b"application/json" and charset in {b"", b"charset=utf-8"}:
        return
    if binary and essence == b"application/octet-stream":
        return
    raise Refusal(415, "the content type must be application/json")
