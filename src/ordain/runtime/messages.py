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
ENDED = "ordain.ended"  # key of a scope: the status with which the connection was ended before its request
GZIP_FROM = 1400  # bytes; a smaller answer fits one packet anyway
AT_ONCE = 64 * 2**10  # bytes that are compressed or decompressed on the event loop, which takes under 1 ms
STEP = 2**20  # bytes of a larger body that are decompressed at a time, in a thread
VALUE = 75  # bytes that one value of a row takes at most on its way from a body to an answer, measured
HEAVIEST = 240  # bytes of objects that one byte of JSON can make
WINDOWS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request, and all together, may take.

    Attributes:
        body: bytes of one body, before and after decompression.
        bodies: bytes of all bodies, received in part or whole, whose requests are not answered yet.
        unread: bytes of all answers that clients have not read yet.
        objects: bytes of memory that the JSON of one request may take once it is read; estimated before.
        rows: of one request, unless they are very wide: see `of_model`.
        body_seconds: for one body to arrive, and for an answer to be read.
        head_seconds: for one request's headers to arrive.
        idle_seconds: that a connection may be kept between requests.
        in_flight: requests being answered.
        connections: open at once.
    """

    body: int = 16 * 2**20
    bodies: int = 64 * 2**20
    unread: int = 64 * 2**20
    objects: int = 128 * 2**20
    rows: int = 10_000
    body_seconds: float = 30.0
    head_seconds: float = 10.0
    idle_seconds: float = 75.0
    in_flight: int = 512
    connections: int = 2048

    def of_model(self, columns: int) -> Limits:
        """Those of a model of so many columns: its values may not take more than `objects` either."""
        return msgspec.structs.replace(self, rows=max(1, min(self.rows, self.objects // (VALUE * columns))))


class Request(msgspec.Struct, frozen=True):
    """A whole request.

    Attributes:
        headers: by lower-case name; of a repeated one the last.
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


async def read_request(scope: Scope, receive: Receive, limits: Limits, stats: ServerStats) -> Request:
    """The whole request, within the limits; `runtime.guard` ends the connection of a client that is slow.

    Raises:
        Refusal: 411 without a body, 413 large, 415 in an encoding that is not read, 503 too much at once.
        ClientGoneError: when the connection ended first.
    """
    headers = dict(scope["headers"])
    length = headers.get(b"content-length")
    if length is None:
        if b"transfer-encoding" not in headers:
            raise Refusal(411, "this path takes a body; say how long it is")
    # uvicorn's parser has checked that a length is digits.
    elif len(length) > 18 or int(length) > limits.body:
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
        body = await _decompressed(body, encoding, limits, stats)
    return Request(headers, body)


class Holding:
    """Counts the bytes of one body among all that the server holds, while it grows.

    Args:
        limits, stats: the process's.
    """

    def __init__(self, limits: Limits, stats: ServerStats) -> None:
        self._limits, self._stats = limits, stats
        self._size = 0

    def add(self, part: bytes) -> None:
        """Count one more part.

        Raises:
            Refusal: 413 for a body that is too large, 503 for too much at once.
        """
        self._size += len(part)
        self._stats.body_bytes += len(part)
        if self._size > self._limits.body:
            raise _too_large(self._limits)
        check_room(self._limits, self._stats)

    def end(self) -> None:
        """Count it no more; whoever has the whole body counts that."""
        self._stats.body_bytes -= self._size


def check_room(limits: Limits, stats: ServerStats) -> None:
    """Refuse when the server holds too much.

    Raises:
        Refusal: 503.
    """
    if stats.body_bytes > limits.bodies:
        raise busy("the server has too much to read")


async def _rest(first: bytes, receive: Receive, limits: Limits, stats: ServerStats) -> bytes:
    """A body that comes in more than one piece."""
    parts, more = [first], True
    holding = Holding(limits, stats)
    try:
        holding.add(first)
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            parts.append(message["body"])
            holding.add(parts[-1])
            more = message["more_body"]
    finally:
        holding.end()
    return b"".join(parts)


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, f"a body may have {limits.body} bytes", [(b"connection", b"close")])


async def _decompressed(body: bytes, encoding: bytes, limits: Limits, stats: ServerStats) -> bytes:
    """The body without its compression; what grows large grows step by step, in a thread, counted."""
    if encoding not in WINDOWS:
        raise Refusal(415, "the content encoding must be gzip, deflate or identity")
    stream, loop = zlib.decompressobj(WINDOWS[encoding]), asyncio.get_running_loop()
    sent, plain = Holding(limits, stats), Holding(limits, stats)
    try:
        sent.add(body)
        parts = [stream.decompress(body, AT_ONCE)]
        while parts[-1] and not stream.eof:
            plain.add(parts[-1])
            parts.append(await loop.run_in_executor(None, stream.decompress, stream.unconsumed_tail, STEP))
        plain.add(parts[-1])
    except zlib.error:
        raise Refusal(400, f"the body is not {encoding.decode('ascii')}") from None
    finally:
        sent.end()
        plain.end()
    if not stream.eof or stream.unused_data:
        raise Refusal(400, f"the body is not one whole {encoding.decode('ascii')} stream")
    return b"".join(parts)


async def compressed(response: Response, accepted: bytes) -> Response:
    """The answer as gzip, when that pays and the client takes it."""
    if len(response.body) < GZIP_FROM or not _takes_gzip(accepted):
        return response
    if len(response.body) <= AT_ONCE:
        body = _gzip(response.body)
    else:
        body = await asyncio.get_running_loop().run_in_executor(None, _gzip, response.body)
    return Response(response.status, body, [*response.headers, (b"content-encoding", b"gzip")])


def _gzip(body: bytes) -> bytes:
    stream = zlib.compressobj(1, zlib.DEFLATED, WINDOWS[b"gzip"])
    return stream.compress(body) + stream.flush()


def _takes_gzip(accepted: bytes) -> bool:
    for each in accepted.lower().split(b","):
        name, _, weight = each.partition(b";")
        if name.strip() == b"gzip":
            return weight.strip().replace(b" ", b"") not in {b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"}
    return False


def check_weight(body: bytes, limits: Limits) -> None:
    """Refuse JSON that would take much more memory as objects than as text: 16 MiB of `[[` are 400.

    What stands in quotes weighs nothing, so it is left out where it would decide.

    Raises:
        Refusal: 413.
    """
    most = limits.objects
    if len(body) * HEAVIEST > most and _weight(body) > most and _weight(_unquoted(body)) > most:
        raise Refusal(413, "the body holds too many values; send fewer rows at a time")


def _unquoted(body: bytes) -> bytes:
    """What of JSON stands outside quotes, in memory that does not depend on how many there are."""
    import numpy as np  # not at the top: the parent of several workers has no use for it

    codes = np.frombuffer(body.replace(b"\\\\", b"").replace(b'\\"', b""), dtype=np.uint8)
    return codes[~np.logical_xor.accumulate(codes == ord('"'))].tobytes()


def _weight(body: bytes) -> int:
    """Bytes of the objects that CPython makes of JSON: each value has a comma, or is the first of its kin."""
    return HEAVIEST * body.count(b"{") + 90 * body.count(b"[") + 60 * body.count(b",")


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
