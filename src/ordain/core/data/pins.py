"""The state that a remote source is pinned to: what a model was trained on, byte for byte.

A URL says where data is and not which. So `pipelines/<model>/source.json` names every part behind it with
its digest; the pipeline reads exactly those bytes or stops, and new data is a new pin: a commit.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated

import msgspec
from msgspec import Meta

from ordain.core.canonical import digest
from ordain.core.specs.parts import Part, Url
from ordain.errors import UserError

FILE = "source.json"
PARTS = 10_000


class Piece(Part, frozen=True, kw_only=True):
    """One object behind a URL.

    Attributes:
        url: its own. size: in bytes.
        sha256: of its bytes, hexadecimal.
        mark: what the store says instead of being read (an entity tag, a time), as a digest; empty
            when it says nothing that would change with the content.
    """

    url: Url
    size: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    mark: str = ""


class Pin(Part, frozen=True, kw_only=True):
    """Every piece of one source, sorted by URL."""

    version: Annotated[int, Meta(ge=1, le=1)] = 1
    pieces: Annotated[tuple[Piece, ...], Meta(min_length=1, max_length=PARTS)]

    @property
    def identity(self) -> str:
        """Digest of what the pieces hold, whatever the store says of them."""
        return digest("source/v1", [[each.url, each.sha256] for each in self.pieces])


class Difference(Part, frozen=True, kw_only=True):
    """URLs of pieces that came, went, or hold something else."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """In words; empty when there is none."""
        parts = [("new", self.added), ("gone", self.removed), ("changed", self.changed)]
        return "; ".join(f"{len(urls)} {word}: {_some(urls)}" for word, urls in parts if urls)


def difference(before: Pin | None, after: Pin) -> Difference:
    """What is different behind a source; everything is new where nothing was pinned."""
    old = {each.url: each.sha256 for each in before.pieces} if before else {}
    new = {each.url: each.sha256 for each in after.pieces}
    return Difference(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(url for url in new.keys() & old.keys() if new[url] != old[url])),
    )


def belongs(piece: str, source: str) -> bool:
    """Whether a piece's URL is one that the declared URL stands for, so that a pin leads nowhere else."""
    return piece == source or ("*" in source and fnmatchcase(piece, source.replace("[", "[[]")))


def encode(pin: Pin) -> bytes:
    """The file."""
    return msgspec.json.format(msgspec.json.encode(pin), indent=2) + b"\n"


def decode(data: bytes, where: str) -> Pin:
    """The pin that a file holds.

    Raises:
        UserError: when it holds none.
    """
    try:
        return msgspec.json.decode(data, type=Pin)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fix = "ordain data pin, which writes it anew"
        raise UserError(f"this is no pin of a source: {error}", where=where, fix=fix) from error


def _some(urls: tuple[str, ...]) -> str:
    shown = ", ".join(urls[:3])
    return f"{shown} and {len(urls) - 3} more" if len(urls) > 3 else shown
