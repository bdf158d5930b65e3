"""What uvicorn's HTTP protocol leaves open to clients that are slow, endless or malformed.

uvicorn ends idle connections. It does not end those that never finish their headers or never read their
answer, does not bound headers, and answers malformed requests in plain text. A thin subclass does.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ordain.runtime.connection import IdleClock, OneAtATime, WholeAnswers
from ordain.runtime.messages import ENDED, Limits
from ordain.runtime.stats import ServerStats

HEAD_BYTES = 64 * 2**10
HEADERS = 200
PIPELINED = 64  # requests of one connection, in one packet, that may wait for the one before them
SWEEP = 1.0  # seconds


class Ending(NamedTuple):
    """Why the server ends a connection.

    Attributes:
        reason: the label of the metric that counts it.
        status, message: of the answer.
    """

    reason: str
    status: str
    message: str

    def response(self) -> bytes:
        """A whole HTTP response that closes the connection."""
        body = b'{"error":"%s"}' % self.message.encode("ascii")
        head = (
            f"HTTP/1.1 {self.status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n"
        )
        retry = "retry-after: 1\r\n" if self.status.startswith("503") else ""
        return f"{head}{retry}\r\n".encode("ascii") + body


_BUSY, _SLOW, _LARGE = "503 Service Unavailable", "408 Request Timeout", "431 Request Header Fields Too Large"
CROWDED = Ending("too_many_connections", _BUSY, "too many connections")
PIPED = Ending("too_many_pipelined", _BUSY, "too many requests at once")
MALFORMED = Ending("malformed", "400 Bad Request", "this is not a valid HTTP request")
LARGE_HEAD = Ending("large_headers", _LARGE, "the headers are too large")
UPGRADE = Ending("upgrade", "400 Bad Request", "nothing is upgraded to here; ask in HTTP/1.1")
MANY_HEADERS = Ending("many_headers", _LARGE, "there are too many headers")
SLOW_HEAD = Ending("slow_headers", _SLOW, "the request took too long to arrive")
SLOW_BODY = Ending("slow_body", _SLOW, "the body took too long to arrive")
SLOW_READER, MANY_UNREAD = "slow_reader", "many_unread_answers"  # no answer would reach these


_UPGRADE = re.compile(rb"\r\nupgrade(?=:)", re.IGNORECASE)


def without_upgrade(data: bytes) -> bytes:
    """The head of a request, with any header `Upgrade` renamed; the rest is left as it is.

    Nothing is upgraded to here, so the header is to be ignored (RFC 9110, 7.8). The parser can't: for it the
    request ends at its headers, and a body would be the next request. Java's client sends it with each one.
    """
    end = data.find(b"\r\n\r\n")
    end = len(data) if end < 0 else end
    if data.find(b"grade", 0, end) < 0:  # nearly always; and bodies are long
        return data
    return _UPGRADE.sub(b"\r\nignored", data[:end]) + data[end:]


class TooMuchError(Exception):
    """Ends the parsing of what a connection has sent."""


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a bound on headers, on connections and on patience.

    Whatever a client owes, a request's headers or its body or the reading of an answer, has a deadline of its
    own, and no timer: `sweep` looks at them all once a second.
    """

    limits = Limits()
    stats = ServerStats()
    transport: WholeAnswers  # type: ignore[assignment]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.idle = IdleClock(self.loop)
        self.loop = self.idle  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        self.flow = OneAtATime(transport, self.pipeline)
        self.transport = WholeAnswers(transport)
        self.head_bytes = self.fed = 0
        self.waiting_since = self.unread_since = time.monotonic()
        if len(self.connections) > self.limits.connections:
            self.refuse(CROWDED)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what arrives before a request's headers are whole."""
        before = self.cycle
        in_body = before is not None and before.more_body
        if self.head_bytes == 0 and not in_body:
            self.waiting_since = time.monotonic()
        if not in_body:
            data = without_upgrade(data)
        self.fed = self.head_bytes + len(data)
        super().data_received(data)
        after = self.cycle
        if after is not before and after.more_body:
            self.waiting_since = time.monotonic()
        if in_body or after is not before:
            self.head_bytes = 0
            return
        self.head_bytes += len(data)
        if self.head_bytes > HEAD_BYTES:
            self.refuse(LARGE_HEAD)

    def on_headers_complete(self) -> None:
        """Start on a request, unless its headers are too much or too many requests wait before it."""
        if self.parser.should_upgrade():
            self.refuse(UPGRADE)
            raise TooMuchError
        if self.fed > HEAD_BYTES and self._head_size() > HEAD_BYTES:
            self.refuse(LARGE_HEAD)
            raise TooMuchError
        if len(self.headers) > HEADERS:
            self.refuse(MANY_HEADERS)
            raise TooMuchError
        if len(self.pipeline) >= PIPELINED:
            self.refuse(PIPED)
            raise TooMuchError
        super().on_headers_complete()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def on_message_complete(self) -> None:
        """The body is whole; uvicorn forgets to note that when the answer came first."""
        super().on_message_complete()
        self.cycle.more_body = False

    def on_response_complete(self) -> None:
        """Go on to the next request; what has a head only, an answer to HEAD, has not left yet."""
        self.transport.flush()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Malformed HTTP, answered as everything else is."""
        self.refuse(MALFORMED)

    def refuse(self, ending: Ending) -> None:
        """Answer and close, outside any request."""
        if self.transport.is_closing():
            return
        self.stats.ended[ending.reason] += 1
        if self._is_next():
            self.transport.write(ending.response())
            if self.cycle is not None:
                scope: dict[str, Any] = self.cycle.scope  # type: ignore[assignment]  # ASGI knows no such key
                scope[ENDED] = int(ending.status[:3])
        self.transport.close()

    def _is_next(self) -> bool:
        """Whether what is written now cannot be taken for the answer to an earlier request."""
        cycle = self.cycle
        return (
            cycle is None
            or cycle.response_complete
            or (cycle.more_body and not cycle.response_started and not self.pipeline)
        )

    def sweep(self, now: float) -> None:
        """End the connection when its client has been too slow to ask, or to take its answers."""
        if self.transport.get_write_buffer_size() == 0:
            self.unread_since = now
        elif now - self.unread_since > self.limits.body_seconds:
            self.cut_off(SLOW_READER)
        if now > self.idle.due:
            self.idle.end()
        cycle = self.cycle
        if self.transport.is_closing() or self.timeout_keep_alive_task is not None:
            return
        waited = now - self.waiting_since
        if cycle is not None and cycle.more_body:
            if waited > self.limits.body_seconds:
                self.refuse(SLOW_BODY)
        elif cycle is None or (self.head_bytes and cycle.response_complete):
            if waited > self.limits.head_seconds:
                self.refuse(SLOW_HEAD)
        elif cycle.response_complete:  # before the body was whole, so uvicorn does not know that it is idle
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def cut_off(self, why: str) -> None:
        """End the connection without waiting for its client to read what is left."""
        self.stats.ended[why] += 1
        self.transport.abort()


async def sweep_forever(connections: Iterable[Any], most_unread: int) -> None:
    """Look at every connection once a second.

    Args:
        connections: all that are open.
        most_unread: bytes of answers that may wait for all clients together.
    """
    while True:
        await asyncio.sleep(SWEEP)
        now = time.monotonic()
        for each in list(connections):
            each.sweep(now)
        shed(connections, most_unread)


def shed(connections: Iterable[Any], most_unread: int) -> None:
    """Cut off who has not read for longest, until what waits for the others is no more than that."""
    waiting = {each: each.transport.get_write_buffer_size() for each in connections}
    unread = sum(waiting.values())
    for each in sorted(waiting, key=lambda each: each.unread_since):
        if unread <= most_unread:
            return
        if waiting[each]:
            each.cut_off(MANY_UNREAD)
            unread -= waiting[each]
