"""A small server for webhooks: one path, one shared secret, and bounds on what anybody can make it hold.

It speaks HTTP without TLS, for loopback or a cluster's own network behind whatever ends TLS there.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from http import HTTPStatus

from ordain.adapters.bounded_server import BoundedHandler, BoundedServer
from ordain.adapters.forges.place import Token

PATH = "/alerts"
HEALTH = "/healthz"
Receive = Callable[[bytes], tuple[int, str]]


class Hooks(BoundedServer):
    """Listens at once; `serve_forever` answers.

    Args:
        address: host and port; port 0 takes any that is free.
        secret: what senders show as a bearer token. receive: status and words for a body.
        size: bytes of a body.

    Raises:
        UserError: when the address can't be had.
    """

    def __init__(self, address: tuple[str, int], secret: Token, receive: Receive, size: int) -> None:
        self.secret, self.receive, self.size = secret, receive, size
        super().__init__(address, _Handler, "--port")


class _Handler(BoundedHandler):
    """One request on one connection."""

    server: Hooks

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        """Whether it listens."""
        self._say(HTTPStatus.OK if self.path == HEALTH else HTTPStatus.NOT_FOUND, "")

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
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
            self.arrived()
            self._say(*self.server.receive(body))

    def _say(self, status: int, words: str) -> None:
        self.say(status, words.encode())
