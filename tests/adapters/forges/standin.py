"""A forge's stand-in: answers over HTTP as its description says, in pages, and misbehaves on request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.adapters.forges.description import Description

TOKEN = "tok-7f3a9c51e8b24d60"
Answerer = Callable[["Asked"], tuple[int, Any]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    places: tuple[str, ...]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is sent instead of an answer.

    Attributes:
        hold: seconds to wait first. drip: send the body a byte at a time, slowly.
        length: what is claimed of the body instead of its length.
    """

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"message": "broken"}'
    hold: float = 0.0
    drip: bool = False
    length: int | None = None


class StandIn:
    """The server's state: who answers what, which faults come first, and all that was asked."""

    def __init__(self, description: Description, prefix: str) -> None:
        self.description = description
        self.prefix = prefix
        self.origin = ""
        self.answers: dict[tuple[str, str], Answerer] = {}
        self.faults: list[Fault] = []
        self.faulty: dict[tuple[str, str], Fault] = {}
        self.asked: list[Asked] = []
        self.problems: list[str] = []
        # What a token may do, by operation, and what else is answered; None lets everything pass.
        self.refuses: Callable[[str, str], Fault | None] | None = None
        self.stop = threading.Event()

    def on(self, method: str, template: str, answer: Any, status: int = 200) -> None:
        """Answer an operation with a value, or with what a function makes of the request."""
        self.answers[method, template] = answer if callable(answer) else lambda _: (status, answer)

    def count(self, method: str, template: str) -> int:
        """How often an operation was asked for."""
        return sum(
            each.method == method and self.description.operation(method, each.path)[0] == template
            for each in self.asked
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer takes 40 ms
    forge: StandIn

    def log_message(self, *args: Any) -> None:
        pass

    def _handle(self) -> None:
        forge = self.forge
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if forge.faults:
                self._fault(forge.faults.pop(0))
                return
            self._answer(body)
        except ConnectionError:
            self.close_connection = True  # hung up, which some tests are about
        except Exception as error:  # noqa: BLE001 - told to the test, which fails
            forge.problems.append(f"{self.command} {self.path}: {error!r}")
            self._send(418, b"{}")

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle  # noqa: N815 - the library's names

    def _answer(self, body: bytes) -> None:
        forge, parts = self.forge, urlsplit(self.path)
        path = parts.path.removeprefix(forge.prefix)
        template, places = forge.description.operation(self.command, path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        asked = Asked(
            method=self.command, path=path, places=tuple(map(unquote, places)), query=query,
            headers=dict(self.headers.items()), body=json.loads(body) if body else None,
        )  # fmt: skip
        forge.asked.append(asked)
        if (self.command, template) in forge.faulty:
            self._fault(forge.faulty[self.command, template])
            return
        said = self.headers.get("Authorization", "").split(" ")[-1]
        # A pipeline trigger token comes in the body, and GitLab refuses any other beside it.
        triggers = template.endswith("/trigger/pipeline") and not said
        if (asked.body.get("token") if triggers else said) != TOKEN:
            self._send(401, b'{"message": "Bad credentials"}')
            return
        refusal = forge.refuses(self.command, template) if forge.refuses else None
        if refusal is not None:
            self._fault(refusal)
            return
        forge.description.check_request(self.command, template, set(query), asked.body)
        status, value = forge.answers[self.command, template](asked)
        extra: dict[str, str] = {}
        if status < 300:
            if isinstance(value, list):
                value, extra = self._page(value, parts.path, query)
            forge.description.check_answer(self.command, template, status, value)
        self._send(status, b"" if value is None else json.dumps(value).encode(), extra)

    def _page(self, rows: list[Any], path: str, query: dict[str, str]) -> tuple[list[Any], dict[str, str]]:
        size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        chosen = rows[(page - 1) * size : page * size]
        if page * size >= len(rows):
            return chosen, {}
        rest = "".join(f"&{name}={text}" for name, text in query.items() if name != "page")
        url = f"{self.forge.origin}{path}?page={page + 1}{rest}"
        return chosen, {"Link": f'<{url}>; rel="next", <{url}>; rel="last"'}

    def _fault(self, fault: Fault) -> None:
        self.forge.stop.wait(fault.hold)
        claimed = {} if fault.length is None else {"Content-Length": str(fault.length)}
        self._send(fault.status, b"" if fault.drip else fault.body, {**fault.headers, **claimed})
        for each in fault.body if fault.drip else b"":
            if self.forge.stop.wait(0.05):
                break
            self.wfile.write(bytes([each]))
        self.close_connection = fault.length is not None

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        if status != 204 and not {"Content-Length", "Transfer-Encoding"} & set(headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""


@contextmanager
def standing_in(forge: str, prefix: str) -> Iterator[StandIn]:
    """A running stand-in; fails when it was asked or answered what the description does not have."""
    state = StandIn(Description(forge), prefix)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"forge": state}))
    state.origin = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.stop.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
    assert state.problems == [], state.problems
