"""Counting on the request path: plain numbers, no locks, one thread."""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

import msgspec

from ordain.runtime.contract import Violation

# Seconds. A gated single row takes well under a millisecond; objectives lie between 10 and 500 ms.
LATENCY = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0, 4096.0)


class Histogram(msgspec.Struct):
    """A cumulative histogram before it is cumulated.

    Attributes:
        bounds: upper bounds of the buckets, inclusive, ascending; one more bucket takes the rest.
        counts: by bucket.
        total: sum of all values.
    """

    bounds: tuple[float, ...]
    counts: list[int]
    total: float = 0.0

    @classmethod
    def of(cls, bounds: tuple[float, ...]) -> Histogram:
        """One without values."""
        return cls(bounds, [0] * (len(bounds) + 1))

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add(self, other: Histogram) -> None:
        """Count what another one with the same bounds has counted."""
        self.counts = list(map(operator.add, self.counts, other.counts))
        self.total += other.total


def _latencies() -> dict[str, Histogram]:
    return {"infer": Histogram.of(LATENCY), "predict": Histogram.of(LATENCY)}


class ModelStats(msgspec.Struct):
    """What is counted for one model and version."""

    latency: dict[str, Histogram] = msgspec.field(default_factory=_latencies)
    batches: Histogram = msgspec.field(default_factory=lambda: Histogram.of(ROWS))
    requests: Counter[tuple[str, int]] = msgspec.field(default_factory=Counter)
    labels: Counter[str] = msgspec.field(default_factory=Counter)
    violations: Counter[tuple[str, str, str]] = msgspec.field(default_factory=Counter)
    rows: int = 0

    def count_violations(self, violations: Iterable[Violation], action: str, known: frozenset[str]) -> None:
        """Count by column, kind and action; a column of the caller's own has no label of its own."""
        for each in violations:
            self.violations[each.column if each.column in known else "", str(each.kind), action] += 1

    def add(self, other: ModelStats) -> None:
        """Count what another process has counted for the same model."""
        for name, histogram in self.latency.items():
            histogram.add(other.latency[name])
        self.batches.add(other.batches)
        self.requests.update(other.requests)
        self.labels.update(other.labels)
        self.violations.update(other.violations)
        self.rows += other.rows


class ServerStats(msgspec.Struct):
    """What is counted for the process.

    Attributes:
        requests: by status. ended: connections, by why the server ended them.
        in_flight, body_bytes: of requests that are not answered yet.
        workers_ended: worker processes that nobody had asked to end.
        traces_dropped: spans that were not made, because too many waited.
    """

    requests: Counter[int] = msgspec.field(default_factory=Counter)
    ended: Counter[str] = msgspec.field(default_factory=Counter)
    in_flight: int = 0
    body_bytes: int = 0
    workers_ended: int = 0
    traces_dropped: int = 0

    def add(self, other: ServerStats) -> None:
        """Count what another process has counted."""
        self.requests.update(other.requests)
        self.ended.update(other.ended)
        self.in_flight += other.in_flight
        self.body_bytes += other.body_bytes
        self.workers_ended += other.workers_ended
        self.traces_dropped += other.traces_dropped


class LogStats(msgspec.Struct):
    """Records written and dropped, and files removed."""

    written: int = 0
    dropped: int = 0
    removed: int = 0

    def add(self, other: LogStats) -> None:
        """Count what another process has counted."""
        self.written += other.written
        self.dropped += other.dropped
        self.removed += other.removed


class Tally(msgspec.Struct):
    """All counts of one process, or of several: models in the order in which they are served."""

    models: list[ModelStats]
    server: ServerStats
    log: LogStats

    @classmethod
    def of(cls, models: int) -> Tally:
        """One for so many models, in which nothing has been counted."""
        return cls([ModelStats() for _ in range(models)], ServerStats(), LogStats())

    def add(self, other: Tally) -> None:
        """Count what another process has counted."""
        for mine, theirs in zip(self.models, other.models, strict=True):
            mine.add(theirs)
        self.server.add(other.server)
        self.log.add(other.log)
