"""Faults in data as one readable error: which column, which rows, what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ordain.errors import UserError

SHOWN = 3
LONGEST = 40


def rows_text(rows: Sequence[int], values: Sequence[Any] | None) -> str:
    """Such as `row 5 ('abc'), row 9 ('x') and 14 more`.

    Args:
        rows: 0-based positions; people count from 1, header excluded.
        values: what stands there, or None to keep it to oneself (personal columns).
    """
    shown = []
    for place, row in enumerate(rows[:SHOWN]):
        quoted = "" if values is None else f" ({shortened(values[place])})"
        shown.append(f"row {row + 1}{quoted}")
    more = len(rows) - SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def some_names(names: Sequence[str]) -> str:
    """The first few columns, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(f"`{each}`" for each in names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def shortened(value: Any) -> str:
    """A value as Python would write it, cut to a length that fits a line."""
    text = repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def raise_faults(faults: Sequence[str], fix: str) -> None:
    """Report every fault at once; do nothing when there is none.

    Raises:
        UserError: naming each faulty column on a line of its own.
    """
    if not faults:
        return
    head = f"{len(faults)} faults in the data:\n  " if len(faults) > 1 else ""
    raise UserError(head + "\n  ".join(faults), fix=fix)
