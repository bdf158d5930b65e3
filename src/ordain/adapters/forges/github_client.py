"""PyGithub with the guard as its only way out, and rows as GitHub sent them.

PyGithub's own objects fill gaps by asking again; a row holds what one answer said and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from github import Auth
from github.GithubObject import NonCompletableGithubObject
from github.PaginatedList import PaginatedList
from github.Requester import HTTPSRequestsConnectionClass, Requester

from ordain.adapters.forges.guard import Guard, session
from ordain.adapters.forges.place import Place, Token
from ordain.errors import UserError

VERSION = "2022-11-28"
_PAGE = 100
_ARGUMENTS = ("parameters", "headers", "input", "cnx")


class GuardedRequester(Requester):
    """PyGithub's requester, which sends everything through one guarded connection."""

    def __init__(self, place: Place, token: Token, guard: Guard) -> None:
        self._connection = _Connection(place, guard)
        super().__init__(
            auth=Auth.Token(token.secret),
            base_url=place.api,
            timeout=1,  # unused: the guard's limits hold
            user_agent="ordain",
            per_page=_PAGE,
            verify=True,
            retry=None,
            pool_size=None,
            lazy=True,
            api_version=VERSION,
        )

    def requestJson(  # noqa: N802 - PyGithub's name
        self, verb: str, url: str, *args: Any, **kwargs: Any
    ) -> tuple[int, dict[str, Any], str]:
        """As PyGithub does, whatever connection it would take itself; nothing is redirected."""
        given = dict(zip(_ARGUMENTS, args, strict=False)) | kwargs
        ours = {"cnx": self._connection, "follow_302_redirect": False}
        return super().requestJson(verb, url, **(given | ours))

    def rows(self, url: str, query: dict[str, str]) -> Iterator[Any]:
        """The rows of all pages, as they were sent.

        Raises:
            UserError: when what is there is no list.
        """
        try:
            for row in PaginatedList(_Row, self, url, dict(query)):
                yield row.raw_data
        except TypeError:  # PyGithub takes whatever it is given for a list
            what = "GitHub answers with one value where its API describes a list"
            raise UserError(what, fix="check that the address is the forge's own") from None

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


class _Row(NonCompletableGithubObject):
    """A row as GitHub sent it."""

    def _initAttributes(self) -> None:  # noqa: N802 - PyGithub's name
        pass

    def _useAttributes(self, attributes: dict[str, Any]) -> None:  # noqa: N802 - PyGithub's name
        pass


class _Connection(HTTPSRequestsConnectionClass):
    """PyGithub's connection, whose session has the guard as its only way out."""

    def __init__(self, place: Place, guard: Guard) -> None:
        parts = urlsplit(place.api)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        super().__init__(parts.hostname or "", port)
        self.session = session(guard)
        self.session.auth = Requester.noopAuth  # or Requests would look into ~/.netrc
        self.protocol = parts.scheme
