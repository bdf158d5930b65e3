"""How a registry asks for a login, and where Docker's configuration has one: text in, values out."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from ordain.core.value import Value

# `token68` and quoted or plain parameters of RFC 9110, section 11.
_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
# Docker keeps the login of its own hub under the address of an API that is gone.
_HUB = "https://index.docker.io/v1/"
HUBS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
MOST = 8192


class Login(Value, frozen=True, kw_only=True):
    """What proves to a registry who asks. It is never printed: `repr` shows nothing of it.

    Attributes:
        token: a refresh token instead of user and password.
    """

    user: str = ""
    password: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return "Login(…)"

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header with user and password."""
        pair = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


class Helper(Value, frozen=True, kw_only=True):
    """A program `docker-credential-<name>` that knows the login of a server."""

    name: str
    server: str


class Challenge(Value, frozen=True, kw_only=True):
    """What a registry asks for: `basic` or `bearer`, and for the latter where tokens are made."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


class ConfigError(ValueError):
    """Not a Docker configuration."""


def challenge_of(header: str) -> Challenge | None:
    """What a `WWW-Authenticate` header asks for; None when it is neither of the two schemes."""
    scheme, _, rest = header[:MOST].strip().partition(" ")
    if scheme.lower() not in {"basic", "bearer"}:
        return None
    found = {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(rest)}
    known = {key: found.get(key, "") for key in ("realm", "service", "scope")}
    return Challenge(scheme=scheme.lower(), **known)


def login_in(config: bytes, host: str) -> Login | Helper | None:
    """Where a Docker configuration (`config.json`, `auth.json`) has the login for a host.

    A helper for this host comes first, then what is written down for it, then the store for all hosts.

    Args:
        config: the file. host: with its port.

    Raises:
        ConfigError: when it is no such file; the message repeats nothing of it.
    """
    try:
        content = msgspec.json.decode(config)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ConfigError("it is not JSON") from None
    if not isinstance(content, dict):
        raise ConfigError("it is not a JSON object")
    servers = _servers(host)
    helpers, entries = _mapping(content, "credHelpers"), _mapping(content, "auths")
    for server in servers:
        if server in helpers:
            return _helper(helpers[server], server)
    for server in servers:
        written = _written(entries.get(server))
        if written is not None:
            return written
    if "credsStore" in content:
        return _helper(content["credsStore"], servers[-1])
    return None


def answered(output: bytes) -> Login:
    """The login that a credential helper printed.

    Raises:
        ConfigError: when it printed something else.
    """
    try:
        found = msgspec.json.decode(output)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ConfigError("its answer is not JSON") from None
    user, secret = (found.get(key) if isinstance(found, dict) else None for key in ("Username", "Secret"))
    if not isinstance(user, str) or not isinstance(secret, str):
        raise ConfigError("its answer names no user and secret")
    return Login(token=secret) if user == "<token>" else Login(user=user, password=secret)


def _servers(host: str) -> tuple[str, ...]:
    """The keys under which a host may be, the usual one last."""
    return (f"https://{host}", f"http://{host}", _HUB if host in HUBS else host)


def _mapping(content: dict[str, Any], key: str) -> dict[str, Any]:
    found = content.get(key) or {}
    if not isinstance(found, dict):
        raise ConfigError(f"`{key}` is not a JSON object")
    return found


def _helper(name: object, server: str) -> Helper:
    if not isinstance(name, str) or not _HELPER.fullmatch(name):
        raise ConfigError("the name of its credential helper is none")
    return Helper(name=name, server=server)


def _written(entry: object) -> Login | None:
    """The login of one entry; None for an entry that only says that a helper has it."""
    if not isinstance(entry, dict):
        return None
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Login(token=token)
    try:
        user, colon, password = (
            base64.b64decode(str(entry.get("auth") or ""), validate=True).decode().partition(":")
        )
    except ValueError:
        raise ConfigError("an `auth` in it is not base64 of user and password") from None
    return Login(user=user, password=password.rstrip("\0")) if colon else None
