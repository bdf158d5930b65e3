"""`ordain monitor`."""

from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordain.cli.console import CHANGES, OK, Console, common_options

if TYPE_CHECKING:
    from ordain.core.drift.evidence import Settings
    from ordain.services.monitor import Ask
    from ordain.services.watched import Approved, Watched

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


@click.command()
@click.argument("target", metavar="MODEL@ENV")
@click.option("--artifact", type=click.Path(path_type=Path), help="Its folder; default: what the clone pins.")
@click.option("--log", default="", help="Folder or URL of the prediction log; default: the declared one.")
@click.option("--labels", default="", help="Folder or URL of labels that have come since.")
@click.option("--window", default="1d", show_default=True, type=Window(), help="Such as 6h, 1d or 1000rows.")
@click.option("--alarm", default="2/3", show_default=True, type=Times(), help="k of the newest m windows.")
@click.option("--horizon", default=30, show_default=True, type=click.IntRange(1, 1000),
              help="Windows back to which labels and seasons are looked for.")  # fmt: skip
@click.option("--season", type=Window(), help="Compare with the same time before, such as 7d.")
@click.option("--level", default=0.05, show_default=True, type=click.FloatRange(1e-6, 0.5),
              help="Largest share of false flags in a window.")  # fmt: skip
@click.option("--effect", default=0.1, show_default=True, type=click.FloatRange(0, 2),
              help="Smallest drift worth a flag, in standard deviations.")  # fmt: skip
@click.option("--fewest", default=50, show_default=True, type=click.IntRange(20),
              help="Predictions below which a window is insufficient.")  # fmt: skip
@click.option("--until", metavar="TIME", help="End of the newest window; default: the last whole one.")
@click.option("--evidence", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence there.")
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True,
              help="markdown is what stands in a request.")  # fmt: skip
@click.option("--exit-code", is_flag=True, help="Exit with 2 when there is an alarm.")
@common_options
def command(
    *,
    target: str, artifact: Path | None, evidence: Path | None, form: str, exit_code: bool,
    as_json: bool, quiet: bool, root: Path, **options: Any,
) -> int:  # fmt: skip
    """Say what the prediction log shows: drift, performance by late labels, fairness, a broken feed.

    A column drifts when its difference from the release's profile is more than chance (false discoveries
    are controlled over all columns) and large enough to matter, in k of the last m windows. With too few
    predictions the answer is `insufficient`, never "no drift". It reads; it changes and deploys nothing.

    In a clone, the artifact is the one pinned in the environment, and the spec's gates judge what labels
    say. In a pod (--artifact), the artifact must be the approved one ($ORDAIN_ARTIFACT).

    \b
    Examples:
      ordain monitor churn@production --log s3://logs/churn
      ordain monitor churn@production --log log --labels labels.csv --evidence evidence.json
      ordain monitor churn@production --log log --window 1000rows --alarm 1/1 --json
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small: more threads only wait
    import msgspec

    from ordain.adapters.files import write_atomic
    from ordain.core.drift.evidence import encode
    from ordain.core.drift.text import document, text
    from ordain.services.monitor import monitor
    from ordain.services.watched import watched

    settings, ask = settings_of(options), ask_of(options, dt.datetime.now(dt.UTC))
    subject = watched(root, target, artifact, approved_of(artifact))
    if not ask.log:
        ask = msgspec.structs.replace(ask, log=declared_log(subject))
    found = monitor(subject, ask, settings)
    if evidence is not None:
        write_atomic(evidence.absolute(), encode(found))
    told = document(found).rstrip("\n") if form == "markdown" else text(found)
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(found), told)
    return CHANGES if exit_code and found.outcome == "fail" else OK


def approved_of(artifact: Path | None) -> Approved:
    """What a pod's environment says about the artifact that it was given; nothing about a clone's own."""
    from ordain.services.watched import Approved

    told = os.environ if artifact else {}
    return Approved(release=told.get("ORDAIN_RELEASE", ""), artifact=told.get("ORDAIN_ARTIFACT", ""))


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
    from ordain.services.monitor import Ask

    length, rows = options["window"]
    until = options["until"]
    end = _moment(until) if until else now if rows else whole(now, length)
    if length * max(options["horizon"], options["alarm"][1]) > end.timestamp():
        raise click.UsageError("the windows go back to before 1970: take a shorter --window or --horizon")
    return Ask(
        log=options["log"],
        labels=options["labels"],
        length=length,
        rows=rows,
        horizon=options["horizon"],
        season=_season(options["season"], length),
        now=now,
        end=end,
    )


def declared_log(subject: Watched) -> str:
    """Where the spec, or else the environment, says that the log is.

    Raises:
        UserError: when it does not, or there is no spec.
    """
    from ordain.errors import UserError

    if subject.log is None:
        where = f"models.yaml: models.{subject.model}.monitoring.watch"
        raise UserError("no prediction log is named", where=where, fix="name it with --log FOLDER|URL")
    return subject.log


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
