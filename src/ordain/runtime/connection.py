"""The loop, the flow and the transport of a connection as uvicorn uses them, each with one change."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sized

from uvicorn.protocols.http.flow_control import FlowControl


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


class OneAtATime(FlowControl):
    """Reads nothing more while a request waits for the one before it; uvicorn would, and keep it all.

    Args:
        transport: the connection's.
        waiting: its requests that wait.
    """

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Called before each wait for more of a body, and after each answer."""
        if not self._waiting:
            super().resume_reading()


class WholeAnswers:
    """A transport on which the head of an answer waits for its body, so that both leave in one system call.

    uvicorn writes them one after the other, and to write to a socket takes longer than to parse a request.

    Args:
        transport: the connection's.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.abort = transport.abort
        self.is_closing = transport.is_closing
        self.get_write_buffer_size = transport.get_write_buffer_size

    def write(self, data: bytes) -> None:
        """Keep a head; write anything else behind the head that is kept."""
        if self._head:
            self._transport.writelines((self._head, data))
            self._head = b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100 "):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Write a head that has no body."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        """Close when all has been written."""
        self.flush()
        self._transport.close()
