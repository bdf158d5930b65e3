"""A table of typed columns (Parquet) with what a pipeline can read: columns of plain values, named."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ordain.learn.tidy import renamed

ADVICE = {
    "lists": "give what matters of each, such as its length or one column for each place",
    "records": "give each of its fields a column",
    "bytes": "give text or numbers",
    "durations": "give seconds as a number",
    "times of day": "give hours as a number",
}


def kind_of(column: pa.DataType) -> str:
    """What a column holds that no column contract has a type for; empty for plain values."""
    kind = column.value_type if pa.types.is_dictionary(column) else column
    types = pa.types
    if types.is_map(kind) or types.is_struct(kind) or types.is_union(kind):
        return "records"
    if types.is_nested(kind):
        return "lists"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "bytes"
    return "durations" if types.is_duration(kind) else "times of day" if types.is_time(kind) else ""


def plain_columns(table: Any, target: str) -> tuple[Any, list[str], tuple[tuple[str, str], ...]]:
    """The table without columns that hold no plain values, each other one by a name that will do.

    Args:
        table: a `pyarrow.Table`. target: the heading of the column to predict.

    Returns:
        the table; a sentence for everything that is different in it; headings with their names.

    Raises:
        ValueError: when the target holds no plain values.
    """
    notes: list[str] = []
    kept = []
    for place, field in enumerate(table.schema):
        kind = kind_of(field.type)
        if kind and field.name == target:
            raise ValueError(f"`{target}` holds {kind} ({field.type}), which can't be predicted")
        if kind:
            notes.append(f"`{field.name}` holds {kind} ({field.type}), which no model sees; {ADVICE[kind]}")
        else:
            kept.append(place)
    table = table.select(kept)
    headings = list(table.column_names)
    names = renamed(headings, notes)
    return table.rename_columns(names), notes, tuple(zip(headings, names, strict=True))
