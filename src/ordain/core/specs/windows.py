"""Windows of a prediction log, in words such as `1d`, `1000rows` and `2/3`, and whether they fit together."""

from __future__ import annotations

import math
import re
from typing import Annotated

from msgspec import Meta

from ordain.core.specs.parts import matching
from ordain.core.value import Value

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
WINDOW_PATTERN = r"^[1-9][0-9]{0,7}(m|h|d|w|rows)(?!\n)$"
SEASON_PATTERN = r"^[1-9][0-9]{0,7}(m|h|d|w)(?!\n)$"
ALARM_PATTERN = r"^[1-9][0-9]?/[1-9][0-9]?(?!\n)$"
HORIZON = 30  # windows: a month of days
FARTHEST = 1000  # windows that a horizon may have
SEASONS = 4  # before the windows that are judged, so that one odd week is not what is usual
LONGEST = 40 * 366 * 86_400  # seconds: no log of a model is older
Window = Annotated[
    str, matching(WINDOW_PATTERN, "a length of time or a number of rows, such as 6h, 1d or 1000rows")
]
Season = Annotated[str, matching(SEASON_PATTERN, "a length of time, such as 1d or 7d")]
Alarm = Annotated[str, matching(ALARM_PATTERN, "so many of the newest windows, such as 2/3")]
Horizon = Annotated[int, Meta(ge=1, le=FARTHEST)]


def window_of(text: str) -> tuple[float, int] | None:
    """`(seconds, 0)` or `(0, rows)`; None for what is neither."""
    if not re.match(WINDOW_PATTERN, text):
        return None
    number, unit = re.split(r"(?<=[0-9])(?=[a-z])", text)
    return (0.0, int(number)) if unit == "rows" else (float(int(number) * _SECONDS[unit]), 0)


def alarm_of(text: str) -> tuple[int, int] | None:
    """`(needed, windows)`; None for what is no such pair, or more of them than there are."""
    if not re.match(ALARM_PATTERN, text):
        return None
    needed, windows = map(int, text.split("/"))
    return (needed, windows) if needed <= windows else None


class Cut(Value, frozen=True, kw_only=True):
    """How a log is cut into windows, and how far back it is read.

    Attributes:
        length: of a window in seconds; 0 for windows of `rows` predictions.
        windows: how many are judged. season: seconds after which the past repeats; 0 for none.
        delay: seconds that labels take. asked: the horizon in windows; None for the one that suits the rest.
    """

    length: float
    rows: int = 0
    windows: int
    season: float = 0
    delay: float = 0
    asked: int | None = None

    @property
    def step(self) -> int:
        """Windows in a season."""
        return int(self.season // self.length) if self.length else 0

    @property
    def horizon(self) -> int:
        """Windows back to which labels and seasons are looked for.

        By default a month of days, and far enough that half of it has labels by now and that each window
        that is judged has some seasons before it.
        """
        if self.asked:
            return self.asked
        labels = math.ceil(2 * self.delay / self.length) if self.length else 0
        seasons = min(self.windows + SEASONS * self.step, FARTHEST) if self.step else 0
        return max(HORIZON, labels, seasons)

    def misfit(self) -> tuple[str, str] | None:
        """What does not fit: the key that says it, and why; None when all does."""
        if self.season and (not self.length or self.season % self.length):
            return "season", "it is a whole number of windows of time, such as 7d with windows of 1d"
        needed = self.windows + self.step
        if self.season and self.horizon < needed:
            why = f"a season of {self.step} windows before each of the {self.windows} newest are {needed}"
            return (
                "horizon",
                f"{why}, and it is {self.horizon} (at most {FARTHEST}; longer windows are fewer)",
            )
        if self.length * max(self.horizon, self.windows) > LONGEST:
            return "window", "the windows would go back for more than forty years"
        return None
