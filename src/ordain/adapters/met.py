"""What a reader of a log met on its way, and of what time that was."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Literal

Event = Literal["files", "unreadable", "corrupt", "duplicates", "reused"]
_MINUTE = 60.0


class Met:
    """Counts of files, of those that could not be read, of lines or rows that are no predictions or not new.

    What is damaged does not tell its time; it is taken to be of the time of what was read last.

    Attributes:
        when: that time, in seconds since 1970; NaN when nothing says it.
    """

    def __init__(self) -> None:
        self.when = math.nan
        self._counts: dict[Event, Counter[float]] = {
            "files": Counter(),
            "unreadable": Counter(),
            "corrupt": Counter(),
            "duplicates": Counter(),
            "reused": Counter(),
        }

    def add(self, event: Event, count: int = 1) -> None:
        """Count something of the present time."""
        self._counts[event][math.inf if math.isnan(self.when) else _minute(self.when)] += count

    def add_at(self, event: Event, times: Iterable[float]) -> None:
        """Count what happened at these times, in seconds since 1970."""
        self._counts[event].update(_minute(each) for each in times)

    def between(self, event: Event, start: float, end: float) -> int:
        """How often within a time, to the minute; what has no time is of any."""
        return sum(
            count
            for when, count in self._counts[event].items()
            if start - _MINUTE < when < end or when == math.inf
        )

    @property
    def files(self) -> int:
        """All of them."""
        return self._counts["files"].total()

    @property
    def unreadable(self) -> int:
        """Files that could not be read, or not to their end."""
        return self._counts["unreadable"].total()

    @property
    def corrupt(self) -> int:
        """Lines or rows that are no predictions."""
        return self._counts["corrupt"].total()

    @property
    def duplicates(self) -> int:
        """Predictions that were read before, by their id."""
        return self._counts["duplicates"].total()

    @property
    def reused(self) -> int:
        """Duplicates of another time than what was read before by that id."""
        return self._counts["reused"].total()


def _minute(when: float) -> float:
    return when // _MINUTE * _MINUTE
