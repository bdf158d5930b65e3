"""What uvicorn's HTTP protocol leaves open to clients that are slow, endless or malformed.

uvicorn ends idle connections. It does not end those that never finish their headers or never read their
answer, does not bound headers, and answers malformed requests in plain text. A thin subclass does.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ordain.runtime.messages import Limits

HEAD_BYTES = 64 * 2**10
SWEEP = 1.0  # seconds


def plain_response(status: str, message: str) -> bytes:
    """A whole HTTP response that closes the connection."""
    body = b'{"error":"%s"}' % message.encode("ascii")
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        "connection: close\r\n"
    )
    retry = "retry-after: 1\r\n" if status.startswith("503") else ""
    return f"{head}{retry}\r\n".encode("ascii") + body


class IdleClock:
    """The event loop as uvicorn's protocol uses it, with one deadline in place of a timer a request.

    After each answer uvicorn asks for a timer that ends an idle connection, and cancels it when the next
    request comes. Both cost more than parsing that request; a deadline that `sweep` looks at costs nothing.

    Args:
        loop: the real one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.create_task = loop.create_task
        self.due = math.inf
        self.end: Callable[[], None] = lambda: None

    def call_later(self, delay: float, callback: Callable[[], None]) -> IdleClock:
        """Set the deadline; what is returned can be cancelled."""
        self.due = time.monotonic() + delay
        self.end = callback
        return self

    def cancel(self) -> None:
        """A request came in time."""
        self.due = math.inf


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a bound on headers, on connections and on patience."""

    limits = Limits()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.idle = IdleClock(self.loop)
        self.loop = self.idle  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        self.head_bytes = 0
        self.waiting_since = self.unread_since = time.monotonic()
        if len(self.connections) > self.limits.connections:
            self.refuse("503 Service Unavailable", "too many connections")

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what arrives before a request's headers are whole."""
        before = self.cycle
        in_body = before is not None and before.more_body
        if self.head_bytes == 0 and not in_body:
            self.waiting_since = time.monotonic()
        super().data_received(data)
        if in_body or self.cycle is not before:
            self.head_bytes = 0
            return
        self.head_bytes += len(data)
        if self.head_bytes > HEAD_BYTES:
            self.refuse("431 Request Header Fields Too Large", "the headers are too large")

    def send_400_response(self, msg: str) -> None:
        """Malformed HTTP, answered as everything else is."""
        self.refuse("400 Bad Request", msg)

    def refuse(self, status: str, message: str) -> None:
        """Answer and close, outside any request."""
        if not self.transport.is_closing():
            self.transport.write(plain_response(status, message))
            self.transport.close()

    def sweep(self, now: float) -> None:
        """End the connection when its client has been too slow to ask, or to take its answers."""
        if self.transport.get_write_buffer_size() == 0:
            self.unread_since = now
        elif now - self.unread_since > self.limits.body_seconds:
            self.transport.abort()  # closing would wait for the client
        if now > self.idle.due:
            self.idle.end()
        if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
            return
        between_requests = self.timeout_keep_alive_task is not None
        if not between_requests and now - self.waiting_since > self.limits.head_seconds:
            self.refuse("408 Request Timeout", "the request took too long to arrive")


async def sweep_forever(connections: Iterable[Any]) -> None:
    """Look at every connection once a second."""
    while True:
        await asyncio.sleep(SWEEP)
        now = time.monotonic()
        for each in list(connections):
            each.sweep(now)
