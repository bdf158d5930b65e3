"""Whether a log is silent, or all but that, and whether that is an alarm yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from ordain.core.drift.coming import Ebb, beginning
from ordain.core.drift.evidence import Finding

DAY, WEEK = 24.0, 7 * 24.0  # hours
HELD = 3 * DAY  # of silence in the first week of a log: a weekend, with a day off


class Freshness(Struct, frozen=True, kw_only=True):
    """How long the log has been silent.

    Attributes:
        silent: hours since the newest prediction; None without one. newest: when that was made.
        patience: hours that are no alarm.
        ebb: beginning of the time in which predictions have all but stopped, and how; None when they have
            not. lasted: hours of it.
        age: hours since the log began, where that is less than a week.
    """

    silent: float | None
    patience: float
    newest: str = ""
    ebb: tuple[str, Ebb] | None = None
    lasted: float = 0.0
    age: float | None = None


def period(length: float, declared: int) -> int:
    """Windows after which what is usual repeats: as declared, else a week; 0 where neither fits.

    Args:
        length: hours of a window.
    """
    week = WEEK / length
    return declared or (int(week) if week > 1 and week == int(week) else 0)


def age(rows: Sequence[int], length: float) -> float | None:
    """Hours since a log began, where it is known to be less than a week old.

    Args:
        rows: predictions by window, oldest first. length: hours of a window.
    """
    first = beginning(rows)
    hours = (len(rows) - first) * length
    return hours if 0 < first < len(rows) and hours < WEEK else None


def of_freshness(fresh: Freshness) -> Iterator[Finding]:
    """The finding of a log that went silent, or all but that.

    A young log has not shown yet whether it pauses at weekends: a pause of so long is told, and no alarm.
    """
    if fresh.silent is not None and fresh.silent > fresh.patience:
        detail = (
            f"no prediction since {fresh.newest}, {fresh.silent:.1f} hours before the newest window's end; "
            f"{fresh.patience:g} are normal"
        )
        yield _stale(fresh, fresh.silent, detail)
    elif fresh.ebb is not None:
        since, ebb = fresh.ebb
        detail = f"predictions all but stopped: {ebb.rows} since {since}; {ebb.usual} a window are usual"
        yield _stale(fresh, fresh.lasted, detail)


def _stale(fresh: Freshness, hours: float, detail: str) -> Finding:
    if fresh.age is None:
        return Finding(kind="log-stale", alarm=True, detail=detail)
    young = f"; the log is {fresh.age / DAY:.1f} days old, and only a week of it shows whether it pauses so"
    return Finding(kind="log-stale", alarm=hours > HELD, detail=detail + young)
