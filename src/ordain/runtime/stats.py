"""Counting on the request path: plain numbers, no locks, one thread."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from ordain.runtime.contract import Violation

# Seconds. A gated single row takes well under a millisecond; objectives lie between 10 and 500 ms.
LATENCY = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0, 4096.0)


class Histogram:
    """A cumulative histogram before it is cumulated.

    Args:
        bounds: upper bounds of the buckets, inclusive, ascending; one more bucket takes the rest.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class ModelStats:
    """What is counted for one model and version."""

    def __init__(self) -> None:
        self.latency = {"infer": Histogram(LATENCY), "predict": Histogram(LATENCY)}
        self.batches = Histogram(ROWS)
        self.requests: Counter[tuple[str, int]] = Counter()
        self.labels: Counter[str] = Counter()
        self.violations: Counter[tuple[str, str, str]] = Counter()
        self.rows = 0

    def count_violations(self, violations: Iterable[Violation], action: str, known: frozenset[str]) -> None:
        """Count by column, kind and action; a column of the caller's own has no label of its own."""
        for each in violations:
            self.violations[each.column if each.column in known else "", str(each.kind), action] += 1


class ServerStats:
    """What is counted for the process."""

    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()
        self.ended: Counter[str] = Counter()  # connections, by why the server ended them
        self.in_flight = 0
        self.body_bytes = 0
