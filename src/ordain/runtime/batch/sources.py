"""What all tables have in common: what is read of them, how they fail, and which format a name says."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from ordain.adapters.places import Place
from ordain.core.artifacts.signature import Signature
from ordain.core.data import batchfiles
from ordain.errors import UserError
from ordain.runtime.admission import Policy
from ordain.runtime.batch.admitting import Chunk, check_columns

CHUNK = 2**13
"""Rows at a time: the matrices of a chunk stay in the processor's cache, and the few in flight stay small."""
CHUNK_BYTES = 64 * 2**20
LINE_BYTES = 2**20
BUFFER = 2**18
_FAULTS = (pa.ArrowException, OSError, EOFError, UnicodeDecodeError)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is read: every feature, and the columns that are copied to the output."""

    signature: Signature
    policy: Policy
    keep: tuple[str, ...] = ()


class Source(Protocol):
    """A table that is read from the front.

    Attributes:
        rows: how many there are, where the format says so.
        kept: types of the columns that are copied.
    """

    rows: int | None
    kept: pa.Schema

    def chunks(self, start: int) -> Generator[Chunk]:
        """The rows from number `start` on."""
        ...


def format_of(place: Place) -> str:
    """The format that a name's ending says: `parquet`, `csv` or `jsonl`.

    Raises:
        UserError: for another ending.
    """
    found = batchfiles.format_of(place.name)
    if found is None:
        raise UserError(
            "the name does not say which format it is",
            where=place.shown,
            fix="let it end in .parquet, .csv or .jsonl; text may be packed (.csv.gz)",
        )
    return found


@contextmanager
def readable(place: Place) -> Iterator[None]:
    """Errors of a format become one sentence about the file."""
    try:
        yield
    except _FAULTS as error:
        said = (
            str(error).splitlines()[0][:200] if isinstance(error, pa.ArrowException) else type(error).__name__
        )
        raise UserError(
            f"it cannot be read to its end; is it damaged or cut off? ({said})",
            where=place.shown,
            fix="fetch the file again; what was scored so far is kept",
        ) from error


def chosen(found: Sequence[str], wanted: Wanted, place: Place) -> tuple[list[str], list[str]]:
    """Names of features and of kept columns that are there."""
    check_columns(found, wanted.signature, wanted.policy, place.shown)
    absent = [name for name in wanted.keep if name not in found]
    if absent:
        raise UserError(
            f"the column `{absent[0]}` is to be kept and is not there", where=place.shown, fix="--keep"
        )
    features = [each.name for each in wanted.signature.features if each.name in found]
    return features, list(wanted.keep)


def decoded(name: str, cells: Any, damaged: dict[int, str]) -> Any:
    """Bytes as text; a row whose bytes are no UTF-8 is added to the damaged ones, and its cell is null."""
    try:
        return cells.cast(pa.string())
    except pa.ArrowInvalid:
        texts: list[str | None] = []
        for row, cell in enumerate(cells.cast(pa.binary()).to_pylist()):
            try:
                texts.append(None if cell is None else cell.decode("utf-8"))
            except UnicodeDecodeError:
                texts.append(None)
                damaged.setdefault(row, f"the cell of column `{name}` is not UTF-8 text")
        return pa.array(texts, pa.string())
