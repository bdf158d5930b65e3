"""The contract over Arrow columns gives the verdicts and values of the reference, whatever the values are."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.artifacts.signature import Feature
from ordain.runtime.batch.columns import FINE, KINDS, judge_numbers, judge_text
from ordain.runtime.contract import Kind, judge_column
from tests.runtime.toy import feature

FEATURES = (
    feature("plain", "string", "strings", 0),
    feature("word", "string", "strings", 0, categories=("x", "é", ""), nullable=True),
    feature("number", "number", "floats", 0),
    feature("bounded", "number", "floats", 0, min=-0.1, max=0.1, nullable=True),
    feature("count", "integer", "floats", 0, min=0, max=60),
    feature("wide", "integer", "floats", 0, nullable=True),
    feature("truth", "boolean", "floats", 0, nullable=True),
    feature("day", "date", "floats", 0, nullable=True),
    feature("late", "date", "floats", 0, min=18000.0),
)
json_numbers = (
    st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0.1, -0.1, 60, 61, 3.5e38, 1e300])
)
words = st.sampled_from(["x", "é", "", "z", "2020-02-29", "2021-02-29", "2020-02-29T00:00:00"]) | st.text()
anything = st.none() | st.booleans() | json_numbers | words | st.lists(st.integers(), max_size=1)
alike = st.one_of(
    st.lists(st.none() | json_numbers, max_size=8),
    st.lists(st.none() | st.booleans(), max_size=8),
    st.lists(st.none() | words, max_size=8),
    st.lists(st.integers(-2, 70), max_size=8),
)


def reference(each: Feature, values: list[Any]) -> tuple[list[Any], list[Kind | None]]:
    judged = judge_column(each, values, "")
    kinds: list[Kind | None] = [None] * len(values)
    for violation in judged.violations:
        assert violation.row is not None
        kinds[violation.row] = violation.kind
    return judged.values, kinds


def check(each: Feature, column: Any, values: list[Any]) -> None:
    wanted, kinds = reference(each, values)
    if each.tensor == "strings":
        text = judge_text(each, column, "")
        codes = text.kinds
        found: list[Any] = [text.values[code] for code in text.codes]
        wanted = ["" if value is None else value for value in wanted]
    else:
        numbers = judge_numbers(each, column, textual=False)
        codes, found = numbers.kinds, numbers.values.tolist()
        wanted = [None if value is None else float(np.float32(value)) for value in wanted]
        found = [None if np.isnan(value) else value for value in found]
    assert [None if code == FINE else KINDS[code] for code in codes] == kinds
    # What is refused always is never scored, so its value means nothing.
    scored = [row for row, kind in enumerate(kinds) if kind not in {Kind.TYPE, Kind.INFINITE}]
    assert [found[row] for row in scored] == [wanted[row] for row in scored]


@settings(deadline=None)
@given(st.sampled_from(FEATURES), alike | st.lists(anything, max_size=8))
def test_json_values(each: Feature, values: list[Any]) -> None:
    check(each, values, values)


ARRAYS = (
    (pa.float32(), st.floats(width=32)),
    (pa.float16(), st.floats(width=16)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.bool_(), st.booleans()),
    (pa.large_string(), words),
    (pa.string_view(), words),
)


@settings(deadline=None)
@given(st.sampled_from(FEATURES), st.data())
def test_arrow_arrays(each: Feature, data: st.DataObject) -> None:
    kind, values = data.draw(st.sampled_from(ARRAYS))
    column = data.draw(st.lists(st.none() | values, max_size=8))
    array = pa.array(column, kind)
    check(each, array, array.to_pylist())
    if kind not in {pa.string_view(), pa.float16()}:
        check(each, array.dictionary_encode(), array.to_pylist())


@settings(deadline=None)
@given(st.lists(st.none() | st.dates(), max_size=6))
def test_dates_are_days(days: list[dt.date | None]) -> None:
    each = FEATURES[7]
    texts = [None if day is None else day.isoformat() for day in days]
    check(each, texts, texts)
    for kind in (pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("us", tz="UTC")):
        check(each, pa.array(days, pa.date32()).cast(kind), texts)


def test_a_time_of_day_is_no_date() -> None:
    column = pa.array([dt.datetime(2020, 2, 29, 12), dt.datetime(1969, 12, 31), None])  # noqa: DTZ001
    found = judge_numbers(FEATURES[7], column, textual=False)
    assert [KINDS[found.kinds[0]], found.kinds[1], found.kinds[2]] == [Kind.TYPE, FINE, FINE]
    assert found.values[1] == -1


CELLS: dict[str, dict[str | None, Any]] = {
    "number": {
        "1e3": 1000.0, " +.5 ": 0.5, "nan": Kind.TYPE, "inf": Kind.TYPE, "1_000": Kind.TYPE,
        "1e400": Kind.INFINITE, "": Kind.MISSING_VALUE,
    },
    "count": {"3.0": 3.0, "3.5": Kind.TYPE, "0x10": Kind.TYPE, "61": Kind.OUT_OF_RANGE},
    "truth": {"TRUE": 1.0, "0": 0.0, "1.0": 1.0, "yes": Kind.TYPE, None: None},
    "day": {"1970-01-02": 1.0, "2021-02-29": Kind.TYPE, "1.1.2020": Kind.TYPE, "  ": None},
    "late": {"1970-01-02": Kind.OUT_OF_RANGE},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "cell", "value"), [(name, *each) for name, cells in CELLS.items() for each in cells.items()]
)
def test_cells_of_text(name: str, cell: str | None, value: Any) -> None:
    """By the rules that training data is read by."""
    each = next(one for one in FEATURES if one.name == name)
    found = judge_numbers(each, pa.array([cell], pa.string()), textual=True)
    if isinstance(value, Kind):
        assert KINDS[found.kinds[0]] is value
    else:
        assert found.kinds[0] == FINE
        assert np.isnan(found.values[0]) if value is None else found.values[0] == value


def test_text_that_is_no_utf8_is_not_text() -> None:
    ends = pa.py_buffer(np.array([0, 1, 2], "<i4"))
    column = pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer(b"x\xff")])
    found = judge_text(FEATURES[0], column, "")
    assert [found.kinds[0], KINDS[found.kinds[1]]] == [FINE, Kind.TYPE]


def test_a_dictionary_that_is_larger_than_the_rows_is_read_again() -> None:
    many = pa.DictionaryArray.from_arrays(
        pa.array([7], pa.int32()), pa.array([str(each) for each in range(99)])
    )
    assert judge_text(FEATURES[0], many, "").values == ["7", ""]
