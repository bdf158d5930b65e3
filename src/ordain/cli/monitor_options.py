"""What `ordain monitor` is asked, from its options: windows, times and how alarms are raised."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from ordain.core.drift.evidence import Settings
    from ordain.core.specs.deployment import Watch
    from ordain.core.specs.windows import Cut
    from ordain.services.monitoring.monitor import Ask

_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Window(click.ParamType[tuple[float, int]]):
    """A length of time, or a number of rows."""

    name = "window"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """`(seconds, 0)` or `(0, rows)`."""
        from ordain.core.specs.windows import window_of

        found = window_of(str(value))
        if found is None:
            self.fail(f"{value!r} is not such as 6h, 1d or 1000rows", param, ctx)
        return found


class Times(click.ParamType[tuple[int, int]]):
    """So many of so many."""

    name = "k/m"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """`(needed, windows)`."""
        from ordain.core.specs.windows import alarm_of

        found = alarm_of(str(value))
        if found is None:
            self.fail(f"{value!r} is not such as 2/3", param, ctx)
        return found


class Delay(click.ParamType[float]):
    """A length of time, which may be none."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Seconds."""
        found = re.fullmatch(r"([0-9]{1,6})(m|h|d|w)", str(value))
        if not found:
            self.fail(f"{value!r} is not such as 12h or 30d", param, ctx)
        return float(int(found[1]) * _SECONDS[found[2]])


def said_by(watch: Watch | None, context: click.Context) -> dict[str, Any]:
    """What a spec says for the options that the command line leaves out, as their own types read it.

    Labels are one thing: where they are, what they are called and how long they take.
    """
    from ordain.core.specs.deployment import CHOICES

    if watch is None:
        return {}
    left = [
        each for each in context.command.params
        if each.name in CHOICES and context.get_parameter_source(each.name) is ParameterSource.DEFAULT
    ]  # fmt: skip
    said = {str(each.name): each.type_cast_value(context, getattr(watch, str(each.name))) for each in left}
    if watch.labels is None or context.params["labels"]:
        return said
    labels = watch.labels
    return {
        **said, "labels": labels.url, "label_id": labels.id, "label_column": labels.label,
        "label_delay": labels.delay_hours * 3600.0,
    }  # fmt: skip


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

    cut, until = cut_of(options), options["until"]
    end = _moment(until) if until else now if cut.rows else whole(now, cut.length)
    if cut.length * max(cut.horizon, cut.windows) > end.timestamp():
        raise click.UsageError("the windows go back to before 1970: take a shorter --window or --horizon")
    return Ask(
        log=options["log"],
        labels=options["labels"],
        names=Names(id=options["label_id"], label=options["label_column"]),
        delay=cut.delay,
        length=cut.length,
        rows=cut.rows,
        horizon=cut.horizon,
        season=cut.step,
        now=now,
        end=end,
    )


def cut_of(options: dict[str, Any]) -> Cut:
    """How the log is cut, from the options.

    Raises:
        UsageError: for windows, a season and a horizon that do not fit each other.
    """
    from ordain.core.specs.windows import Cut

    (length, rows), (season, counted) = options["window"], options["season"] or (0.0, 0)
    cut = Cut(
        length=length, rows=rows, windows=options["alarm"][1], season=season, delay=options["label_delay"],
        asked=options["horizon"],
    )  # fmt: skip
    misfit = ("season", "it is a length of time, such as 7d") if counted else cut.misfit()
    if misfit:
        raise click.UsageError(f"--{misfit[0]}: {misfit[1]}")
    return cut


def whole(now: dt.datetime, length: float) -> dt.datetime:
    """The end of the last whole window; windows begin with 1970 in UTC, so days begin at midnight."""
    return dt.datetime.fromtimestamp(now.timestamp() // length * length, dt.UTC)


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
