"""How a log is cut into windows: by time, or by a number of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

MINUTE = 60.0
MERGED = 100_000  # times that wait for being put in their place, at least


class Spans(Protocol):
    """Numbers predictions by window; a larger number is a later window."""

    def numbers(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """The window of each prediction; -1 for none."""
        ...

    def start(self) -> float:
        """From when on predictions are looked at, in seconds since 1970."""
        ...

    def newest(self) -> int:
        """The number of the newest window that is whole; -1 for none."""
        ...

    def span(self, numbers: Sequence[int], firsts: Sequence[float]) -> tuple[float, float]:
        """From when to when some windows last, oldest first, of which the first predictions are known."""
        ...


class ByTime(Struct, frozen=True, kw_only=True):
    """Windows of one length, the last of which ends at a time; order of reading does not matter.

    Attributes:
        end: seconds since 1970. length: seconds. count: of windows.
        since: from when on labels are looked for, if that is longer ago than the windows.
    """

    end: float
    length: float
    count: int
    since: float = np.inf

    def numbers(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """As `Spans.numbers`: 0 for the oldest window."""
        start = self.bounds(0)[0]
        inside = (times >= start) & (times < self.end)
        places = np.floor((np.where(inside, times, start) - start) / self.length).astype(np.int64)
        return np.where(inside, np.minimum(places, self.count - 1), -1)

    def start(self) -> float:
        """As `Spans.start`."""
        return min(self.bounds(0)[0], self.since)

    def newest(self) -> int:
        """As `Spans.newest`."""
        return self.count - 1

    def span(self, numbers: Sequence[int], firsts: Sequence[float]) -> tuple[float, float]:
        """As `Spans.span`."""
        return self.bounds(numbers[0])[0], self.bounds(numbers[-1])[1]

    def bounds(self, number: int) -> tuple[float, float]:
        """Beginning and end of a window."""
        start = self.end - (self.count - number) * self.length
        return start, start + self.length


class ByRows:
    """Windows of a number of rows, oldest first; in whatever order they are read.

    The times of the windows that are wanted are kept, older ones to the minute, and none beyond the horizon:
    memory does not grow with the log.

    Args:
        rows: of a window. count: of whole windows that are wanted, the newest.
        horizon: windows back to which labels are looked for.
        span: in seconds since 1970: labels are looked for from the first on, if that is longer ago; and from
            the second on predictions belong to no window.
    """

    def __init__(
        self, rows: int, count: int, horizon: int, span: tuple[float, float] = (np.inf, np.inf)
    ) -> None:
        self._rows, self._count, self._horizon = rows, count, horizon
        self._since, self._end = span
        self._times, self._counts = np.zeros(0), np.zeros(0, dtype=np.int64)  # ascending, all different
        self._older = 0  # predictions whose times are not kept any more
        self._waiting: list[NDArray[np.float64]] = []
        self._met: Counter[float] = Counter()

    def add(self, times: NDArray[np.float64]) -> None:
        """Predictions of these times exist, in seconds since 1970; before anything else is asked."""
        self._waiting.append(times[times < self._end])
        if sum(map(len, self._waiting)) > len(self._times) + MERGED:
            self._merge()

    def _merge(self) -> None:
        """Put what waits in its place, and forget what is too old."""
        if not self._waiting:
            return
        new = np.concatenate([np.zeros(0), *self._waiting])
        self._waiting = []
        self._tally(np.concatenate([self._times, new]), np.append(self._counts, np.ones_like(new, np.int64)))
        gone, coarse = (self._place((each + 1) * self._rows) for each in (self._horizon, self._count))
        self._older += int(self._counts[:gone].sum())
        times = np.concatenate([self._times[gone:coarse] // MINUTE * MINUTE, self._times[coarse:]])
        self._tally(times, self._counts[gone:])

    def _tally(self, times: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
        self._times, places = np.unique(times, return_inverse=True)
        self._counts = np.bincount(places, counts, len(self._times)).astype(np.int64)

    def _place(self, newest: int) -> int:
        """Where the so many newest predictions begin among the times; 0 where there are not more."""
        newer = np.cumsum(self._counts[::-1])
        return max(0, len(newer) - 1 - int(np.searchsorted(newer, newest, "left")))

    def numbers(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """As `Spans.numbers`: 0 for the oldest rows; -1 for those before the windows that are wanted."""
        self._merge()
        before = self._older + np.concatenate([[0], np.cumsum(self._counts)])
        ranks = before[np.searchsorted(self._times, times, "left")]
        last = np.maximum(before[np.searchsorted(self._times, times, "right")] - 1, ranks)
        # Rows of one time that belong to several windows are dealt out as they are read.
        for place in np.flatnonzero(ranks // self._rows != last // self._rows).tolist():
            when = float(times[place])
            ranks[place] = min(ranks[place] + self._met[when], last[place])
            self._met[when] += 1
        places = ranks // self._rows
        return np.where((places > self.newest() - self._count) & (times < self._end), places, -1)

    def start(self) -> float:
        """As `Spans.start`, to the minute: that of the horizon, or what is before it for labels."""
        self._merge()
        windows = self.newest() + 1 - self._horizon
        if windows <= 0:
            return -np.inf
        first = windows * self._rows - self._older
        oldest = float(self._times[np.searchsorted(np.cumsum(self._counts), first, "right")])
        return min(oldest, self._since)

    def newest(self) -> int:
        """As `Spans.newest`: rows that do not fill a window wait for more."""
        self._merge()
        return (self._older + int(self._counts.sum())) // self._rows - 1

    def span(self, numbers: Sequence[int], firsts: Sequence[float]) -> tuple[float, float]:
        """As `Spans.span`: from the first prediction on."""
        return min(firsts, default=-np.inf), np.inf
