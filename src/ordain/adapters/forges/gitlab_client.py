"""python-gitlab with the guard as its only way out, and answers as types of our own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from gitlab import Gitlab

from ordain.adapters.forges.guard import Guard, session
from ordain.adapters.forges.place import Place, Token
from ordain.adapters.forges.reading import bounded, read
from ordain.errors import UserError

_PAGE = 100

Answer = TypeVar("Answer")


class Client:
    """What is asked of one GitLab; `gitlab` sends what changes something.

    Args:
        place: the forge. token: what opens it. guard: what everything goes through.
    """

    def __init__(self, place: Place, token: Token, guard: Guard) -> None:
        self._place = place
        self.gitlab = Gitlab(
            place.origin,
            oauth_token=token.secret,  # as a bearer, which GitLab takes for every kind of token
            user_agent="ordain",
            session=session(guard),
        )

    def one(self, path: str, kind: type[Answer]) -> Answer:
        """What a path holds."""
        return read(self._place, self.gitlab.http_get(path), kind)

    def rows(self, path: str, kind: type[Answer], **query: str) -> list[Answer]:
        """All rows of a list."""
        return [read(self._place, each, kind) for each in bounded(self._place, self.pages(path, query))]

    def pages(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """The rows of a list as they were sent, page by page, as far as they are taken."""
        rows = self.gitlab.http_list(path, query_data=dict(query), iterator=True, per_page=_PAGE)
        try:
            yield from rows
        except KeyError:  # python-gitlab takes whatever it is given for a list
            what = "GitLab answers with one value where its API describes a list"
            raise UserError(what, fix="check that the address is the forge's own") from None
