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
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec

from ordain.core.signature import Signature
from ordain.runtime.admission import Packed
from ordain.runtime.model import Model
from ordain.runtime.sinks import Sink

CAPACITY = 50_000  # rows that may wait
SLICE = 128  # rows encoded at a time
PAUSE, REST, TICK = 0.05, 0.002, 5.0  # seconds: before a slice, between two, between looks at the clock
PENDING = 8  # slices that may wait for the disk
logger = logging.getLogger("ordain.log")


class LogStats:
    """Records written and dropped."""

    def __init__(self) -> None:
        self.written = 0
        self.dropped = 0


class Entry(NamedTuple):
    """One answered request."""

    id: str
    time: float
    latency: float
    packed: Packed
    answers: list[list[float]]
    describe: Describe


class Describe:
    """How one model's rows look in the log.

    Args:
        model: its names, features and labels.
        salt: keys the hashes of personal columns; empty leaves these columns out.
    """

    def __init__(self, model: Model, salt: bytes) -> None:
        self.model = model
        self._head = {"model": model.identity.name, "version": model.identity.version}
        signature: Signature = model.signature
        self._widths = len(signature.of("strings")), len(signature.of("floats"))
        features = (*signature.of("strings"), *signature.of("floats"))
        self._shown = [(place, each.name) for place, each in enumerate(features) if not each.personal]
        hidden = [(place, each.name) for place, each in enumerate(features) if each.personal]
        self._hidden = hidden if salt else []
        self._salt = hashlib.blake2b(salt, digest_size=32).digest()

    def record(self, entry: Entry) -> dict[str, Any]:
        """One line, before it is encoded."""
        text, numbers = self._widths
        packed = entry.packed
        rows = []
        for row in range(packed.rows):
            values = (
                *packed.strings[row * text : (row + 1) * text],
                *packed.floats[row * numbers : (row + 1) * numbers],
            )
            shown = {name: values[place] for place, name in self._shown}
            for place, name in self._hidden:
                shown[name] = self._hash(name, values[place])
            rows.append(shown)
        return {
            "id": entry.id,
            "time": dt.datetime.fromtimestamp(entry.time, dt.UTC),
            **self._head,
            "latency": entry.latency,
            "inputs": rows,
            "outputs": [self._output(answer) for answer in entry.answers],
        }

    def _output(self, answer: list[float]) -> dict[str, Any]:
        if self.model.signature.classes is None:
            return {"prediction": answer[0]}
        return {"label": self.model.label(answer), "probabilities": answer}

    def _hash(self, name: str, value: Any) -> str:
        text = f"{name}\0{value}".encode()
        return hashlib.blake2b(text, key=self._salt, digest_size=8).hexdigest()


class PredictionLog:
    """Takes entries on the event loop and hands encoded lines to a sink in a thread."""

    def __init__(self, sink: Sink, stats: LogStats) -> None:
        self._sink = sink
        self._stats = stats
        self._queue: deque[Entry] = deque()
        self._rows = self._refused = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writes: deque[Future[None]] = deque()
        self._thread = ThreadPoolExecutor(1, "prediction-log")
        self._encoder = msgspec.json.Encoder()
        self._ticking: asyncio.TimerHandle | None = None

    def add(self, entry: Entry) -> None:
        """Queue one entry, or drop it when too many wait."""
        if self._rows + entry.packed.rows > CAPACITY:
            self._refused += 1
            self._stats.dropped += 1
            return
        self._rows += entry.packed.rows
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
            self._encode(SLICE)
        if self._queue:
            self._timer = asyncio.get_running_loop().call_later(REST, self._drain)

    def _encode(self, rows: int) -> None:
        lines: list[bytes] = []
        while self._queue and rows > 0:
            entry = self._queue.popleft()
            rows -= entry.packed.rows
            self._rows -= entry.packed.rows
            lines.append(self._encoder.encode(entry.describe.record(entry)))
        if lines:
            whole = b"\n".join(lines) + b"\n"
            self._submit(lambda: self._sink.write(whole, len(lines)))

    def _submit(self, work: Callable[[], None]) -> None:
        self._writes.append(self._thread.submit(work))

    def _settle(self, *, wait: bool = False) -> None:
        """Count what has been written, and what the sink refused."""
        while self._writes and (wait or self._writes[0].done()):
            error = self._writes.popleft().exception()
            if error is not None:
                logger.error("the prediction log cannot be written", extra={"reason": str(error)[:200]})
        self._stats.written = self._sink.written
        self._stats.dropped = self._sink.dropped + self._refused

    def close(self) -> None:
        """Write everything that waits; called once, after the last request."""
        for timer in (self._timer, self._ticking):
            if timer is not None:
                timer.cancel()
        while self._queue:
            self._encode(SLICE)
        self._submit(self._sink.close)
        self._settle(wait=True)
        self._thread.shutdown()
