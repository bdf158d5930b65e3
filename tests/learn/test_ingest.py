"""Typing by contract, ids that depend on values alone, and faults that name rows and columns."""

from __future__ import annotations

import datetime as dt
import string
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.specs.spec import ColumnContract, Data, DerivedId, Source
from ordain.errors import UserError
from ordain.learn.ingest import ID, canonical_text, ingest, typed_column


def data(*, identity: Any = None, **columns: ColumnContract) -> Data:
    every = {"y": ColumnContract(type="string"), **columns}
    return Data(source=Source(path="x.csv"), target="y", id=identity or DerivedId(), columns=every)


def table(**columns: list[str | None]) -> pa.Table:
    rows = len(next(iter(columns.values())))
    every = {"y": ["No"] * rows, **columns}
    return pa.table({name: pa.array(values, pa.string()) for name, values in every.items()})


def typed(kind: Any, *values: str | None) -> list[Any]:
    column, fault = typed_column(pa.chunked_array([pa.array(values, pa.string())]), ColumnContract(type=kind))
    assert fault == ""
    found: list[Any] = column.to_pylist()
    return found


def fault(kind: Any, *values: str | None, personal: bool = False) -> str:
    contract = ColumnContract(type=kind, personal=personal)
    return typed_column(pa.chunked_array([pa.array(values, pa.string())]), contract)[1]


def test_every_type_reads_what_its_contract_says() -> None:
    assert typed("string", "No", "NA", "null", "None", " x ", None) == [
        "No",
        "NA",
        "null",
        "None",
        " x ",
        None,
    ]
    assert typed("integer", "1", "+2", "-3", " 4 ", "5.0", "6.", "007", None, " ") == [
        *[1, 2, -3, 4, 5, 6, 7],
        None,
        None,
    ]
    assert typed("number", "1", "+2.5", "-.5", "1e3", "1E-2", "2.", "") == [1, 2.5, -0.5, 1000, 0.01, 2, None]
    assert typed("boolean", "1", "0", "true", "FALSE", "1.0", "0.0", None) == [
        *[True, False, True, False, True, False],
        None,
    ]
    assert typed("date", "2024-02-29", None) == [dt.date(2024, 2, 29), None]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "1.5"),
        ("integer", "No"),
        ("integer", "1e3"),
        ("integer", "9" * 19),
        ("integer", "١"),
        ("number", "nan"),
        ("number", "inf"),
        ("number", "1e999"),
        ("number", "1,5"),
        ("number", "0x10"),
        ("number", "1_000"),
        ("number", "."),
        ("boolean", "yes"),
        ("boolean", "2"),
        ("date", "2023-02-29"),
        ("date", "2023-02-31"),
        ("date", "01/02/2023"),
        ("date", "2023-1-1"),
    ],
)
def test_what_is_not_of_the_type_is_named(kind: str, value: str) -> None:
    good = {"integer": "1", "number": "1", "boolean": "1", "date": "2023-01-01"}[kind]
    assert f"row 2 ({value!r})" in fault(kind, good, value, None)


def test_many_bad_values_are_counted_and_personal_ones_not_shown() -> None:
    text = fault("integer", *["x"] * 20)
    assert text == "20 values are not whole numbers: row 1 ('x'), row 2 ('x'), row 3 ('x') and 17 more"
    assert "secret" not in fault("integer", "secret", personal=True)


def test_every_fault_is_reported_at_once() -> None:
    contract = data(a=ColumnContract(type="integer"), b=ColumnContract(type="number"))
    with pytest.raises(UserError) as caught:
        ingest(table(a=["x"], b=["y"]), contract)
    assert "`a`" in caught.value.what
    assert "`b`" in caught.value.what


def test_a_renamed_column_is_suggested() -> None:
    with pytest.raises(UserError, match=r"`tenure` is missing; did you mean `tenur`\?"):
        ingest(table(tenur=["1"]), data(tenure=ColumnContract(type="integer")))


def test_a_header_alone_is_refused() -> None:
    with pytest.raises(UserError, match="no rows"):
        ingest(table(a=[]), data(a=ColumnContract(type="integer")))


def ids(contract: Data, **columns: list[str | None]) -> list[str]:
    found: list[str] = ingest(table(**columns), contract).column(ID).to_pylist()
    return found


def test_ids_follow_values_not_how_they_are_written() -> None:
    integers = data(a=ColumnContract(type="integer"), b=ColumnContract(type="string"))
    numbers = data(b=ColumnContract(type="string"), a=ColumnContract(type="number"))
    assert ids(integers, a=["1"], b=["x"]) == ids(numbers, a=["1.0"], b=["x"])
    assert len(set(ids(integers, a=["1", " 1.0", "2"], b=["x", "x", "x"]))) == 2


def test_ids_tell_apart_what_only_looks_alike() -> None:
    contract = data(a=ColumnContract(type="string"), b=ColumnContract(type="string"))
    found = ids(contract, a=["x", "xy", None, ""], b=["yz", "z", "xyz", "xyz"])
    assert len(set(found[:3])) == 3


def test_the_target_and_what_is_no_feature_do_not_make_the_id() -> None:
    contract = data(a=ColumnContract(type="string"), n=ColumnContract(type="string", feature=False))
    rows = pa.table({"y": ["No", "Yes"], "a": ["x", "x"], "n": ["1", "2"]})
    assert len(set(ingest(rows, contract).column(ID).to_pylist())) == 1


def test_an_id_column_is_hashed_and_must_be_whole() -> None:
    contract = data(identity="c", c=ColumnContract(type="string"), a=ColumnContract(type="integer"))
    found = ids(contract, c=["k1", "k2", "k1"], a=["1", "2", "3"])
    assert found[0] == found[2] != found[1]
    assert all(len(each) == 32 and set(each) <= set(string.hexdigits) for each in found)
    with pytest.raises(UserError, match="no value in row 2"):
        ids(contract, c=["k1", None], a=["1", "2"])


def test_some_columns_can_make_the_id() -> None:
    contract = data(
        identity=DerivedId(derive=("a",)), a=ColumnContract(type="string"), b=ColumnContract(type="string")
    )
    assert len(set(ids(contract, a=["x", "x"], b=["1", "2"]))) == 1


@given(st.lists(st.text(max_size=8) | st.none(), min_size=1, max_size=20), st.randoms())
@settings(max_examples=60, deadline=None)
def test_ids_do_not_depend_on_the_order_of_rows(values: list[str | None], source: Any) -> None:
    values = [None if value == "" else value for value in values]
    contract = data(a=ColumnContract(type="string", nullable=True))
    before = dict(zip(values, ids(contract, a=values), strict=True))
    assert len(set(before.values())) == len(set(values))
    source.shuffle(values)
    assert dict(zip(values, ids(contract, a=values), strict=True)) == before


@given(st.integers(-(2**53), 2**53))
@settings(max_examples=60, deadline=None)
def test_canonical_text_is_equal_for_equal_numbers(number: int) -> None:
    assert canonical_text(number) == canonical_text(float(number)) == str(number)
    assert canonical_text(True) == canonical_text(1) == canonical_text(1.0)
    assert canonical_text(-0.0) == "0"
