"""Where a forge is, which repository of it counts, and the token that opens it."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ordain.core import gitnames
from ordain.core.escaping import visible
from ordain.core.people.request import ForgeName
from ordain.errors import UserError

TITLES: Mapping[ForgeName, str] = {"github": "GitHub", "gitlab": "GitLab"}
_ADDRESS = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,253})(:[0-9]{1,5})?)"
    r"/(?P<path>[A-Za-z0-9_./-]{1,500})"
)
_SEGMENT = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,254}")
_TOKEN = re.compile(r"[!-~]{8,1024}")
_TOKEN_FILE_LIMIT = 4096


@dataclass(frozen=True, kw_only=True)
class Place:
    """One repository on one forge, and the branch that counts.

    Attributes:
        origin: scheme, host and port of its web pages.
        api: where its API begins; nothing is ever sent anywhere else.
        repository: full name. base: the branch whose requests count.
    """

    forge: ForgeName
    origin: str
    api: str
    repository: str
    base: str

    @property
    def beside(self) -> str | None:
        """The one address that is opened besides: GraphQL of a GitHub server, which lies next to `api/v3`."""
        ours = self.forge == "github" and self.api.endswith("/api/v3")
        return f"{self.api.removesuffix('v3')}graphql" if ours else None

    @property
    def title(self) -> str:
        """What people call the forge."""
        return TITLES[self.forge]


@dataclass(frozen=True, repr=False)
class Token:
    """A secret. It shows itself to nobody; whoever sends it says `token.secret`."""

    secret: str

    def __repr__(self) -> str:
        return "Token(…)"


def place_of(forge: ForgeName, address: str, base: str) -> Place:
    """A repository by the address of its page.

    Args:
        forge: whose server it is. base: branch.
        address: `https://github.com/acme/churn`; `http:` only for this machine itself.

    Raises:
        UserError: for another scheme, a user or password, and what is no name of a repository.
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None or (parts["scheme"] == "http" and not _loopback(parts["host"])):
        raise _bad(address, forge)
    name = parts["path"].strip("/").removesuffix(".git")
    segments = name.split("/")
    counted = len(segments) == 2 if forge == "github" else len(segments) >= 2
    if not counted or not all(_SEGMENT.fullmatch(each) and each not in {".", ".."} for each in segments):
        raise _bad(address, forge)
    origin, host = parts["origin"].lower(), parts["host"].lower()
    return Place(
        forge=forge, origin=origin, api=_api(forge, origin, host), repository=name, base=gitnames.ref(base)
    )


def read_token(forge: ForgeName, environ: Mapping[str, str] | None = None) -> Token:
    """The token in `GITHUB_TOKEN` or `GITLAB_TOKEN`, or in the file that `…_TOKEN_FILE` names.

    Args:
        environ: instead of this process's environment.

    Raises:
        UserError: when there is none, or what is there can't be one; the message never shows it.
    """
    name = f"{forge.upper()}_TOKEN"
    fix = f"set {name}, or {name}_FILE to a file that holds it; docs/forges.md lists what it needs"
    return read_secret(name, f"there is no token for {TITLES[forge]}", fix, environ)


def read_secret(name: str, absent: str, fix: str, environ: Mapping[str, str] | None = None) -> Token:
    """The secret in a variable, or in the file that the variable `…_FILE` names.

    Args:
        absent, fix: what is said when there is none. environ: instead of this process's environment.

    Raises:
        UserError: when there is none, or what is there can't be one; the message never shows it.
    """
    variables = os.environ if environ is None else environ
    text, where = variables.get(name, ""), name
    if not text and variables.get(f"{name}_FILE"):
        where = variables[f"{name}_FILE"]
        text = _file(Path(where))
    if not text:
        raise UserError(absent, where=where, fix=fix)
    if not _TOKEN.fullmatch(text.strip()):
        raise UserError("what is there can't be a token", where=where, fix="put one token there, on one line")
    return Token(text.strip())


def _file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_TOKEN_FILE_LIMIT).decode("ascii", "replace")
    except OSError as error:
        problem = error.strerror or "unreadable"
        raise UserError(f"the token's file can't be read: {problem}", where=str(path)) from error


def _api(forge: ForgeName, origin: str, host: str) -> str:
    if forge == "gitlab":
        return f"{origin}/api/v4"
    if host == "github.com" or host.endswith(".ghe.com"):
        return origin.replace("://", "://api.", 1)
    return f"{origin}/api/v3"


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bad(address: str, forge: ForgeName) -> UserError:
    # Whatever stands before an `@` or behind a `?` could be a secret.
    shown = visible(re.sub(r"[^/]*@", "…@", re.split(r"[?#]", address)[0]), 120)
    fix = (
        f"write it as https://HOST/{'OWNER' if forge == 'github' else 'GROUP'}/NAME, without user or password"
    )
    return UserError(f"{shown} is not an address of a repository on {TITLES[forge]}", fix=fix)
