"""The prediction log: one JSON line a request, off the request path, bounded, never blocking.

A request only appends a tuple to a queue. A timer encodes the queue in slices short enough not to be felt,
and a thread writes the bytes. When rows arrive faster than they are written, records are dropped and
counted; serving never waits for its log.

A line: `{"id", "time", "model", "version", "latency", "inputs": [row, …], "outputs": [answer, …]}`; time is
RFC 3339 in UTC, latency in seconds. Of a column marked personal the line holds nothing, or, when
ORDAIN_LOG_SALT is set, a BLAKE2b hash (64 bits) keyed with it. That keeps values linkable to each other
and, to whoever holds the salt, to people: pseudonymous, not anonymous.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import logging
import operator
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from typing import Any

import msgspec

from ordain.runtime.admission import Rows
from ordain.runtime.endpoints import Scored
from ordain.runtime.model import Model
from ordain.runtime.sinks import Sink
from ordain.runtime.stats import LogStats

CAPACITY = 50_000  # rows that may wait
CAPACITY_BYTES = 32 * 2**20  # of these rows; text in them may be of any length
SLICE = 32  # rows encoded at a time, more when many wait: the slower of two evils is a full queue
BACKLOG = 64  # of what waits, one part in this many is encoded at a time
BATCH = 64 * 2**10  # bytes handed to the thread at a time, unless nothing waits
LARGE, LARGE_BYTES = 256, 64 * 2**10  # an entry with more rows, or of a longer request, is the thread's
PAUSE, REST, TICK = 0.05, 0.001, 5.0  # seconds: before a slice, between two, between looks at the clock
PENDING = 8  # batches that may wait for the disk
LAST = 3.0  # seconds for the last lines; a pod's time is over soon after
logger = logging.getLogger("ordain.log")
_ENCODER = msgspec.json.Encoder()


class Entry(msgspec.Struct, frozen=True):
    """One answered request.

    Attributes:
        size: bytes of the request, or of its values as objects if that is more: what it takes while it waits.
    """

    scored: Scored
    time: float
    latency: float
    packed: Rows
    describe: Describe
    size: int

    def line(self) -> Line:
        """As it is written."""
        return self.describe.line(self)


class Line(msgspec.Struct):
    """One line of the log."""

    id: str
    time: dt.datetime
    model: str
    version: str
    latency: float
    inputs: list[Any]
    outputs: list[Any]


class Classified(msgspec.Struct):
    """What was answered to one row."""

    label: str
    probabilities: list[float]


class Describe:
    """How one model's rows look in the log.

    Args:
        model: its names, features and labels.
        salt: keys the hashes of personal columns; empty leaves these columns out.
    """

    def __init__(self, model: Model, salt: bytes) -> None:
        self._identity = model.identity
        self._salt = hashlib.blake2b(salt, digest_size=32).digest()
        text, numbers = model.signature.of("strings"), model.signature.of("floats")
        features = (*text, *numbers)
        shown = [place for place, each in enumerate(features) if salt or not each.personal]
        self._shown = shown
        self._pick = _picker(shown)
        self._hidden = [
            (at, features[place].name) for at, place in enumerate(shown) if features[place].personal
        ]
        # A type of its own is made and encoded much faster than a dictionary.
        fields = {f"c{place}": features[place].name for place in shown}
        self._row = msgspec.defstruct("Row", list(fields), rename=fields)

    def line(self, entry: Entry) -> Line:
        """One line, before it is encoded."""
        packed, scored = entry.packed, entry.scored
        if packed.rows == 1 and not self._hidden:
            rows = [self._row(*self._pick((*packed.strings, *packed.floats)))]
        elif self._shown:
            rows = list(map(self._row, *self._columns(packed)))
        else:
            rows = [self._row()] * packed.rows
        outputs: list[Any] = (
            list(map(Classified, scored.labels, scored.answers))
            if scored.labels
            else [{"prediction": each[0]} for each in scored.answers]
        )
        time = dt.datetime.fromtimestamp(entry.time, dt.UTC)
        identity = self._identity
        return Line(scored.id, time, identity.name, identity.version, entry.latency, rows, outputs)

    def _columns(self, packed: Rows) -> list[Sequence[Any]]:
        """The columns that are shown, personal ones as hashes."""
        every = [*packed.texts, *packed.numbers]
        columns: list[Sequence[Any]] = [every[place] for place in self._shown]
        for at, name in self._hidden:
            columns[at] = [self._hash(name, value) for value in columns[at]]
        return columns

    def _hash(self, name: str, value: Any) -> str:
        text = f"{name}\0{value}".encode()
        return hashlib.blake2b(text, key=self._salt, digest_size=8).hexdigest()


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """A function that takes these places of a sequence."""
    if len(places) > 1:
        return operator.itemgetter(*places)
    return lambda values: [values[each] for each in places]


class Writer:
    """One thread that does one thing after the other, and that the end of the process does not wait for."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        threading.Thread(target=self._run, name="prediction-log", daemon=True).start()

    def submit(self, work: Callable[[], None]) -> Future[None]:
        """Do it some time; its errors are the future's."""
        future: Future[None] = Future()
        self._work.put((work, future))
        return future

    def _run(self) -> None:
        while True:
            work, future = self._work.get()
            try:
                future.set_result(work())
            except Exception as error:  # noqa: BLE001 - forwarded to whoever settles
                future.set_exception(error)


