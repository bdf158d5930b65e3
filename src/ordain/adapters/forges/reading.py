"""From a forge's JSON to values that can be trusted to have a shape."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

import msgspec

from ordain.adapters.forges.place import Place
from ordain.core.escaping import visible
from ordain.errors import UserError

Answer = TypeVar("Answer")

# One question may be answered by this many rows; more is no pull request that a person reviewed.
MOST = 5000
_LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}(\[bot\])?")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_TITLE = 200
_YEARS = range(1970, 9000)  # away from the ends of Python's calendar, where sums overflow
# See GitLab's page on draft merge requests.
_DRAFT = re.compile(r"(\s*(\[draft\]|draft:|\(draft\)))+\s*", re.IGNORECASE)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what is read from an answer: the fields named are needed, all others are let go by."""


def read(place: Place, document: object, kind: type[Answer]) -> Answer:
    """A document as one type.

    Raises:
        UserError: when it is not of that type.
    """
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        what = f"{place.title} answers otherwise than its API describes: {visible(str(error), 200)}"
        raise UserError(what, fix="check that the address is the forge's own") from None


def bounded(place: Place, rows: Iterable[Answer]) -> list[Answer]:
    """All rows.

    Raises:
        UserError: when there are more than anything real has.
    """
    found = list(islice(rows, MOST + 1))
    if len(found) > MOST:
        what = f"{place.title} lists more than {MOST} rows for one answer"
        raise UserError(what, fix="split the request: nobody reviews as much")
    return found


def login(text: str | None) -> str | None:
    """A login that can be one; None for a deleted account's and for anything else."""
    return text if text is not None and _LOGIN.fullmatch(text) else None


def commit_id(text: str | None) -> str | None:
    """A full commit id in lower-case hexadecimal, or None."""
    return text if text is not None and _COMMIT.fullmatch(text) else None


def title(text: str | None) -> str:
    """A title on one line, nothing in it unseen."""
    return visible(text or "", _TITLE)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Names, each once, sorted."""
    return tuple(sorted(set(names)))


def instant(text: str | None) -> dt.datetime | None:
    """An RFC 3339 time; None for what is none, names no offset, or is none of a forge's days."""
    try:
        found = dt.datetime.fromisoformat(text or "")
        return found.astimezone(dt.UTC) if found.tzinfo and found.year in _YEARS else None
    except (ValueError, OverflowError):
        return None


def stamp(text: str | None) -> str:
    """The same in UTC and whole seconds, as records write it; empty for what is no time."""
    found = instant(text)
    return found.strftime("%Y-%m-%dT%H:%M:%SZ") if found else ""


def undrafted(title: str) -> str:
    """A title without what GitLab takes for a draft's mark, once or several times."""
    found = _DRAFT.match(title)
    return title[found.end() :] if found else title
