"""JSON files that one job of CI leaves for another: readable by people, and read as if anybody wrote them."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ordain.errors import UserError

T = TypeVar("T", bound=msgspec.Struct)


def encoded(content: msgspec.Struct) -> bytes:
    """The file."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def decoded(data: bytes, kind: type[T], refusal: UserError) -> T:
    """What a file says.

    Args:
        refusal: what to say of one that is no such file; what is wrong with it is added.

    Raises:
        UserError: that refusal.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{refusal.what}: {error}", where=refusal.where, fix=refusal.fix) from error
