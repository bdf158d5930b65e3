"""The reference profile of an artifact: what inputs, answers and target looked like when it was made.

It ships instead of rows: counts over frozen cells, and means of products of coded columns. No row of the
training data can be read off it, and it is all that drift is measured against.

A column's rows are *coded*: a number by its bin (bin i holds values above edge i-1 up to edge i), a text
by its place among the categories, in both cases followed by one code for what is beyond (a category that
is not listed; no number is) and one for what is missing. A *dimension* gives each code of one column a
number, so that joint structure is a matter of means over rows of dimensions and of their products.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from statistics import NormalDist
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ordain.core.specs.parts import Part
from ordain.errors import UserError

FILE = "profile.json"
VERSION: Literal[2] = 2
MOST_DIMENSIONS = 48
CODED_CATEGORIES = 3  # of one column, the most frequent ones
RAREST = 0.01  # share of rows below which a category is no dimension: its products would be too noisy

Rows = Annotated[int, Meta(ge=0)]


class Numbers(Part, frozen=True, kw_only=True, tag_field="kind", tag="number"):
    """A column of numbers, booleans or dates, by bins.

    Attributes:
        edges: ascending; fixed once and for all, since edges drawn anew with each window's rows would
            hide drift behind a single outlier.
        counts: rows by bin, one more than edges.
        low, high: the 0.1 % and 99.9 % quantiles; None without values.
        outside: rows below `low` or above `high`.
        missing: rows without a value.
    """

    edges: tuple[float, ...]
    counts: tuple[Rows, ...]
    missing: Rows = 0
    outside: Rows = 0
    low: float | None = None
    high: float | None = None


class Categories(Part, frozen=True, kw_only=True, tag_field="kind", tag="category"):
    """A column of text, by categories; `other` are rows with a category that is not listed."""

    categories: dict[str, Rows]
    missing: Rows = 0
    other: Rows = 0


Column = Numbers | Categories


class Fold(Part, frozen=True, kw_only=True):
    """Means over one half of the rows: of each dimension, and of each product of two (see `pairs`)."""

    rows: Rows
    means: tuple[float, ...]
    products: tuple[float, ...]


class Profile(Part, frozen=True, kw_only=True):
    """The file `profile.json`.

    Attributes:
        rows: of the training side, over which features, target and joint structure are counted.
        answer_rows: of the holdout, over which answers are counted, since the model did not see them.
        answers: by answer column of the signature.
        coded: the features that the joint structure is made of; personal ones are not, since a log hashes
            them or leaves them out.
        joint: means over two halves of the rows; two, so that one can choose what to compare and the
            other be compared.
    """

    version: Literal[2]
    rows: Rows
    answer_rows: Rows
    features: dict[str, Column]
    answers: dict[str, Numbers]
    target: Column
    coded: tuple[str, ...]
    joint: tuple[Fold, Fold]

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """How the joint structure codes its columns."""
        return dimensions({name: self.features[name] for name in self.coded})


class Dimension(msgspec.Struct, frozen=True):
    """One column's codes as numbers, of mean 0 and variance 1 over the reference.

    Attributes:
        column: which feature. of: the category that it marks; empty for a number.
        values: by code; the last two are for what is beyond and what is missing.
    """

    column: str
    of: str
    values: tuple[float, ...]


def dimensions(features: Mapping[str, Column]) -> tuple[Dimension, ...]:
    """How the joint structure codes these columns: the same for a profile and for whoever reads it."""
    found: list[Dimension] = []
    for name, column in features.items():
        made = _number(name, column) if isinstance(column, Numbers) else _marks(name, column)
        found += made
    return tuple(found[:MOST_DIMENSIONS])


def pairs(count: int) -> tuple[tuple[int, int], ...]:
    """Which dimensions are multiplied: each with every other one and with itself."""
    return tuple((first, second) for first in range(count) for second in range(first, count))


def _number(name: str, column: Numbers) -> list[Dimension]:
    """Normal scores of the bins (van der Waerden): outliers can't dominate, and order is kept."""
    total = sum(column.counts)
    if sum(1 for each in column.counts if each) < 2:
        return []
    below, scores = 0, []
    for count in column.counts:
        middle = min(max((below + count / 2) / total, 0.5 / total), 1 - 0.5 / total)
        scores.append(NormalDist().inv_cdf(middle))
        below += count
    return [Dimension(name, "", (*_standard(scores, column.counts), 0.0, 0.0))]


def _marks(name: str, column: Categories) -> list[Dimension]:
    """One dimension for each of the most frequent categories, but the last where they are all."""
    total = sum(column.categories.values()) + column.other
    ranked = sorted(column.categories, key=lambda each: (-column.categories[each], each))
    if total and not column.other:
        ranked = [each for each in ranked if column.categories[each]][:-1]
    chosen = [
        each for each in ranked[:CODED_CATEGORIES] if RAREST < column.categories[each] / max(total, 1) < 1
    ]
    counts = (*column.categories.values(), column.other)
    places = list(column.categories)
    found = []
    for each in chosen:
        marks = [float(place == places.index(each)) for place in range(len(counts))]
        found.append(Dimension(name, each, (*_standard(marks, counts), 0.0)))
    return found


def _standard(values: list[float], counts: tuple[int, ...]) -> tuple[float, ...]:
    """Values of mean 0 and variance 1 over the counts, which hold at least two different ones."""
    total = sum(counts)
    mean = math.fsum(value * count for value, count in zip(values, counts, strict=True)) / total
    variance = math.fsum((v - mean) ** 2 * c for v, c in zip(values, counts, strict=True)) / total
    return tuple((value - mean) / math.sqrt(variance) for value in values)


def encode(profile: Profile) -> bytes:
    """The bytes of `profile.json`: one line, sorted keys."""
    return msgspec.json.encode(profile, order="sorted") + b"\n"


def decode(data: bytes) -> Profile:
    """Read `profile.json`.

    Raises:
        UserError: when it isn't one, is of an earlier version, or contradicts itself.
    """
    try:
        profile = msgspec.json.decode(data, type=Profile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(f"it cannot be read ({error})") from error
    for name, column in {**profile.features, **profile.answers, "the target": profile.target}.items():
        if isinstance(column, Numbers) and _crooked(column):
            raise _refused(f"the bins of `{name}` contradict each other")
    if not set(profile.coded) <= set(profile.features):
        raise _refused("its joint structure is of other columns")
    count = len(profile.dimensions)
    for fold in profile.joint:
        if len(fold.means) != count or len(fold.products) != len(pairs(count)):
            raise _refused("its joint structure is not that of its columns")
    return profile


def _crooked(column: Numbers) -> bool:
    rising = all(a < b for a, b in pairwise(column.edges))
    return not rising or len(column.counts) != len(column.edges) + 1


def _refused(why: str) -> UserError:
    return UserError(
        f"the reference profile is of no use: {why}",
        where=FILE,
        fix="ordain run, then release it again",
        reason="release-invalid",
    )