class PredictionLog:
    """Takes entries on the event loop and hands encoded lines to a sink in a thread."""

    def __init__(self, sink: Sink, stats: LogStats) -> None:
        self._sink = sink
        self._stats = stats
        self._queue: deque[Entry] = deque()
        self._batch = bytearray()
        self._rows = self._bytes = self._records = self._refused = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writes: deque[tuple[Future[None], Sequence[Entry]]] = deque()
        self._thread = Writer()
        self._handed = 0  # records that the sink has been given
        self._ticking: asyncio.TimerHandle | None = None

    def add(self, entry: Entry) -> None:
        """Queue one entry, or drop it when too many wait."""
        if self._rows + entry.packed.rows > CAPACITY or self._bytes + entry.size > CAPACITY_BYTES:
            self._refused += 1
            self._stats.dropped += 1
            return
        self._rows += entry.packed.rows
        self._bytes += entry.size
        self._queue.append(entry)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._drain)

    def start(self) -> None:
        """Begin to look at the clock, so that a quiet log's file ends too."""
        self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick)

    def _tick(self) -> None:
        self._submit(self._sink.tick)
        self._settle()
        self.start()

    def _drain(self) -> None:
        """Encode a slice, and come back while there is more."""
        self._timer = None
        self._settle()
        if len(self._writes) < PENDING:
            self._take(max(SLICE, self._rows // BACKLOG))
        if self._queue:
            self._timer = asyncio.get_running_loop().call_later(REST, self._drain)

    def _take(self, rows: int) -> None:
        """Encode entries of about so many rows, and hand them over when they are many or the last."""
        small: list[Entry] = []
        while self._queue and rows > 0:
            entry = self._queue.popleft()
            rows -= entry.packed.rows
            if entry.packed.rows > LARGE or entry.size > LARGE_BYTES:
                self._handed += 1
                self._submit(partial(self._write_large, entry), entry)
            else:
                small.append(entry)
        self._batch += _ENCODER.encode_lines([each.describe.line(each) for each in small])
        self._records += len(small)
        self._forget(small)
        if self._batch and (len(self._batch) >= BATCH or not self._queue):
            self._handed += self._records
            self._submit(partial(self._sink.write, bytes(self._batch), self._records))
            self._batch.clear()
            self._records = 0

    def _write_large(self, entry: Entry) -> None:
        """In the thread: a line so long that encoding it on the loop would be felt."""
        self._sink.write(_ENCODER.encode_lines([entry.line()]), 1)

    def _submit(self, work: Callable[[], None], *taken: Entry) -> None:
        """Give the thread something to do; entries that it takes along count until that is done."""
        self._writes.append((self._thread.submit(work), taken))

    def _forget(self, entries: Sequence[Entry]) -> None:
        self._rows -= sum([each.packed.rows for each in entries])
        self._bytes -= sum([each.size for each in entries])

    def _settle(self) -> None:
        """Count what has been written, and what the sink refused."""
        while self._writes and self._writes[0][0].done():
            write, entries = self._writes.popleft()
            error = write.exception()
            self._forget(entries)
            if error is not None:
                logger.error("the prediction log cannot be written", extra={"reason": str(error)[:200]})
        self._stats.written = self._sink.written
        self._stats.dropped = self._sink.dropped + self._refused
        self._stats.removed = self._sink.removed

    def close(self) -> None:
        """Write everything that waits, unless the store hangs; called once, after the last request."""
        for timer in (self._timer, self._ticking):
            if timer is not None:
                timer.cancel()
        while self._queue or self._batch:
            self._take(SLICE)
        self._submit(self._sink.close)
        wait([each for each, _ in self._writes], timeout=LAST)
        self._settle()
        lost = self._handed - self._sink.written - self._sink.dropped
        if lost:
            self._stats.dropped += lost
            logger.error("the prediction log did not take its last records", extra={"records": lost})
