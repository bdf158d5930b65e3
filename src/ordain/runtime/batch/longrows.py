"""CSV rows that are too long to be held: a short row that is none keeps the place of each."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import IO

from ordain.errors import UserError
from ordain.runtime.batch.sources import BUFFER, LINE_BYTES

TOO_LONG = "the row is longer than 1 MiB"
_END, _QUOTE = re.compile(rb"[\r\n]"), b'"'


class BoundedRows(io.RawIOBase):
    """A CSV file's bytes without rows of more than `LINE_BYTES`.

    Args:
        stream: the file. cells: of its header; what stands for a long row has one more.
        shown: the file's name, for errors.

    Raises:
        UserError: such a row goes on over several lines, or a quote is left open, so that nobody can tell
            where the next row begins.
    """

    def __init__(self, stream: IO[bytes], cells: int, shown: str) -> None:
        self._pieces, self._piece = _bounded(stream, cells, shown), memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what a BufferedReader gives
        """Fill a buffer from the front; 0 at the end."""
        if not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
        size = min(len(buffer), len(self._piece))
        buffer[:size], self._piece = self._piece[:size], self._piece[size:]
        return size


def _bounded(stream: IO[bytes], cells: int, shown: str) -> Iterator[bytes]:
    """Whole lines; a quote that a line leaves open is carried on, because `""` within quotes is even."""
    held, quoted = b"", False
    instead = TOO_LONG.encode() + b"," * cells + b"\n"
    while block := stream.read(BUFFER):
        first = _END.search(block)
        # Any other line that ends in this block began in it, and a block is smaller than the limit.
        if len(held) + (first.start() if first else len(block)) > LINE_BYTES:
            block = _after(held + block, quoted, stream, shown)
            held = b""
            yield instead
        lines = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
        if lines:
            whole = held + block[:lines]
            quoted ^= bool(whole.count(_QUOTE) % 2)
            held = b""
            yield whole
        held += block[lines:]
    if held:
        yield held


def _after(row: bytes, quoted: bool, stream: IO[bytes], shown: str) -> bytes:
    """What follows the line of a long row in the block that it ends in."""
    quotes = int(quoted)
    while row:
        end = _END.search(row)
        quotes += row.count(_QUOTE, 0, end.start() if end else len(row))
        if end is not None:
            row = row[end.end() :]
            break
        row = stream.read(BUFFER)
    if quoted or quotes % 2:
        raise endless(shown)
    return row


def endless(shown: str) -> UserError:
    """Nobody can tell where the row after such a one begins."""
    what = "a row of several lines is longer than 1 MiB"
    return UserError(what, where=shown, fix="close its quotes, or shorten it")
