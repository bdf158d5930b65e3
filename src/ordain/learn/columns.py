"""Guess the contract of one column that nobody has described, and why the model should not see it."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from ordain.core.artifacts.signature import FLOAT_MAX
from ordain.core.setup import headings
from ordain.core.yaml.yamlscalars import HIDDEN
from ordain.learn.faults import SHOWN, rows_text
from ordain.learn.shapes import (
    GROUPED,
    OTHER_DATE,
    PADDED,
    WHOLE,
    looks,
    number_in,
    plain_type,
    present,
    raw,
)

MAX_CATEGORIES = 30
# Above it, text among numbers is taken for slips of the pen.
MOSTLY = 0.8
# A graph computes in 32 bits, which hold every whole number up to this one.
EXACT = 2**24

DATE_ADVICE = (
    "it is a date: give what matters of it a column (an age, a month), or remove `feature: false` for days"
)

# A contract, and why the model should not see the column; empty when it should.
Guessed = tuple[dict[str, Any], str]


def guess_features(
    frame: pd.DataFrame, apart: Collection[str | None]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Contracts of all columns but some, and why some of them are left out."""
    columns: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    for name in (str(each) for each in frame.columns if each not in apart):
        columns[name], reason = guess_column(name, frame[name])
        if reason:
            columns[name]["feature"] = False
            left_out[name] = reason
        grouped = columns[name]["type"] == "boolean" or "categories" in columns[name]
        if not grouped and headings.is_personal(name):
            columns[name]["personal"] = True
    return columns, left_out


def guess_column(name: str, column: pd.Series[Any]) -> Guessed:
    """The contract of one column, and why the model should not see it (empty when it should)."""
    values = present(column)
    code = headings.is_code(name) or (any(map(PADDED.match, values)) and looks(values, WHOLE))
    kind = "string" if code else plain_type(values)
    if kind == "string":
        values = raw(column)
    contract: dict[str, Any] = {"nullable": True} if len(values) < len(column) else {}
    distinct = set(values)
    if not values:
        return {"type": "string", **contract, "nullable": True}, "it is empty"
    if len(distinct) == 1:
        return {"type": kind, **contract}, "it never varies"
    if {each.lower() for each in distinct} <= {"0", "1", "0.0", "1.0", "true", "false"}:
        return {"type": "boolean", **contract}, ""
    if kind == "string":
        reason = "" if code else odd_numbers(column, personal=headings.is_personal(name))
        return ({"type": "string", **contract}, reason) if reason else guess_text(values, contract)
    return guess_plain(name, kind, column, contract)


def odd_numbers(column: pd.Series[Any], *, personal: bool) -> str:
    """What keeps a column of numbers from being one: infinities, or a few cells of text; else empty."""
    found = {text: number_in(text) for each in column.dropna().unique() if (text := str(each).strip())}
    odd = {
        text
        for text, number in found.items()
        if (GROUPED.fullmatch(text) is None if number is None else not math.isfinite(number))
    }
    if not odd or len(odd) == len(found):
        return ""
    cells = {row: text for row, each in enumerate(column) if (text := str(each).strip()) in odd}
    listed = rows_text(list(cells), None if personal else list(cells.values())[:SHOWN])
    if all(number is not None for number in found.values()):
        return f"{listed}: no finite number. Correct or empty such cells to let the model see it"
    slips = len(cells) <= (1 - MOSTLY) * column.count() and len(found) > MAX_CATEGORIES
    return (
        f"all but {listed} are numbers: correct or empty such cells to let the model see it" if slips else ""
    )


def guess_plain(name: str, kind: str, column: pd.Series[Any], contract: dict[str, Any]) -> Guessed:
    """Numbers are seen, unless each row has its own by the column's heading, or 32 bits can't hold them;
    dates are not."""
    values = present(column)
    if kind == "date":
        return {"type": kind, **contract}, DATE_ADVICE
    if looks(values, WHOLE) and len(set(values)) == len(column) and is_identifier(name):
        return {"type": kind, **contract}, "it is an identifier: every row has its own value"
    numbers = np.array([float(each) for each in values])
    reason = "" if fits(numbers) else beyond(column)
    if not reason and looks(values, WHOLE) and merged(numbers) > 1 - MOSTLY:
        reason = (
            f"its whole numbers beyond {EXACT} differ by less than what 32 bits tell apart: give differences "
            "(days since, amount above) or, where they are codes, text"
        )
    if not reason and all(numbers >= 0):
        contract["min"] = 0
    return {"type": kind, **contract}, reason


def is_identifier(name: str) -> bool:
    """Whether a heading says that the column names or numbers the rows."""
    return headings.is_key(name) or headings.is_numbering(name)


def fits(numbers: np.ndarray[Any, Any]) -> bool:
    """Whether 32 bits can hold every number, rounded."""
    return bool((np.abs(numbers) <= FLOAT_MAX).all())


def beyond(column: pd.Series[Any]) -> str:
    """Which numbers 32 bits can't hold."""
    rows = [
        row
        for row, each in enumerate(column)
        if not pd.isna(each) and str(each).strip() and abs(float(each)) > FLOAT_MAX
    ]
    listed = rows_text(rows, [str(column.iloc[row]).strip() for row in rows[:SHOWN]])
    return f"{listed}: beyond {FLOAT_MAX:.3g}, the largest number of 32 bits. Correct it or give another unit"


def merged(numbers: np.ndarray[Any, Any]) -> float:
    """The share of different numbers that are no longer different in 32 bits."""
    different = np.unique(numbers)
    return 1 - len(np.unique(different.astype(np.float32))) / len(different)


def guess_text(values: list[str], contract: dict[str, Any]) -> Guessed:
    """Few distinct values are categories; the rest is an identifier, free text or too many."""
    distinct, bare = set(values), [each.strip() for each in values]
    text = {"type": "string", **contract}
    never = {
        "it holds control characters, which nobody can review": any(map(HIDDEN.search, distinct)),
        "it holds dates that are not written as 2026-01-31": looks(bare, OTHER_DATE),
    }
    hindrance = next((reason for reason, true in never.items() if true), "")
    if not hindrance and len(distinct) <= min(MAX_CATEGORIES, len(values) / 2):
        return {**text, "categories": sorted(distinct)}, ""
    grouped = looks(bare, GROUPED) and any(re.search(r"\D", each) for each in bare)
    reasons = {
        hindrance: bool(hindrance),
        "its numbers hold separators: write them as 1234.5 to let the model see it": grouped,
        "it is free text": sum(len(each.split()) for each in values) / len(values) > 3,
        "it is an identifier: nearly every row has its own value": len(distinct) > 0.9 * len(values),
        f"it has {len(distinct)} categories, more than {MAX_CATEGORIES}": True,
    }
    return text, next(reason for reason, true in reasons.items() if true)
