"""How a log is cut into windows: by time, or by a number of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Spans(Protocol):
    """Numbers predictions by window; a larger number is a later window."""

    def numbers(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """The window of each prediction; -1 for none."""
        ...

    def start(self) -> float:
        """When the oldest window begins, in seconds since 1970."""
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
    """

    end: float
    length: float
    count: int

    def numbers(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """As `Spans.numbers`: 0 for the oldest window."""
        start = self.start()
        inside = (times >= start) & (times < self.end)
        places = np.floor((np.where(inside, times, start) - start) / self.length).astype(np.int64)
        return np.where(inside, np.minimum(places, self.count - 1), -1)

    def start(self) -> float:
        """As `Spans.start`."""
        return self.end - self.count * self.length

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

    Args:
        rows: of a window. count: of whole windows that are wanted, the newest.
        times: of every prediction, in seconds since 1970.
    """

    def __init__(self, rows: int, count: int, times: NDArray[np.float64]) -> None:
        self._rows, self._count, self._times = rows, count, np.sort(times)
        self._met: Counter[float] = Counter()

    def numbers(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """As `Spans.numbers`: 0 for the oldest rows; -1 for those before the windows that are wanted."""
        ranks = np.searchsorted(self._times, times, "left").astype(np.int64)
        last = np.maximum(np.searchsorted(self._times, times, "right") - 1, ranks)
        # Rows of one time that belong to several windows are dealt out as they are read.
        for place in np.flatnonzero(ranks // self._rows != last // self._rows).tolist():
            when = float(times[place])
            ranks[place] = min(ranks[place] + self._met[when], last[place])
            self._met[when] += 1
        places = ranks // self._rows
        return np.where(places > self.newest() - self._count, places, -1)

    def start(self) -> float:
        """As `Spans.start`: labels are joined to all of the log."""
        return -np.inf

    def newest(self) -> int:
        """As `Spans.newest`: rows that do not fill a window wait for more."""
        return len(self._times) // self._rows - 1

    def span(self, numbers: Sequence[int], firsts: Sequence[float]) -> tuple[float, float]:
        """As `Spans.span`: from the first prediction on."""
        return min(firsts, default=-np.inf), np.inf
