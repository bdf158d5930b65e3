"""The one way out to a forge: to its API and nowhere else, within limits, with one kind of error.

Both clients are built on Requests, so both send through this adapter. What comes back to them is a
success with checked JSON and a checked link to the next page; all else has become an error of ours.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter

from ordain.adapters.forges.place import Place
from ordain.adapters.forges.waiting import asked_pause, rate_limited
from ordain.core.escaping import visible
from ordain.errors import RetryLater, UserError

Permissions = Sequence[tuple[str, str]]

_CHUNK = 64 * 2**10
_UNASKED, _MINUTE = 1.0, 60.0  # seconds before the next attempt, where a forge does not say
_PORTS = {"https": 443, "http": 80}
# Sent by GitHub with a refusal: the permissions that would do, such as `pull_requests=read`.
_ACCEPTED = "x-accepted-github-permissions"
_ACCEPTABLE = re.compile(r"[a-z_]+=[a-z]+([,;] ?[a-z_]+=[a-z]+){0,9}")
# What is answered by nothing at all (204).
_SILENT = re.compile(r"DELETE .*|POST .*/dispatches")
# What the clients would parse for their own ends, and could stumble over.
_DROPPED = {
    *("x-ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-reset", "x-oauth-scopes"),
    *("link", "content-encoding", "content-length", "transfer-encoding"),
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much and how long.

    Attributes:
        size: bytes of one answer. requests: how many requests one question may take, pages included.
        connect, read: seconds until a socket gives up. deadline: seconds for the body of one answer.
        patience: seconds to wait, in all, before a request is given up. attempts: how often it is made.
        burst: the same for one of many writes in a row, which forges count by the minute.
    """

    size: int = 8 * 2**20
    requests: int = 200
    connect: float = 10.0
    read: float = 20.0
    deadline: float = 60.0
    patience: float = 30.0
    burst: float = 90.0
    attempts: int = 4


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Time as a guard uses it: to read it, and to let some seconds of it pass."""

    now: Callable[[], dt.datetime] = _now
    sleep: Callable[[float], None] = time.sleep


Asked = TypeVar("Asked")


class ForgeError(UserError):
    """The forge says no.

    Attributes:
        status: the HTTP status of its answer.
    """

    def __init__(self, what: str, *, status: int, fix: str) -> None:
        super().__init__(what, fix=fix)
        self.status = status


def if_allowed(ask: Callable[[], Asked | None]) -> Asked | None:
    """What is answered; None where the token may not see it or this forge does not have it."""
    try:
        return ask()
    except ForgeError as refused:
        if refused.status in {403, 404}:
            return None
        raise


class _Limited(RetryLater):
    """Turned away unread, so that even a request that changes something can be made again."""


class Guard(HTTPAdapter):
    """Sends a client's requests, if they go where they should.

    Args:
        place: the forge. The addresses of its API are the only ones that are ever opened.
        permissions: what a request takes, by a pattern over its method and its path in the API.
        limits: how much and how long. clock: see there.
    """

    def __init__(self, place: Place, permissions: Permissions, limits: Limits, clock: Clock) -> None:
        super().__init__()
        self._place = place
        self._permissions = permissions
        self._limits = limits
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """A new question: the requests that it takes are counted anew."""
        self._left, self._patience, self._unasked = self._limits.requests, self._limits.patience, _UNASKED

    def begin_write(self) -> None:
        """One of many writes, whose number is known: each is a question of its own, and may wait longer."""
        self._left, self._patience, self._unasked = self._limits.requests, self._limits.burst, _MINUTE

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The answer to one request, a success. `args` and `kwargs`: of Requests, of which few are kept.

        Raises:
            RetryLater: busy or away, after some patience. UserError: refused, or beyond a limit.
        """
        self._check_address(request.url or "")
        request.headers["Accept-Encoding"] = "identity"  # a small answer can't become a large one
        attempt, spent = 1, 0.0
        while True:
            try:
                return self._once(request, kwargs)
            except RetryLater as busy:
                pause = busy.after if busy.after is not None else self._unasked * 2.0 ** (attempt - 1)
                again = request.method == "GET" or isinstance(busy, _Limited)
                attempt, spent = attempt + 1, spent + pause
                if not again or attempt > self._limits.attempts or spent > self._patience:
                    raise
            self._clock.sleep(pause)

    def _check_address(self, url: str) -> None:
        self._left -= 1
        if self._left < 0:
            what = f"{self._place.title} needs more than {self._limits.requests} requests for one answer"
            raise UserError(what, fix="its pages may go in circles; look at what it holds")
        if not (_below(url, self._place.api) or url == self._place.beside):
            raise UserError(
                f"{self._place.title} points to another server: not followed", fix="see docs/forges.md"
            )

    def _once(self, request: requests.PreparedRequest, given: Mapping[str, Any]) -> requests.Response:
        secure = urlsplit(request.url or "").scheme == "https"
        try:
            response = super().send(
                request,
                stream=True,
                timeout=(self._limits.connect, self._limits.read),
                verify=given.get("verify", True),
                # A proxy sees only ciphertext; without TLS none is asked.
                proxies=given.get("proxies") if secure else None,
            )
            body = self._body(response)
        except requests.exceptions.SSLError:
            what = f"the certificate of {self._place.origin} can't be trusted"
            raise UserError(what, fix="set REQUESTS_CA_BUNDLE to your own authority's file") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise RetryLater(f"{self._place.title} does not answer ({type(error).__name__})") from None
        self._judge(request, response, body)
        return self._tidy(request, response, body)

    def _body(self, response: requests.Response) -> bytes:
        ends = time.monotonic() + self._limits.deadline
        body = bytearray()
        with response:
            # `read1` gives what has come; anything else would wait for a chunk to be full.
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > self._limits.size:
                    what = f"{self._place.title} answers with more than {self._limits.size} bytes"
                    raise UserError(what, fix="make the request smaller: no real answer is as long")
                if time.monotonic() > ends:
                    raise RetryLater(f"{self._place.title} takes too long to answer")
        return bytes(body)

    def _judge(self, request: requests.PreparedRequest, response: requests.Response, body: bytes) -> None:
        status, headers = response.status_code, _lower(response)
        if rate_limited(status, headers, body):
            after = asked_pause(headers, self._clock.now().timestamp())
            raise _Limited(f"{self._place.title} asks to be called less often", after=after)
        # A question is answered by a document; 202 and 204 are words of what is done, or of a proxy.
        if status >= 500 or (200 < status < 300 and request.method == "GET"):
            after = asked_pause(headers, self._clock.now().timestamp())
            raise RetryLater(f"{self._place.title} is not ready: it answers {status}", after=after)
        if not 200 <= status < 300:
            raise self._refusal(request, response, body)

    def _refusal(
        self, request: requests.PreparedRequest, response: requests.Response, body: bytes
    ) -> ForgeError:
        status, operation = response.status_code, self._operation(request)
        needed = next(words for known, words in self._permissions if re.fullmatch(known, operation))
        asked = f"{self._place.title} answers {status} to {visible(operation, 200)}"
        if 300 <= status < 400:
            fix = "redirects are not followed; give the repository's present address"
            return ForgeError(asked, status=status, fix=fix)
        if status == 401:
            fix = f"the token is not accepted; make a new one that has {needed}"
            return ForgeError(asked, status=status, fix=fix)
        accepted = _lower(response).get(_ACCEPTED, "")
        needed = accepted if _ACCEPTABLE.fullmatch(accepted) else needed
        if status in {403, 404}:
            fix = f"give the token {needed} on {self._place.repository}"
            return ForgeError(asked, status=status, fix=fix)
        secret = str(request.headers.get("Authorization", "")).rpartition(" ")[2]
        return ForgeError(f"{asked}: {_said(body, secret)}", status=status, fix="see docs/forges.md")

    def _operation(self, request: requests.PreparedRequest) -> str:
        """Method and path in the API."""
        path = urlsplit(request.url or "").path.removeprefix(urlsplit(self._place.api).path)
        return f"{request.method} {path}"

    def _tidy(
        self, request: requests.PreparedRequest, response: requests.Response, body: bytes
    ) -> requests.Response:
        """The same response with its body read and checked, without headers that could mislead a client."""
        if body or response.status_code != 204 or not _SILENT.fullmatch(self._operation(request)):
            try:
                document = msgspec.json.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                document = None
            if not isinstance(document, dict | list):
                raise RetryLater(f"{self._place.title} answers with something else than JSON")
        following = response.links.get("next", {}).get("url")
        headers = {name: text for name, text in response.headers.items() if name.lower() not in _DROPPED}
        if following is not None:
            if not _below(following, self._place.api):
                what = f"{self._place.title} puts the next page on another server: not followed"
                raise UserError(what, fix="check the external address that its administrator configured")
            headers["Link"] = f'<{following}>; rel="next"'
        raw = urllib3.HTTPResponse(
            body=io.BytesIO(body), headers=headers, status=response.status_code, preload_content=False
        )
        return self.build_response(request, raw)


def session(guard: Guard) -> requests.Session:
    """A session that has no other way out."""
    made = requests.Session()
    made.mount("https://", guard)
    made.mount("http://", guard)
    return made


def _below(url: str, api: str) -> bool:
    """Whether an address is in the API, as Requests will understand it."""
    try:
        here, there = urlsplit(url), urlsplit(api)
        same = [(each.scheme, each.hostname, each.port or _PORTS.get(each.scheme)) for each in (here, there)]
    except ValueError:
        return False
    inside = here.path.startswith(f"{there.path}/") and "/../" not in here.path
    return same[0] == same[1] and here.username is None and inside and not set(url) & set('<>"\\ \r\n')


def _lower(response: requests.Response) -> dict[str, str]:
    return {name.lower(): text for name, text in response.headers.items()}


def _said(body: bytes, secret: str) -> str:
    """The forge's own message, on one line, without the token in case it says that back."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "no reason"
    document = document if isinstance(document, dict) else {}
    message = document.get("message") or document.get("error") or "no reason"
    text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
    return visible(text.replace(secret, "…") if secret else text, 200)
