"""A small HTTP server whose senders can't make it hold more than so many connections."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ordain.errors import UserError

CONNECTIONS = 16
PATIENCE = 10.0  # seconds for a whole request to arrive


class BoundedServer(ThreadingHTTPServer):
    """Listens at once; `serve_forever` answers. What is one connection too many is closed.

    Args:
        address: host and port; port 0 takes any that is free.
        handler: of one request. option: the command line's that names the port.

    Raises:
        UserError: when the address can't be had.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], option: str) -> None:
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            super().__init__(address, handler)
        except OSError as error:
            what = f"cannot listen on {address[0]}:{address[1]}: {error.strerror}"
            raise UserError(what, fix=f"choose another {option}, or end what listens there") from error

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take the connection, unless there are too many."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and let the next one in."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that hangs up, or stays silent, is its own affair."""


class BoundedHandler(BaseHTTPRequestHandler):
    """One request on one connection, closed when it takes too long, however it trickles in."""

    timeout = PATIENCE
    server_version, sys_version = "ordain", ""

    def handle(self) -> None:
        """Answer, within the time that a request may take to arrive."""
        limit = threading.Timer(PATIENCE, self._give_up)
        limit.daemon = True
        self._limit = limit
        limit.start()
        try:
            super().handle()
        finally:
            limit.cancel()

    def arrived(self) -> None:
        """The request is here as a whole: the answer may take its time."""
        self._limit.cancel()

    def log_message(self, *_: Any) -> None:
        """Quiet: what matters is told where it is decided."""

    def say(self, status: int, data: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _give_up(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is gone
