"""The input contract, value by value: what a column's values become, and every way in which they fail.

This is the reference. `runtime.decoders` compiles the same contract into a decoder that accepts most valid
requests in one pass; whatever that decoder does not accept comes here, is judged again, and is either
accepted or refused with a sentence that names row and column and repeats no value.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from ordain.core.artifacts.signature import FLOAT_MAX, Feature

EPOCH = dt.date(1970, 1, 1).toordinal()
DAYS = (dt.date.min.toordinal() - EPOCH, dt.date.max.toordinal() - EPOCH)  # all that are dates
NAMED_CATEGORIES = 12


class Absent:
    """What stands for a column that a row does not have."""


ABSENT = Absent()


class Kind(StrEnum):
    """How an input breaks the contract; also the label of the metric that counts it."""

    TYPE = "type"
    INFINITE = "infinite"
    MISSING_COLUMN = "missing_column"
    EXTRA_COLUMN = "extra_column"
    MISSING_VALUE = "missing_value"
    UNKNOWN_CATEGORY = "unknown_category"
    OUT_OF_RANGE = "out_of_range"


# No number in the graph's tensors could stand for these, so no policy accepts them.
ALWAYS_REFUSED = frozenset({Kind.TYPE, Kind.INFINITE})


class Violation(NamedTuple):
    """One value, or one column, outside the contract."""

    kind: Kind
    column: str
    row: int | None
    text: str

    def __str__(self) -> str:
        place = f"column `{self.column}`" if self.row is None else f"row {self.row}, column `{self.column}`"
        return f"{place}: {self.text}"


class Judged(NamedTuple):
    """A column's values as the graph takes them, and what was wrong with them."""

    values: list[Any]
    violations: list[Violation]


Judge = Callable[[Any], tuple[Any, Kind | None]]


def judge_column(feature: Feature, values: Sequence[Any], missing: str) -> Judged:
    """Convert and check one column.

    Args:
        feature: its contract.
        values: JSON values: text, numbers, booleans, None.
        missing: the signature's token for a missing string.

    Returns:
        text (missing: the token), or numbers that 32 bits hold (missing: None); a value that nothing can
        stand for is None.
    """
    judge = JUDGES[feature.type]
    packed: list[Any] = []
    violations: list[Violation] = []
    sentences: dict[Kind, str] = {}
    text = feature.type == "string"
    for row, value in enumerate(values):
        if value is ABSENT or _is_missing(value, missing if text else None):
            packed.append(missing if text else None)
            kind = _missing_kind(feature, value)
        else:
            converted, kind = judge(value)
            packed.append(converted)
            kind = kind or _limits(feature, converted)
        if kind is not None:
            said = sentences.get(kind) or sentences.setdefault(kind, sentence(kind, feature))
            violations.append(Violation(kind, feature.name, row, said))
    return Judged(packed, violations)


def _is_missing(value: Any, token: str | None) -> bool:
    """Whether a value is JSON null, NaN or, in a text column, empty or the missing token."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return token is not None and isinstance(value, str) and value in {"", token}


def _missing_kind(feature: Feature, value: Any) -> Kind | None:
    if value is ABSENT:
        return Kind.MISSING_COLUMN
    return None if feature.nullable else Kind.MISSING_VALUE


def _limits(feature: Feature, value: Any) -> Kind | None:
    """Whether a converted value is within the contract's categories and range."""
    if feature.categories is not None and value not in feature.categories:
        return Kind.UNKNOWN_CATEGORY
    if feature.min is None and feature.max is None:
        return None
    # The graph sees 32 bits, so 0.1 sent in 32 bits is not above a maximum of 0.1.
    seen = _narrow(value)
    low = feature.min is not None and seen < _narrow(feature.min)
    high = feature.max is not None and seen > _narrow(feature.max)
    return Kind.OUT_OF_RANGE if low or high else None


def _narrow(value: float) -> float:
    """The value as 32 bits hold it."""
    return ctypes.c_float(value).value


def _string(value: Any) -> tuple[Any, Kind | None]:
    if not isinstance(value, str):
        return None, Kind.TYPE
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return None, Kind.TYPE
    return value, None


def _number(value: Any) -> tuple[Any, Kind | None]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None, Kind.TYPE
    if abs(value) > FLOAT_MAX:
        return None, Kind.INFINITE
    return float(value), None


def _integer(value: Any) -> tuple[Any, Kind | None]:
    number, kind = _number(value)
    if kind is not None:
        return None, kind
    return (int(value), None) if number.is_integer() else (None, Kind.TYPE)


def _boolean(value: Any) -> tuple[Any, Kind | None]:
    if isinstance(value, bool):
        return value, None
    number, kind = _number(value)
    return (number == 1, None) if kind is None and number in {0.0, 1.0} else (None, Kind.TYPE)


def days(day: dt.date) -> float:
    """A date as the graph takes it: days since 1970-01-01."""
    return float(day.toordinal() - EPOCH)


def day_of(value: Any) -> Any:
    """A day as the packed tensor holds it, whole days since 1970-01-01, as a date; else the value itself."""
    number, kind = _integer(value)
    return dt.date.fromordinal(EPOCH + number) if kind is None and DAYS[0] <= number <= DAYS[1] else value


def _date(value: Any) -> tuple[Any, Kind | None]:
    """ISO 8601 text, or a date. A number is none: days, seconds and 20200229 look alike."""
    if type(value) is dt.date:
        return days(value), None
    if not isinstance(value, str):
        return None, Kind.TYPE
    try:
        return days(msgspec.convert(value, dt.date)), None
    except (msgspec.ValidationError, UnicodeEncodeError):  # half of a surrogate pair is no date either
        return None, Kind.TYPE


JUDGES: dict[str, Judge] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
}
WANTED = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "date": "an ISO 8601 date such as 2025-01-31",
}


def sentence(kind: Kind, feature: Feature) -> str:
    """What is wrong with a value, without the value."""
    if kind is Kind.TYPE:
        return f"not {WANTED[feature.type]}"
    if kind is Kind.INFINITE:
        return "infinite, or too large for 32 bits"
    if kind is Kind.MISSING_COLUMN:
        return f"the column is missing{'; send null for a missing value' if feature.nullable else ''}"
    if kind is Kind.MISSING_VALUE:
        return "missing, and the contract does not allow that"
    if kind is Kind.UNKNOWN_CATEGORY:
        return f"none of the known categories{_known(feature.categories or ())}"
    return f"outside the range {_end(feature.min, '-∞')} to {_end(feature.max, '∞')}"


def _known(categories: tuple[str, ...]) -> str:
    return f" ({', '.join(map(repr, categories))})" if len(categories) <= NAMED_CATEGORIES else ""


def _end(limit: float | None, otherwise: str) -> str:
    return otherwise if limit is None or not math.isfinite(limit) else f"{limit:g}"
