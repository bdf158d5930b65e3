"""How a log is cut into windows: by time, or by a number of rows."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Spans(Protocol):
    """Numbers predictions by window; a larger number is a later window."""

    def numbers(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """The window of each prediction, in the order in which they are read; -1 for none."""
        ...

    def newest(self) -> int:
        """The number of the newest window that is whole; -1 for none."""
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
        start = self.end - self.count * self.length
        inside = (times >= start) & (times < self.end)
        places = np.floor((np.where(inside, times, start) - start) / self.length).astype(np.int64)
        return np.where(inside, np.minimum(places, self.count - 1), -1)

    def newest(self) -> int:
        """As `Spans.newest`."""
        return self.count - 1

    def bounds(self, number: int) -> tuple[float, float]:
        """Beginning and end of a window."""
        start = self.end - (self.count - number) * self.length
        return start, start + self.length


class ByRows(Struct, kw_only=True):
    """Windows of a number of rows, in the order of reading.

    Attributes:
        rows: of a window. seen: rows so far.
    """

    rows: int
    seen: int = 0

    def numbers(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """As `Spans.numbers`: 0 for the first rows that are read."""
        places = np.arange(self.seen, self.seen + len(times)) // self.rows
        self.seen += len(times)
        return np.asarray(places, dtype=np.int64)

    def newest(self) -> int:
        """As `Spans.newest`: rows that do not fill a window wait for more."""
        return self.seen // self.rows - 1
