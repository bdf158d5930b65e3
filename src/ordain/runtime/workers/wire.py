"""What a worker and its parent tell each other, over a pair of sockets that nobody else has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from ordain.runtime.stats import Tally

BUG = 70  # the exit code of a worker that failed by itself (docs/exit-codes.md)
LENGTH = 4  # bytes before each message that say how long it is, big end first


class Serving(msgspec.Struct, tag=True):
    """The worker takes requests: names, host and port."""

    facts: dict[str, Any]


class Refused(msgspec.Struct, tag=True):
    """The worker must not start; the parts of a `UserError`."""

    what: str
    where: str
    fix: str
    reason: str


class Counts(msgspec.Struct, tag=True):
    """All that the worker has counted since it started.

    Attributes:
        asks: whether it waits for what the others have counted.
    """

    tally: Tally
    asks: bool = False


Told = Serving | Refused | Counts


class Others(msgspec.Struct):
    """The answer to `Counts` that ask.

    Attributes:
        tally: of the other workers and of those that have ended; None when nobody has counted yet.
        pids: of all processes that run, the parent's and the asking worker's own too.
        seconds: of processors, that those that have ended took.
    """

    tally: Tally | None
    pids: list[int]
    seconds: float


def frame(message: Told | Others) -> bytes:
    """A message as it is sent."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(LENGTH, "big") + body


def told(body: bytes) -> Told:
    """What a worker says."""
    return _FROM_WORKER.decode(body)


def others(body: bytes) -> Others:
    """What the parent answers."""
    return _FROM_PARENT.decode(body)


class Frames:
    """Cuts a stream of bytes into the bodies of messages."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are whole now."""
        self._rest += data
        while len(self._rest) >= LENGTH:
            end = LENGTH + int.from_bytes(self._rest[:LENGTH], "big")
            if len(self._rest) < end:
                return
            body = bytes(self._rest[LENGTH:end])
            del self._rest[:end]
            yield body


def _counter(_: type, plain: Any) -> Any:
    """Counts come as plain dictionaries."""
    return Counter(plain)


_FROM_WORKER: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told, dec_hook=_counter)
_FROM_PARENT = msgspec.msgpack.Decoder(Others, dec_hook=_counter)
