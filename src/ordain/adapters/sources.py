"""The door to what lies behind a URL before it is read as data: which pieces, how large, which bytes.

A URL whose last part holds a `*` stands for every object that matches: one piece a partition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ordain.adapters.datasource import BYTE_LIMIT, fetch, refuse_local
from ordain.adapters.store_answers import answering
from ordain.core.canonical import digest
from ordain.core.data.pins import PARTS, Piece, Pin
from ordain.errors import UserError

# What stores say of an object that changes when its content does (S3, Google, Azure, HTTP).
MARKS = (
    "ETag", "etag", "Content-MD5", "content_md5", "md5Hash", "generation", "LastModified", "Last-Modified",
    "last_modified", "mtime", "created",
)  # fmt: skip


def look(url: str, known: Pin | None) -> Pin:
    """What is behind a URL now. A piece whose size and mark are those of the known pin is not read again.

    Args:
        url: of the declared source. known: the pin so far.

    Raises:
        UserError: nothing is there, it may not be read, or it is too much. RetryLater: the host did not
            answer.
    """
    refuse_local(url)
    before = {each.url: each for each in known.pieces} if known else {}
    found = pieces(url)
    if sum(size or 0 for _, size, _ in found) > BYTE_LIMIT or len(found) > PARTS:
        raise UserError(
            f"there are more than {PARTS} pieces or {BYTE_LIMIT} bytes behind this URL", where=url
        )
    return Pin(pieces=tuple(_piece(each, before.get(each[0])) for each in found))


def pieces(url: str) -> list[tuple[str, int | None, str]]:
    """URL, size and mark of every object behind a URL, sorted.

    Raises:
        UserError, RetryLater: as `answering`.
    """
    import fsspec

    with answering(url):
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
        names = sorted(system.glob(path)) if "*" in path else [path]
        found = [(_url(system, url, name), system.info(name)) for name in names]
    files = [(name, info) for name, info in found if info.get("type", "file") == "file"]
    if not files:
        raise UserError("nothing matches this URL", where=url, fix="correct `data.source.url`")
    return [(name, info.get("size"), mark_of(info)) for name, info in files]


def mark_of(info: Mapping[str, Any]) -> str:
    """A digest of what the store says of an object; empty when nothing of it would change with the bytes."""
    said = {key: str(info[key]) for key in MARKS if info.get(key)}
    return digest("mark/v1", said) if said else ""


def _piece(found: tuple[str, int | None, str], before: Piece | None) -> Piece:
    url, size, mark = found
    if before is not None and mark and (before.mark, before.size) == (mark, size):
        return before
    data = fetch(url)
    return Piece(url=url, size=len(data), sha256=hashlib.sha256(data).hexdigest(), mark=mark)


def _url(system: Any, url: str, name: str) -> str:
    """An object's own URL, in the form of the declared one."""
    if "*" not in url:
        return url
    protocol, _, rest = url.partition("://")
    full: str = system.unstrip_protocol(name) if "://" not in name else name
    found = full.partition("://")[2]
    return f"{protocol}://{found if rest.startswith('/') else found.lstrip('/')}"
