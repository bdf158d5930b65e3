"""Packing: every value in its place, missing ones as declared, and nothing that a graph would misread."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.artifacts.profile import Categories, Numbers, Profile, pairs
from ordain.core.artifacts.profile import decode as decode_profile
from ordain.core.artifacts.profile import encode as encode_profile
from ordain.core.artifacts.signature import Signature, build
from ordain.core.specs.spec import ColumnContract, Data, Source
from ordain.errors import UserError
from ordain.learn import coding
from ordain.learn.packing import pack
from ordain.learn.profile import profile
from ordain.learn.reference import KIND, inputs

if TYPE_CHECKING:
    from tests.learn.conftest import Case

COLUMNS = {
    "y": ColumnContract(type="number"),
    "n": ColumnContract(type="number", nullable=True),
    "s": ColumnContract(type="string", nullable=True),
    "i": ColumnContract(type="integer", nullable=True),
    "b": ColumnContract(type="boolean", nullable=True),
    "d": ColumnContract(type="date", nullable=True),
    "t": ColumnContract(type="string", nullable=True),
}
SIGNATURE = build("m", "regression", Data(source=Source(path="x"), target="y", columns=COLUMNS), None, 0.5)
DAY = dt.date(1970, 1, 1)

rows = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.floats(-(2.0**100), 2.0**100, width=32),
            "s": st.none() | st.text(min_size=1, max_size=6),
            "i": st.none() | st.integers(-(2**24), 2**24),
            "b": st.none() | st.booleans(),
            "d": st.none() | st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1)),
            "t": st.none() | st.text(min_size=1, max_size=6),
        }
    ),
    min_size=1,
    max_size=12,
)


def frame(values: list[dict[str, Any]]) -> pd.DataFrame:
    kinds: dict[str, Any] = {"n": "float64", "s": "str", "i": "Int64", "b": "boolean", "t": "str"}
    built = {name: pd.Series([each[name] for each in values], dtype=kind) for name, kind in kinds.items()}
    built["d"] = pd.to_datetime(pd.Series([each["d"] for each in values]))
    return pd.DataFrame(built)


def number(value: Any) -> float:
    if isinstance(value, dt.date):
        return float((value - DAY).days)
    return float("nan") if value is None else float(value)


@given(rows)
@settings(max_examples=80, deadline=None)
def test_every_value_lands_in_its_place(values: list[dict[str, Any]]) -> None:
    tensors = pack(frame(values), SIGNATURE)
    assert tensors["strings"].dtype == object
    assert tensors["floats"].dtype == np.float32
    for place, row in enumerate(values):
        assert tensors["strings"][place].tolist() == [row["s"] or "", row["t"] or ""]
        expected = np.array([number(row[name]) for name in ("n", "i", "b", "d")], dtype=np.float32)
        np.testing.assert_array_equal(tensors["floats"][place], expected)


def test_plain_python_columns_pack_too() -> None:
    values = {
        "n": [1, None],
        "s": ["x", None],
        "i": [2, 3],
        "b": [True, False],
        "d": [DAY, None],
        "t": ["", "z"],
    }
    tensors = pack(
        pd.DataFrame({name: pd.Series(each, dtype=object) for name, each in values.items()}), SIGNATURE
    )
    assert tensors["strings"].tolist() == [["x", ""], ["", "z"]]
    np.testing.assert_array_equal(
        tensors["floats"], np.array([[1, 2, 1, 0], [np.nan, 3, 0, np.nan]], np.float32)
    )


def one(**changed: Any) -> pd.DataFrame:
    values = {"n": 1.0, "s": "x", "i": 1, "b": True, "d": DAY, "t": "y", **changed}
    return pd.DataFrame({name: pd.Series([each], dtype=object) for name, each in values.items()})


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("n", float("inf"), "infinite"),
        ("n", 1e300, "too large"),
        ("n", "many", "something else"),
        ("s", 5, "not text"),
        ("d", "no day", "something else"),
    ],
)
def test_what_a_graph_would_misread_is_refused(column: str, value: Any, what: str) -> None:
    with pytest.raises(UserError, match=what):
        pack(one(**{column: value}), SIGNATURE)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(UserError, match="`t` is missing"):
        pack(one().drop(columns="t"), SIGNATURE)


def test_probes_try_every_feature(binary: Case) -> None:
    reference = inputs(binary.holdout, binary.signature)
    probes = reference[reference[KIND] == "probe"]
    assert (reference[KIND] == "holdout").sum() == len(binary.holdout)
    for feature in binary.signature.features:
        assert probes[feature.name].isna().any(), feature.name
        if feature.type == "string":
            assert "never seen before" in set(probes[feature.name].dropna())
    assert probes["amount"].max() == 9000
    assert probes[[each.name for each in binary.signature.features]].isna().all(axis=1).sum() == 1


def profiled(signature: Signature, tensors: dict[str, Any], target: Any) -> Profile:
    return profile(tensors, np.asarray(target), np.linspace(0, 1, 200).reshape(100, 2), signature)


def rows_in(column: Numbers | Categories) -> int:
    if isinstance(column, Numbers):
        return sum(column.counts) + column.missing
    return sum(column.categories.values()) + column.other + column.missing


def test_the_profile_counts_every_row_once(binary: Case) -> None:
    made = profiled(binary.signature, binary.rows.tensors, binary.rows.target)
    assert {rows_in(each) for each in made.features.values()} == {made.rows}
    vip, town, amount = (made.features[name] for name in ("vip", "town", "amount"))
    assert isinstance(vip, Numbers)
    assert vip.edges == (0.5,)
    assert isinstance(town, Categories)
    assert len(town.categories) == 50
    assert isinstance(amount, Numbers)
    assert (len(amount.edges), len(amount.counts)) == (9, 10)
    assert max(amount.counts) - min(amount.counts) <= 3
    assert sum(made.answers["p_Yes"].counts) == 100
    assert rows_in(made.target) == made.rows


def test_the_profile_survives_the_way_to_its_file(binary: Case) -> None:
    made = profiled(binary.signature, binary.rows.tensors, binary.rows.target)
    read = decode_profile(encode_profile(made))
    assert read == made
    each = made.joint[0]
    assert each.means == pytest.approx([0] * len(made.dimensions), abs=0.3)
    squares = [each.products[at] for at, (a, b) in enumerate(pairs(len(made.dimensions))) if a == b]
    assert squares == pytest.approx([1] * len(squares), abs=0.9)


def test_values_that_many_rows_share_lie_on_no_edge() -> None:
    """A price of 29.85 is another number in 32 bits than in 64; its bin must be the same."""
    prices = np.repeat([19.95, 29.85, 29.9, 1e-7, 2e-7], 20).astype(np.float32)[:, None]
    columns = {"y": ColumnContract(type="number"), "c": ColumnContract(type="number")}
    data = Data(source=Source(path="x"), target="y", columns=columns)
    signature = build("m", "regression", data, None, 0.5)
    column = profile({"floats": prices}, np.ones(100), np.ones((2, 1)), signature).features["c"]
    assert isinstance(column, Numbers)
    exact = np.array([19.95, 29.85, 29.9, 1e-7, 2e-7])
    assert len(set(coding.numbers(exact, column).tolist())) == 5
    assert coding.numbers(exact, column).tolist() == coding.numbers(prices[::20, 0], column).tolist()


def test_the_profile_of_a_constant_and_of_an_empty_column() -> None:
    columns = {"y": ColumnContract(type="number"), "c": ColumnContract(type="number", nullable=True)}
    signature = build(
        "m", "regression", Data(source=Source(path="x"), target="y", columns=columns), None, 0.5
    )
    same = profiled(signature, {"floats": np.ones((5, 1), np.float32)}, np.ones(5)).features["c"]
    assert same == Numbers(edges=(), counts=(5,), low=1.0, high=1.0)
    gone = profiled(signature, {"floats": np.full((5, 1), np.nan, np.float32)}, np.ones(5)).features["c"]
    assert gone == Numbers(edges=(), counts=(0,), missing=5)


def test_the_profile_ships_no_free_text_about_people() -> None:
    columns = {"y": ColumnContract(type="number"), "name": ColumnContract(type="string", personal=True)}
    signature = build(
        "m", "regression", Data(source=Source(path="x"), target="y", columns=columns), None, 0.5
    )
    made = profiled(signature, {"strings": np.array([["Ann"], ["Ann"], [""]], object)}, np.ones(3))
    assert made.features["name"] == Categories(categories={}, missing=1, other=2)
    assert made.coded == ()
