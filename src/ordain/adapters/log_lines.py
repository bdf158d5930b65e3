"""Lines of a log's files, none longer than a limit; one that was cut off is counted, or not there yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from ordain.adapters.met import Met

LINE_LIMIT = 32 * 2**20


def growing(stream: IO[bytes]) -> Iterator[bytes]:
    """The whole lines of a file that is still written."""
    return (line for line in _each(stream) if line.endswith(b"\n"))


def ended(stream: IO[bytes], met: Met) -> Iterator[bytes]:
    """The lines of a file that should be whole; a last one without an end was cut off."""
    for line in _each(stream):
        if line.endswith(b"\n"):
            yield line
        else:
            met.add("corrupt")


def _each(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines, none longer than the limit: what lies beyond it looks like lines without an end."""
    while line := stream.readline(LINE_LIMIT):
        yield line
