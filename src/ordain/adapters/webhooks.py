"""A small server for webhooks: one path, one shared secret, and bounds on what anybody can make it hold.

It speaks HTTP without TLS, for loopback or a cluster's own network behind whatever ends TLS there.
"""

from __future__ import annotations

import hmac
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ordain.adapters.forges.place import Token
from ordain.errors import UserError

PATH = "/alerts"
HEALTH = "/healthz"
CONNECTIONS = 16
PATIENCE = 10.0  # seconds for a whole request to arrive
Receive = Callable[[bytes], tuple[int, str]]


class Hooks(ThreadingHTTPServer):
    """Listens at once; `serve_forever` answers.

    Args:
        address: host and port; port 0 takes any that is free.
        secret: what senders show as a bearer token. receive: status and words for a body.
        size: bytes of a body.

    Raises:
        UserError: when the address can't be had.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], secret: Token, receive: Receive, size: int) -> None:
        self.secret, self.receive, self.size = secret, receive, size
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            what = f"cannot listen on {address[0]}:{address[1]}: {error.strerror}"
            raise UserError(what, fix="choose another --port, or end what listens there") from error

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


class _Handler(BaseHTTPRequestHandler):
    """One request on one connection."""

    server: Hooks
    timeout = PATIENCE
    server_version, sys_version = "ordain", ""

    def handle(self) -> None:
        """Close the connection when the request takes too long, however it trickles in."""
        limit = threading.Timer(PATIENCE, self._give_up)
        limit.daemon = True
        self._limit = limit
        limit.start()
        try:
            super().handle()
        finally:
            limit.cancel()

    def do_GET(self) -> None:
        """Whether it listens."""
        self._say(HTTPStatus.OK if self.path == HEALTH else HTTPStatus.NOT_FOUND, "")

    def do_POST(self) -> None:
        """A message."""
        shown = self.headers.get("Authorization", "").encode("utf-8", "replace")
        length = self.headers.get("Content-Length", "")
        if self.path != PATH:
            self._say(HTTPStatus.NOT_FOUND, f"messages go to {PATH}")
        elif not hmac.compare_digest(shown, f"Bearer {self.server.secret.secret}".encode()):
            self._say(HTTPStatus.UNAUTHORIZED, "show the shared secret as a bearer token")
        elif not (length.isascii() and length.isdigit() and len(length) < 10):
            self._say(HTTPStatus.LENGTH_REQUIRED, "say how long the message is")
        elif int(length) > self.server.size:
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {self.server.size} bytes")
        else:
            body = self.rfile.read(int(length))
            self._limit.cancel()
            self._say(*self.server.receive(body))

    def log_message(self, *_: Any) -> None:
        """Quiet: what was received is told where it is decided."""

    def _say(self, status: int, words: str) -> None:
        data = words.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _give_up(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is gone
