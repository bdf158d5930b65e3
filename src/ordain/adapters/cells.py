"""Cells of tables that people and programs write: labels, places in a request, times."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

MOST_PLACES = 10**9  # in a request


def text_of(value: Any) -> str:
    """A cell as a label: text as it is, whole numbers without a point, booleans in lower case."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def place_in_request(value: Any) -> int | None:
    """A place in a request, the first where none is given; None for what is no whole number.

    Whoever writes whole numbers with gaps between them often writes 1.0.
    """
    text = text_of(value).strip()
    if not text:
        return 0
    number = number_of(text)
    return int(number) if number.is_integer() and 0 <= number < MOST_PLACES else None


def number_of(text: str) -> float:
    """The finite number that a text is; NaN for any other."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def seconds_of(value: Any) -> float | None:
    """When a label became known, in seconds since 1970; NaN where nothing is said, None for what is no time.

    In RFC 3339, or as Parquet gives it, or as a number of seconds, milliseconds, microseconds or nanoseconds
    since 1970, by its size: before the year 5138 each has its own. A day means its beginning, no zone UTC.
    """
    text = text_of(value).strip()
    if not text:
        return math.nan
    try:
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(text)
    except ValueError:
        number = number_of(text)
        scale = next((each for each in (1.0, 1e3, 1e6, 1e9) if 1e8 <= number / each < 1e11), None)
        return number / scale if scale else None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
