"""What the cells of a column look like, before anybody has said what they are."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

import pandas as pd

INTEGER = re.compile(r"[+-]?\d{1,15}")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
WHOLE = re.compile(r"[+-]?\d+(\.0*)?")
# A code: as a number it would lose its zeros.
PADDED = re.compile(r"0\d")
INFINITY = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# Forms that only a person can tell apart, or that say more than a day.
OTHER_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}([ T]\d{1,2}:\d{2}.*)?")
GROUPED = re.compile(r"[+-]?\d{1,3}([,.' ]\d{3})*([.,]\d+)?")


def present(column: pd.Series[Any]) -> list[str]:
    """The values that are there, as text, without surrounding space."""
    return [text for each in column.dropna().tolist() if (text := str(each).strip())]


def raw(column: pd.Series[Any]) -> list[str]:
    """The values that are there, as the pipeline compares them: text with its space."""
    return [text for each in column.dropna().tolist() if (text := str(each))]


def looks(values: list[str], pattern: re.Pattern[str]) -> bool:
    """Whether every value has this form (and there is one)."""
    return bool(values) and all(pattern.fullmatch(each) for each in values)


def plain_type(values: list[str]) -> str:
    """`integer`, `number`, `date` or `string`: what every value is."""
    if looks(values, INTEGER):
        return "integer"
    if looks(values, NUMBER) and all(math.isfinite(float(each)) for each in values):
        return "number"
    return "date" if looks(values, DATE) and all(is_day(each) for each in values) else "string"


def number_in(text: str) -> float | None:
    """The number that a text is, perhaps an infinite one; None for other text."""
    return float(text) if NUMBER.fullmatch(text) or INFINITY.fullmatch(text) else None


def is_day(text: str) -> bool:
    """Whether the calendar has that day."""
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
