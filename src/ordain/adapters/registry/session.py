"""Requests to one registry: logins and tokens, limits on what is read, and what is worth trying again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import httpx
import msgspec

from ordain._version import __version__
from ordain.core.artifacts.reference import is_loopback
from ordain.core.artifacts.registry_login import HUBS, Challenge, Login, challenge_of
from ordain.errors import RetryLater, UserError

ATTEMPTS = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
TIMEOUT = httpx.Timeout(30, connect=10)  # of a single read or write, not of a whole blob
# An answer that comes in drops ends too: after so many seconds, and those that its size takes at this rate.
PATIENCE, SLOWEST = 60.0, 64 * 2**10  # seconds, bytes per second
REDIRECTS = 5
JSON_LIMIT = 4 * 2**20
HUB_API = "registry-1.docker.io"
BUSY = frozenset({408, 429, 500, 502, 503, 504})
T = TypeVar("T")
# At lower levels these two log whole addresses and headers, among them signed addresses and logins.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Answer(msgspec.Struct, frozen=True):
    """What came back, all of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    Attributes:
        url: absolute, or a path of the registry. limit: most bytes of the answer's body.
        expected: statuses that the caller understands; any other one is an error.
    """

    method: str
    url: str
    headers: dict[str, str] = {}
    content: bytes | None = None
    params: dict[str, str] = {}
    limit: int = JSON_LIMIT
    expected: tuple[int, ...] = (200,)


class Session:
    """A registry's host, and how it is spoken to.

    Args:
        host: with its port. Plain HTTP is spoken to this machine only.
        find_login: the login for a host. Asked once, and only when the registry wants one.
        pause: waits; `time.sleep`, but for tests.
    """

    def __init__(
        self,
        host: str,
        find_login: Callable[[str], Login | None],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.host = host
        self._find_login = find_login
        self._pause = pause
        scheme = "http" if is_loopback(host) else "https"
        self._root = httpx.URL(f"{scheme}://{HUB_API if host in HUBS else host}")
        self._authorization: dict[str, str] = {}  # by method and path of the repository
        # An artifact takes a handful of requests, so no connection is kept that somebody had to close.
        self._client = httpx.Client(
            timeout=TIMEOUT,
            limits=httpx.Limits(max_keepalive_connections=0),
            max_redirects=REDIRECTS,
            headers={"user-agent": f"ordain/{__version__}", "accept-encoding": "identity"},
            event_hooks={"request": [self._check_address]},
        )

    def retried(self, act: Callable[[], T]) -> T:
        """Do something that may be done again, a few times while the registry is busy or away.

        Raises:
            RetryLater: when it still was at the end.
        """
        for attempt in range(ATTEMPTS - 1):
            try:
                return act()
            except RetryLater as busy:
                usual = FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, no secret
                self._pause(min(LONGEST_PAUSE, usual if busy.after is None else busy.after))
        return act()

    def ask(self, question: Question, scope: str = "") -> Answer:
        """Send a request; prove who asks when the registry wants to know.

        Args:
            scope: what the request is for; requests of one scope share a token.

        Raises:
            RetryLater: when it is busy or away. UserError: when it refuses, or sends too much.
        """
        answer = self._send(question, self._authorization.get(scope))
        if answer.status == 401:
            self._authorization[scope] = self._authorize(answer.headers.get("www-authenticate", ""))
            answer = self._send(question, self._authorization[scope])
        if answer.status in question.expected:
            return answer
        if answer.status in (401, 403):
            raise self._denied(f"it answered {answer.status}")
        fix = "check the registry's address and that it speaks the OCI distribution protocol"
        what = f"the registry {self.host} answered {answer.status} to {question.method}{_said(answer.body)}"
        raise UserError(what, where=self._shown(question.url), fix=fix)

    def absolute(self, location: str) -> str:
        """The address that a `Location` header means."""
        return str(self._root.join(location))

    def _send(self, question: Question, authorization: str | None) -> Answer:
        """One exchange. Only the registry itself is shown the authorization, no place that it points to."""
        url = self._root.join(question.url)
        headers = dict(question.headers)
        if authorization and (url.scheme, url.netloc) == (self._root.scheme, self._root.netloc):
            headers["authorization"] = authorization
        reading = question.method in ("GET", "HEAD")
        try:
            if question.params:
                url = url.copy_merge_params(question.params)
            request = self._client.build_request(
                question.method, url, headers=headers, content=question.content
            )
            response = self._client.send(request, stream=True, follow_redirects=reading)
            try:
                body = self._read(response, question.limit)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RetryLater(f"the registry {self.host} can't be reached: {_kind(error)}") from None
        if response.status_code in BUSY:
            after = response.headers.get("retry-after", "")
            seconds = float(after) if after.isdigit() and len(after) < 6 else None
            raise RetryLater(f"the registry {self.host} answered {response.status_code}", after=seconds)
        return Answer(response.status_code, response.headers, body)

    def _read(self, response: httpx.Response, limit: int) -> bytes:
        """The body, unless it is larger than anything that was asked for."""
        chunks, size = [], 0
        deadline = time.monotonic() + PATIENCE + limit / SLOWEST
        for chunk in response.iter_raw():
            size += len(chunk)
            if time.monotonic() > deadline:
                raise RetryLater(f"the registry {self.host} sends too slowly")
            if size > limit:
                fix = "ask whoever runs the registry; nothing of it was used"
                raise UserError(f"the registry {self.host} sends more than {limit} bytes", fix=fix)
            chunks.append(chunk)
        return b"".join(chunks)

    def _check_address(self, request: httpx.Request) -> None:
        """No redirect, upload location or token service leads from TLS to plain HTTP."""
        local = is_loopback(self.host) and is_loopback(request.url.host)
        if request.url.scheme != "https" and not local:
            raise UserError(
                f"the registry {self.host} points to an address without TLS; it is not asked",
                where=f"{request.url.scheme}://{request.url.host}",
                fix="ask whoever runs the registry to use https throughout",
            )

    def _authorize(self, header: str) -> str:
        """The `Authorization` for a challenge."""
        challenge, login = challenge_of(header), self._find_login(self.host)
        if challenge is None:
            raise self._denied("it asks for a kind of login that Ordain does not know")
        if challenge.scheme == "basic":
            if login is None or login.token:
                raise self._denied("it wants a user and a password")
            return login.basic
        return f"Bearer {self._token(challenge, login)}"

    def _token(self, challenge: Challenge, login: Login | None) -> str:
        """A token from the service that the registry names (distribution: token and OAuth2 flows)."""
        wanted = {key: each for key in ("service", "scope") if (each := getattr(challenge, key))}
        if login is not None and login.token:
            form = {
                **wanted,
                "grant_type": "refresh_token",
                "client_id": "ordain",
                "refresh_token": login.token,
            }
            question = Question(
                method="POST", url=challenge.realm, content=str(httpx.QueryParams(form)).encode(),
                headers={"content-type": "application/x-www-form-urlencoded"},
            )  # fmt: skip
        else:
            headers = {"authorization": login.basic} if login else {}
            question = Question(method="GET", url=challenge.realm, params=wanted, headers=headers)
        answer = self._send(question, None)
        try:
            found = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
            token = msgspec.json.decode(found.get("token") or found["access_token"], type=str)
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
            raise self._denied(f"its token service answered {answer.status}") from None
        if not token.isascii() or not token.isprintable():
            raise self._denied("its token service gave something that is no token")
        return token

    def _denied(self, why: str) -> UserError:
        return UserError(
            f"the registry {self.host} does not let us in: {why}",
            fix=f"docker login {self.host}, or set DOCKER_AUTH_CONFIG (docs/containers.md)",
        )

    def _shown(self, url: str) -> str:
        """An address without its query, which may hold a signature or token."""
        return str(self._root.join(url).copy_with(query=None, userinfo=b""))


def _kind(error: Exception) -> str:
    """What went wrong, in the library's words, which name no header and no address."""
    return ascii(str(error))[1:-1][:200] or type(error).__name__


def _said(body: bytes) -> str:
    """The first error code that a registry gave, such as `: DENIED`."""
    try:
        found = msgspec.json.decode(body, type=dict[str, list[dict[str, object]]])
        code = str(found["errors"][0]["code"])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, IndexError):
        return ""
    return f": {ascii(code)[1:-1][:60]}"
