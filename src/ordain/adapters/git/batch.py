"""Objects through one long-lived `git cat-file`, each asked for once."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from ordain.adapters.git.command import Command, StoreError

# Questions that are sent before the first answer is read must fit into a pipe's buffer.
CHUNK = 256
# Content that is kept in memory, in bytes; larger objects are read again when they are asked for again.
KEPT = 64 * 2**10


class Found(msgspec.Struct, frozen=True):
    """An object's kind, and its content."""

    kind: str
    data: bytes


class Batch:
    """A repository's objects by their ids.

    Objects never change, so what was read stays known. The process ends with this object. Where it ends
    before it has answered, that is a `StoreError`.

    Args:
        folder: the repository.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pipes: tuple[IO[bytes], IO[bytes]] | None = None
        self._owner = 0
        self._known: dict[str, Found] = {}
        self._sizes: dict[str, tuple[str, int]] = {}

    def sizes(self, ids: Iterable[str]) -> dict[str, tuple[str, int]]:
        """Kind and size in bytes of those objects that are here."""
        wanted = list(dict.fromkeys(ids))
        unknown = [each for each in wanted if each not in self._sizes]
        if unknown:
            self._sizes.update({each: (kind, size) for each, kind, size, _ in self._ask("info", unknown)})
        return {each: self._sizes[each] for each in wanted if each in self._sizes}

    def contents(self, ids: Iterable[str]) -> dict[str, Found]:
        """Those objects that are here."""
        wanted = list(dict.fromkeys(ids))
        found = {each: self._known[each] for each in wanted if each in self._known}
        if len(found) == len(wanted):
            return found
        for each, kind, size, data in self._ask("contents", [one for one in wanted if one not in found]):
            found[each] = Found(kind, data)
            if size <= KEPT:
                self._known[each] = found[each]
        return found

    def _ask(self, verb: str, ids: Iterable[str]) -> Iterator[tuple[str, str, int, bytes]]:
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]
            asking, answering = self._open()
            try:
                asking.write("".join(f"{verb} {each}\n" for each in part).encode())
                asking.flush()
            except BrokenPipeError:
                raise _ended() from None
            for each in part:
                row = answering.readline()
                # Else everything that was not answered would be taken for absent.
                if not row.endswith(b"\n"):
                    raise _ended()
                words = row.split()
                if len(words) != 3:
                    continue
                size = int(words[2])
                data = answering.read(size) if verb == "contents" else b""
                if verb == "contents" and answering.read(1) != b"\n":
                    raise _ended()
                yield each, words[1].decode(), size, data

    def _open(self) -> tuple[IO[bytes], IO[bytes]]:
        # A copy of this process would read the answers that this one waits for.
        if self._pipes is None or self._owner != os.getpid():
            self._owner = os.getpid()
            process = Command(self._folder).start("cat-file", "--batch-command")
            weakref.finalize(self, _end, process)
            self._pipes = process.stdin, process.stdout
        return self._pipes


def _ended() -> StoreError:
    return StoreError(
        "`git cat-file` ended before it had answered: it was killed, or an object is damaged",
        fix="try again; if it stays so, git fsck",
    )


def _end(process: Any) -> None:
    """Let the process go: it ends when nobody asks any more, and how is no matter by then."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        with suppress(BrokenPipeError):  # what could not be sent to it is tried once more
            pipe.close()
    process.proc.wait()
