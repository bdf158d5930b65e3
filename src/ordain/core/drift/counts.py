"""What a window of the prediction log holds, as counts, and the same view of a reference profile."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from msgspec import Struct

from ordain.core.artifacts.profile import Column, Numbers
from ordain.core.drift.evidence import Moved
from ordain.core.drift.tails import Draw

NO_KINDS: Mapping[str, str] = MappingProxyType({})
EPOCH = dt.date(1970, 1, 1).toordinal()


class Counted(Struct, frozen=True, kw_only=True):
    """One column's rows.

    Attributes:
        cells: rows by bin or category. labels: of the cells, for people. ordered: whether they are bins.
        missing: rows without a value.
        beyond: rows with a category that the reference does not list, which are in no cell; or with a
            number beyond the reference's extremes, which are in the first or last one as well.
    """

    cells: tuple[int, ...]
    labels: tuple[str, ...]
    ordered: bool
    missing: int = 0
    beyond: int = 0

    @property
    def present(self) -> int:
        """Rows with a value."""
        return sum(self.cells) + (0 if self.ordered else self.beyond)

    @property
    def absent_of_all(self) -> Draw:
        """Missing rows of all rows."""
        return Draw(self.missing, self.missing + self.present)

    @property
    def beyond_of_present(self) -> Draw:
        """Rows beyond the reference of those with a value."""
        return Draw(self.beyond, self.present)

    def __add__(self, other: Counted) -> Counted:
        """The rows of both; the cells are the same."""
        return Counted(
            cells=tuple(a + b for a, b in zip(self.cells, other.cells, strict=True)),
            labels=self.labels,
            ordered=self.ordered,
            missing=self.missing + other.missing,
            beyond=self.beyond + other.beyond,
        )


class Joint(Struct, frozen=True, kw_only=True):
    """What a domain classifier says to a window.

    Attributes:
        p: chance of so large a separation without any drift.
        effect: separation of the two samples' scores in standard deviations.
        columns: those whose values, or products with another's, the classifier relies on.
        moved: the means of these values and products, the most telling ones first.
    """

    p: float
    effect: float
    columns: tuple[str, ...]
    moved: tuple[Moved, ...] = ()


class Window(Struct, frozen=True, kw_only=True):
    """One window of the log.

    Attributes:
        start, end: RFC 3339 in UTC; for windows of a number of rows, times of their first and last row.
        features, answers: by column name.
        joint: None when there are too few rows or dimensions for it.
    """

    start: str
    end: str
    rows: int
    features: Mapping[str, Counted]
    answers: Mapping[str, Counted]
    joint: Joint | None = None


class Reference(Struct, frozen=True, kw_only=True):
    """What a window is compared with: the profile, or windows of other seasons."""

    features: Mapping[str, Counted]
    answers: Mapping[str, Counted]

    @property
    def rows(self) -> int:
        """Rows of the column that has most."""
        columns = (*self.features.values(), *self.answers.values())
        return max((each.absent_of_all.total for each in columns), default=0)


def reference_of(
    features: Mapping[str, Column], answers: Mapping[str, Numbers], kinds: Mapping[str, str] = NO_KINDS
) -> Reference:
    """A profile's columns as a reference.

    Args:
        kinds: of features, as their contracts say: `date` and `boolean` columns are shown as such.
    """
    return Reference(
        features={name: counted(column, kinds.get(name, "")) for name, column in features.items()},
        answers={name: counted(column) for name, column in answers.items()},
    )


def counted(column: Column, kind: str = "") -> Counted:
    """A profile's column as counts; `kind` as in `reference_of`."""
    if isinstance(column, Numbers):
        return Counted(
            cells=column.counts, labels=bins(column, kind), ordered=True, missing=column.missing,
            beyond=column.outside,
        )  # fmt: skip
    return Counted(
        cells=tuple(column.categories.values()),
        labels=tuple(column.categories),
        ordered=False,
        missing=column.missing,
        beyond=column.other,
    )


def bins(column: Numbers, kind: str = "") -> tuple[str, ...]:
    """Each bin in words, such as `20 to 45.3`; those of dates by day, those of booleans by value."""
    if kind == "boolean" and len(column.edges) == 1:
        return ("false", "true")
    shown = _days(column.edges) if kind == "date" else _numbers(column.edges)
    if not shown:
        return ("any value",)
    inner = [f"{low} to {high}" for low, high in pairwise(shown)]
    return (f"at most {shown[0]}", *inner, f"above {shown[-1]}")


def _numbers(edges: Sequence[float]) -> list[str]:
    """With as few digits, from four on, as tell them apart; seventeen always do."""
    tried = ([_number(edge, digits) for edge in edges] for digits in (4, 6, 9, 17))
    return next(shown for shown in tried if len(set(shown)) == len(edges))


def _number(value: float, digits: int) -> str:
    """Without an exponent as long as that is no longer than a number of fifteen digits."""
    return f"{value:.0f}" if 10**digits <= abs(value) < 1e15 else f"{value:.{digits}g}"


def _days(edges: Sequence[float]) -> list[str]:
    """Days since 1970 as dates, or as numbers where a calendar has none."""
    whole = [EPOCH + math.floor(edge) for edge in edges]
    if all(1 <= each <= dt.date.max.toordinal() for each in whole):
        return [dt.date.fromordinal(each).isoformat() for each in whole]
    return _numbers(edges)
