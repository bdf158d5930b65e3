"""From text to typed rows with stable ids.

The declared contract alone decides the type of a column; nothing is inferred, so `No` stays `No`, and
the same rows get the same ids from a CSV file and from Parquet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import compute as pc

from ordain.core.artifacts.signature import feature_columns
from ordain.core.data.celltext import DATE, FALSE, INTEGER, NUMBER, TRUE
from ordain.core.problems import did_you_mean
from ordain.core.specs.spec import ColumnContract, Data
from ordain.errors import UserError
from ordain.learn.faults import raise_faults, rows_text

ID = "_id"
ID_DIGITS = 32
FIX = "correct the data, or its contract under `data.columns` in models.yaml"


def ingest(table: pa.Table, data: Data) -> pa.Table:
    """Type every column by its contract and add `_id`.

    Args:
        table: string columns, null where a cell is empty (`adapters.datasource.read_source`).
        data: the data contract.

    Returns:
        the contract's columns in its order (boolean, int64, float64, string, date32), then `_id`.

    Raises:
        UserError: no rows; missing or unknown columns; values that do not have the declared type, with
            the first rows of each column; a row without an id.
    """
    _check_columns(table.column_names, data.columns)
    if table.num_rows == 0:
        raise UserError("the data has a header and no rows", fix="fetch the data again")
    typed: dict[str, Any] = {}
    faults = []
    for name, contract in data.columns.items():
        typed[name], fault = typed_column(table.column(name), contract)
        if fault:
            faults.append(f"`{name}`: {fault}")
    raise_faults(faults, FIX)
    return pa.table({**typed, ID: pa.array(row_ids(typed, data), pa.string())})


def _check_columns(found: Sequence[str], declared: dict[str, ColumnContract]) -> None:
    missing = [name for name in declared if name not in found]
    extra = [name for name in found if name not in declared]
    faults = [f"column `{name}` is missing; {did_you_mean(name, extra)}".rstrip("; ") for name in missing]
    faults += [
        f"column `{name}` is not in the contract; {did_you_mean(name, missing)}".rstrip("; ")
        for name in extra
    ]
    raise_faults(faults, FIX)


def typed_column(text: Any, contract: ColumnContract) -> tuple[Any, str]:
    """One column in its declared type.

    Returns:
        the typed column and an empty string; or an undefined column and the fault.
    """
    if contract.type == "string":
        return text, ""
    bare = pc.utf8_trim_whitespace(text)
    bare = pc.if_else(pc.equal(bare, ""), None, bare)
    parsed, good = PARSERS[contract.type](bare)
    bad = pc.fill_null(pc.invert(good), False)
    rows = pc.indices_nonzero(bad).to_pylist()
    if not rows:
        return parsed, ""
    values = None if contract.personal else [text[row].as_py() for row in rows[:3]]
    kind = {"integer": "whole numbers", "number": "finite numbers", "boolean": "true or false"}
    wanted = kind.get(contract.type, "ISO 8601 dates")
    return parsed, f"{len(rows)} values are not {wanted}: {rows_text(rows, values)}"


def _matching(text: Any, pattern: str) -> Any:
    """Whether each value has the form, and the values with null where it has not."""
    good = pc.match_substring_regex(text, pattern)
    return good, pc.if_else(good, text, None)


def _integers(text: Any) -> tuple[Any, Any]:
    good, kept = _matching(text, INTEGER)
    return pc.replace_substring_regex(kept, r"^\+|\.0*$", "").cast(pa.int64()), good


def _numbers(text: Any) -> tuple[Any, Any]:
    good, kept = _matching(text, NUMBER)
    parsed = pc.replace_substring_regex(kept, r"^\+", "").cast(pa.float64())
    return parsed, pc.and_(good, pc.fill_null(pc.is_finite(parsed), False))


def _booleans(text: Any) -> tuple[Any, Any]:
    lower = pc.utf8_lower(text)
    true = pc.is_in(lower, value_set=pa.array(TRUE))
    known = pc.or_(true, pc.is_in(lower, value_set=pa.array(FALSE)))
    missing = pc.is_null(text)
    return pc.if_else(missing, None, true), pc.or_(missing, known)


def _dates(text: Any) -> tuple[Any, Any]:
    good, kept = _matching(text, DATE)
    stamps = pc.strptime(kept, format="%Y-%m-%d", unit="s", error_is_null=True)
    # strptime lets 30 February roll over into March, so the date must come back as it was written.
    same = pc.equal(pc.strftime(stamps, format="%Y-%m-%d"), kept)
    return stamps.cast(pa.date32()), pc.and_(good, pc.fill_null(same, False))


PARSERS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "integer": _integers,
    "number": _numbers,
    "boolean": _booleans,
    "date": _dates,
}


def row_ids(typed: dict[str, Any], data: Data) -> list[str]:
    """One id a row: 128 bits of SHA-256 over the canonical values of the columns that make it.

    Equal rows get equal ids, whatever order the columns have and whether 1 was written `1` or `1.0`.
    An id column's own values are hashed too, so that no customer number leaves the rows.

    Raises:
        UserError: when the id column has missing values.
    """
    if isinstance(data.id, str):
        names: tuple[str, ...] = (data.id,)
        rows = pc.indices_nonzero(pc.is_null(typed[data.id])).to_pylist()
        missing = [f"the id column `{data.id}` has no value in {rows_text(rows, None)}"] if rows else []
        raise_faults(missing, "give every row an id, or let one be derived with `id: {derive: features}`")
    elif isinstance(data.id.derive, tuple):
        names = tuple(sorted(data.id.derive))
    else:
        names = tuple(sorted(feature_columns(data)))
    texts = [canonical_texts(typed[name]) for name in names]
    return [_hashed(names, values) for values in zip(*texts, strict=True)]


def _hashed(names: Sequence[str], values: Sequence[str | None]) -> str:
    content = json.dumps(list(zip(names, values, strict=True)), separators=(",", ":"))
    return hashlib.sha256(content.encode("ascii")).hexdigest()[:ID_DIGITS]


def canonical_texts(column: Any) -> list[str | None]:
    """Each value as the one text that stands for it; None where it is missing."""
    return [None if value is None else canonical_text(value) for value in column.to_pylist()]


def canonical_text(value: Any) -> str:
    """Text that is equal for equal values of any type: 1, 1.0 and true are all `1`."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
