"""How much a release is asked, by window, over some weeks: what is usual does not depend on the horizon."""

from __future__ import annotations

import math

import numpy as np

from ordain.watch.collect import Taken
from ordain.watch.spans import ByTime

WEEKS = 5  # so that no odd one of them is what is usual
_WEEK = 7 * 86_400.0


class Traffic:
    """Predictions of the release by window, as far back as the windows go and some weeks at least.

    Args:
        spans: how it is cut.

    Attributes:
        length: of a window in seconds. newest: when the newest was made, in seconds since 1970; minus
            infinity without one.
    """

    def __init__(self, spans: ByTime) -> None:
        self._end, self.length = spans.end, spans.length
        self._rows = np.zeros(max(spans.count, math.ceil(WEEKS * _WEEK / spans.length)), dtype=np.int64)
        self.newest = -np.inf

    def add(self, taken: Taken) -> None:
        """Count what is the release's own of a batch, up to the end of the newest window."""
        times = taken.batch.times[taken.at[taken.ours]]
        times = times[times < self._end]
        self.newest = max(self.newest, float(times.max(initial=-np.inf)))
        back = np.ceil((self._end - times) / self.length).astype(np.int64) - 1
        self._rows += np.bincount(back[back < len(self._rows)], minlength=len(self._rows))

    @property
    def rows(self) -> list[int]:
        """Predictions by window, oldest first."""
        found: list[int] = self._rows[::-1].tolist()
        return found
