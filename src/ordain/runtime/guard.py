"""What uvicorn's HTTP protocol leaves open to clients that are slow, endless or malformed.

uvicorn ends idle connections. It does not end those that never finish their headers or never read their
answer, does not bound headers, and answers malformed requests in plain text. A thin subclass does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
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


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a bound on headers, on connections and on patience."""

    limits = Limits()

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
