"""What `ordain monitor` is asked, from its options: windows, times and how alarms are raised."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ordain.core.drift.evidence import Settings
    from ordain.services.monitoring.monitor import Ask

HORIZON = 30
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Window(click.ParamType[tuple[float, int]]):
    """A length of time, or a number of rows."""

    name = "window"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """`(seconds, 0)` or `(0, rows)`."""
        found = re.fullmatch(r"([1-9][0-9]{0,7})(m|h|d|w|rows)", str(value))
        if not found:
            self.fail(f"{value!r} is not such as 6h, 1d or 1000rows", param, ctx)
        number, unit = int(found[1]), found[2]
        return (0.0, number) if unit == "rows" else (float(number * _SECONDS[unit]), 0)


class Times(click.ParamType[tuple[int, int]]):
    """So many of so many."""

    name = "k/m"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """`(needed, windows)`."""
        found = re.fullmatch(r"([1-9][0-9]?)/([1-9][0-9]?)", str(value))
        if not found or int(found[1]) > int(found[2]):
            self.fail(f"{value!r} is not such as 2/3", param, ctx)
        return int(found[1]), int(found[2])


class Delay(click.ParamType[float]):
    """A length of time, which may be none."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Seconds."""
        found = re.fullmatch(r"([0-9]{1,6})(m|h|d|w)", str(value))
        if not found:
            self.fail(f"{value!r} is not such as 12h or 30d", param, ctx)
        return float(int(found[1]) * _SECONDS[found[2]])


def settings_of(options: dict[str, Any]) -> Settings:
    """How alarms are raised, from the options."""
    from ordain.core.drift.evidence import Settings

    needed, windows = options["alarm"]
    return Settings(
        level=options["level"], effect=options["effect"], fewest=options["fewest"], needed=needed,
        windows=windows,
    )  # fmt: skip


def ask_of(options: dict[str, Any], now: dt.datetime) -> Ask:
    """What to look at, from the options.

    Raises:
        UsageError: for times that do not fit each other.
    """
    from ordain.adapters.outcomes import Names
    from ordain.services.monitoring.monitor import Ask

    length, rows = options["window"]
    until = options["until"]
    end = _moment(until) if until else now if rows else whole(now, length)
    horizon = options["horizon"] or horizon_of(options["label_delay"], length)
    if length * max(horizon, options["alarm"][1]) > end.timestamp():
        raise click.UsageError("the windows go back to before 1970: take a shorter --window or --horizon")
    return Ask(
        log=options["log"],
        labels=options["labels"],
        names=Names(id=options["label_id"], label=options["label_column"]),
        delay=options["label_delay"],
        length=length,
        rows=rows,
        horizon=horizon,
        season=_season(options["season"], length),
        now=now,
        end=end,
    )


def horizon_of(delay: float, length: float) -> int:
    """Windows to look back over: a month of days, and far enough that half of it has labels by now."""
    return max(HORIZON, math.ceil(2 * delay / length) if length else 0)


def whole(now: dt.datetime, length: float) -> dt.datetime:
    """The end of the last whole window; windows begin with 1970 in UTC, so days begin at midnight."""
    return dt.datetime.fromtimestamp(now.timestamp() // length * length, dt.UTC)


def _season(season: tuple[float, int] | None, length: float) -> int:
    if season is None:
        return 0
    if not length or not season[0] or season[0] % length:
        raise click.UsageError("--season is a whole number of windows of time, such as 7d with --window 1d")
    return int(season[0] // length)


def _moment(text: str) -> dt.datetime:
    from ordain.adapters.predictions import END_OF_TIME

    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--until {text!r} is not such as 2026-11-24T00:00:00Z") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    if not 0 <= moment.timestamp() < END_OF_TIME:
        raise click.UsageError(f"--until {text!r} is not between the years 1970 and 9998")
    return moment
