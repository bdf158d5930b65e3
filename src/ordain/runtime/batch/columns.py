"""The input contract over Arrow columns: the same judgement as `runtime.contract`, many rows at once.

Text is judged once per distinct value, by the reference itself. Numbers are judged by NumPy. Whatever has an
Arrow type that neither expects (a list, a duration, text among numbers) goes to the reference row by row, so
there is one contract and tests hold both to equal verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute as pc

from ordain.core.artifacts.signature import FLOAT_MAX, Feature
from ordain.core.data.celltext import DATE, FALSE, INTEGER, NUMBER, TRUE
from ordain.runtime.contract import DAYS, Kind, judge_column

KINDS = tuple(Kind)
FINE = len(KINDS)
"""The code of a value that the contract allows; other codes are places in `KINDS`."""
_CODE = {kind: place for place, kind in enumerate(KINDS)}
Kinds = NDArray[np.uint8]
_ALIKE = ({str}, {bool}, {int, float})


class Text(NamedTuple):
    """A judged text column; row r is `values[codes[r]]`.

    Attributes:
        codes: int32 [N]. values: what the graph takes. kinds: uint8 [N], `FINE` or a place in `KINDS`.
    """

    codes: NDArray[np.int32]
    values: list[str]
    kinds: Kinds


class Numbers(NamedTuple):
    """A judged column of numbers.

    Attributes:
        values: float32 [N], NaN for what is missing. kinds: as `Text.kinds`.
    """

    values: NDArray[np.float32]
    kinds: Kinds


def judge_text(feature: Feature, column: Any, token: str) -> Text:
    """Judge a text column.

    Args:
        feature: its contract.
        column: `pyarrow.Array`, or a list of JSON values.
        token: what stands for a missing value.
    """
    array = _inferred(column)
    if array is not None and pa.types.is_null(array.type):
        array = array.cast(pa.string())
    if array is None or not _is_text(array.type):
        return _text_by_reference(feature, column, token)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    elif len(array.dictionary) > len(array):
        array = array.cast(array.type.value_type).dictionary_encode()
    distinct = [*_decoded(array.dictionary), None]
    judged = _text_by_reference(feature, distinct, token)
    codes = array.indices.fill_null(len(distinct) - 1).to_numpy(zero_copy_only=False)
    return Text(codes.astype(np.int32, copy=False), judged.values, judged.kinds[codes])


def judge_numbers(feature: Feature, column: Any, textual: bool) -> Numbers:
    """Judge a column of numbers, booleans or dates.

    Args:
        feature: its contract.
        column: `pyarrow.Array`, or a list of JSON values.
        textual: whether the format writes everything as text, as CSV does.
    """
    array = _inferred(column)
    if array is None:
        return _numbers_by_reference(feature, column)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_null(array.type):
        return _judged(feature, np.full(len(array), np.nan), None)
    if textual:
        return _judged(feature, *_parsed(feature, array))
    if feature.type == "date" and _is_text(array.type):
        return _distinct_dates(feature, array)
    wide = _wide(feature, array)
    return _numbers_by_reference(feature, array) if wide is None else _judged(feature, *wide)


def _inferred(column: Any) -> Any:
    """A list of JSON values as an Arrow array when all are of one type; None when they are not."""
    if isinstance(column, pa.Array):
        return column
    found = set(map(type, column)) - {type(None)}
    if not any(found <= alike for alike in _ALIKE):  # Arrow would take `false` among numbers for 0
        return None
    try:
        return pa.array(column)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None


def _is_text(kind: Any) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
    )


def _decoded(dictionary: Any) -> list[Any]:
    """Distinct values; one that is no UTF-8 stays bytes, which no contract allows."""
    try:
        values: list[Any] = dictionary.to_pylist()
    except UnicodeDecodeError:
        raw = [None if each is None else bytes(each) for each in dictionary.cast(pa.binary()).to_pylist()]
        return [_utf8(each) for each in raw]
    return values


def _utf8(raw: bytes | None) -> Any:
    try:
        return None if raw is None else raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def _plain(column: Any) -> Sequence[Any]:
    return _decoded(column) if isinstance(column, pa.Array) else column


def _kinds(feature: Feature, column: Any, token: str) -> tuple[list[Any], Kinds]:
    """Values and verdicts of the reference."""
    values = _plain(column)
    judged = judge_column(feature, values, token)
    kinds = np.full(len(values), FINE, dtype=np.uint8)
    for each in judged.violations:
        kinds[each.row] = _CODE[each.kind]
    return judged.values, kinds


def _text_by_reference(feature: Feature, column: Any, token: str) -> Text:
    values, kinds = _kinds(feature, column, token)
    text = [each if isinstance(each, str) else token for each in values]
    return Text(np.arange(len(text), dtype=np.int32), text, kinds)


def _numbers_by_reference(feature: Feature, column: Any) -> Numbers:
    values, kinds = _kinds(feature, column, "")
    numbers = np.array([np.nan if each is None else each for each in values], dtype=np.float64)
    return Numbers(numbers.astype(np.float32), kinds)


def _distinct_dates(feature: Feature, array: Any) -> Numbers:
    encoded = array.dictionary_encode()
    distinct = _numbers_by_reference(feature, [*_decoded(encoded.dictionary), None])
    codes = encoded.indices.fill_null(len(distinct.values) - 1).to_numpy(zero_copy_only=False)
    return Numbers(distinct.values[codes], distinct.kinds[codes])


Wide = tuple[NDArray[np.float64], "NDArray[np.bool_] | None"]  # numbers, and which of them have a wrong type


def _wide(feature: Feature, array: Any) -> Wide | None:
    """Numbers in 64 bits with NaN for null; None for a type that the reference has to look at."""
    kind, types = array.type, pa.types
    if feature.type == "date" and (types.is_date(kind) or types.is_timestamp(kind)):
        days = array.cast(pa.date32(), safe=False)
        wrong = pc.fill_null(pc.not_equal(days.cast(kind, safe=False), array), False)
        numbers = _floats(days.cast(pa.int32()))
        outside = (numbers < DAYS[0]) | (numbers > DAYS[1])  # no calendar has them, though 32 bits do
        return numbers, wrong.to_numpy(zero_copy_only=False) | outside
    if types.is_boolean(kind) and feature.type == "boolean":
        return _floats(array.cast(pa.uint8())), None
    # Decimals are what warehouses keep money in.
    if feature.type != "date" and (
        types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    ):
        return _floats(array), None
    return None


def _floats(array: Any) -> NDArray[np.float64]:
    wide = array.cast(pa.float64(), safe=False)
    if wide.null_count:
        wide = wide.fill_null(np.nan)
    numbers: NDArray[np.float64] = wide.to_numpy(zero_copy_only=False)
    return numbers


def _parsed(feature: Feature, text: Any) -> Wide:
    """Cells of text by the rules that training data is read by."""
    bare = pc.utf8_trim_whitespace(text)
    bare = pc.if_else(pc.equal(bare, ""), None, bare)
    if feature.type == "date":
        good = pc.match_substring_regex(bare, DATE)
        days = _distinct_dates(feature, pc.if_else(good, bare, None))
        unparsed = days.kinds == _CODE[Kind.TYPE]
        return days.values.astype(np.float64), _wrong(good) | unparsed
    if feature.type == "boolean":
        lower = pc.utf8_lower(bare)
        true = pc.is_in(lower, value_set=pa.array(TRUE))
        good = pc.or_(true, pc.is_in(lower, value_set=pa.array(FALSE)))
        return _floats(pc.if_else(pc.is_null(bare), None, true).cast(pa.uint8())), _wrong(
            pc.or_(good, pc.is_null(bare))
        )
    good = pc.match_substring_regex(bare, NUMBER if feature.type == "number" else INTEGER)
    kept = pc.replace_substring_regex(pc.if_else(good, bare, None), r"^\+", "")
    return _floats(kept.cast(pa.float64())), _wrong(good)


def _wrong(good: Any) -> NDArray[np.bool_]:
    wrong: NDArray[np.bool_] = pc.invert(pc.fill_null(good, True)).to_numpy(zero_copy_only=False)
    return wrong


def _judged(feature: Feature, wide: NDArray[np.float64], wrong: NDArray[np.bool_] | None) -> Numbers:
    """The verdicts of `runtime.contract` on numbers, by NumPy."""
    kinds = np.full(len(wide), FINE, dtype=np.uint8)
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = wide.astype(np.float32)
    missing = np.isnan(wide)
    if not feature.nullable:
        kinds[missing] = _CODE[Kind.MISSING_VALUE]
    for outside in (
        None if feature.min is None else narrow < np.float32(feature.min),
        None if feature.max is None else narrow > np.float32(feature.max),
    ):
        if outside is not None:
            kinds[outside] = _CODE[Kind.OUT_OF_RANGE]
    if feature.type in {"integer", "date"}:
        kinds[~missing & (wide != np.floor(wide))] = _CODE[Kind.TYPE]
    kinds[np.abs(wide) > FLOAT_MAX] = _CODE[Kind.INFINITE]
    if feature.type == "boolean":
        kinds[~missing & (wide != 0) & (wide != 1)] = _CODE[Kind.TYPE]
    if wrong is not None:
        kinds[wrong] = _CODE[Kind.TYPE]
    return Numbers(narrow, kinds)
