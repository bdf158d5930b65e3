"""Times in Arrow columns: Python has no nanoseconds, not every year and not every zone.

Where pandas is installed, Arrow makes its types of nanoseconds; where it is not, as in the image for jobs, it
makes nothing of them. So such columns are changed before Python sees them.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow import compute as pc

from ordain.core.artifacts.signature import Feature

_WRONG = pa.scalar(b"", pa.binary())
"""A value that no contract allows."""


def is_judged(feature: Feature, kind: Any) -> bool:
    """Whether a column's values can be within the contract, by its Arrow type alone.

    Times and nests never are, except that a date may come as a time at which its day begins.
    """
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if feature.type == "date" and pa.types.is_date(value):
        return True
    if feature.type == "date" and pa.types.is_timestamp(value):
        return _has_known_zone(value)
    return not (pa.types.is_temporal(value) or pa.types.is_nested(value))


def refused(cells: Any) -> Any:
    """A column with something of the wrong type wherever there is a value."""
    return pc.if_else(pc.is_null(cells), pa.scalar(None, pa.binary()), _WRONG)


def without_nanoseconds(cells: Any) -> Any:
    """A column whose values Python holds without pandas, and without a loss.

    Times of nanoseconds become ISO 8601 text, in UTC where they have a zone; durations, and whatever lists
    and structs hold, become microseconds.

    Raises:
        pyarrow.ArrowException: when these are not whole, or in a list view.
    """
    kind = cells.type
    if pa.types.is_time64(kind) and kind.unit == "ns":
        return cells.cast(pa.string())
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        naive = cells.cast(pa.int64()).cast(pa.timestamp("ns"))  # needs no table of zones
        text = pc.replace_substring(naive.cast(pa.string()), " ", "T")
        return text if kind.tz is None else pc.binary_join_element_wise(text, "Z", "")
    coarse = _in_microseconds(kind)
    return cells if coarse == kind else cells.cast(coarse)


def _has_known_zone(kind: Any) -> bool:
    try:
        pa.array([0], pa.int64()).cast(kind).cast(pa.date32())
    except pa.ArrowInvalid:
        return False
    return True


def _in_microseconds(kind: Any) -> Any:
    """A type with microseconds where it has nanoseconds, at any depth."""
    types = pa.types
    if types.is_timestamp(kind) and kind.unit == "ns":
        return pa.timestamp("us", kind.tz)
    if types.is_duration(kind) and kind.unit == "ns":
        return pa.duration("us")
    if types.is_time64(kind):
        return pa.time64("us")
    return _nest_in_microseconds(kind) if types.is_nested(kind) else kind


def _nest_in_microseconds(kind: Any) -> Any:
    types = pa.types
    if types.is_struct(kind):
        return pa.struct([each.with_type(_in_microseconds(each.type)) for each in kind])
    if types.is_map(kind):
        return pa.map_(_in_microseconds(kind.key_type), _in_microseconds(kind.item_type))
    value = kind.value_field.with_type(_in_microseconds(kind.value_type))
    if value.type == kind.value_type:
        return kind
    if types.is_fixed_size_list(kind):
        return pa.list_(value, kind.list_size)
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.list_(value) if types.is_list(kind) else pa.large_list(value)
    raise pa.ArrowNotImplementedError(f"no cast of {kind} keeps its values")  # Arrow's empties list views
