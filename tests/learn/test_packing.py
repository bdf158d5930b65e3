"""Packing: every value in its place, missing ones as declared, and nothing that a graph would misread."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.signature import Signature, build
from ordain.core.spec import ColumnContract, Data, Source
from ordain.errors import UserError
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


def profiled(signature: Signature, tensors: dict[str, Any]) -> dict[str, Any]:
    return profile(tensors, np.linspace(0, 1, 200).reshape(100, 2), signature)


def test_the_profile_counts_every_row_once(binary: Case) -> None:
    made = profiled(binary.signature, binary.rows.tensors)
    for name, each in made["features"].items():
        counted = sum(each["counts"]) if each["kind"] == "number" else sum(each["categories"].values())
        assert counted + each["missing"] + each.get("other", 0) == made["rows"], name
    assert made["features"]["vip"]["edges"] == [0.0]
    assert len(made["features"]["town"]["categories"]) == 50
    amount = made["features"]["amount"]
    assert len(amount["edges"]) == 9
    assert len(amount["counts"]) == 10
    assert max(amount["counts"]) - min(amount["counts"]) <= 3
    assert sum(made["answers"]["columns"]["p_Yes"]["counts"]) == 100


def test_the_profile_of_a_constant_and_of_an_empty_column() -> None:
    columns = {"y": ColumnContract(type="number"), "c": ColumnContract(type="number", nullable=True)}
    signature = build(
        "m", "regression", Data(source=Source(path="x"), target="y", columns=columns), None, 0.5
    )
    same = profile({"floats": np.ones((5, 1), np.float32)}, np.ones((2, 1)), signature)
    assert same["features"]["c"]["counts"] == [5]
    gone = profile({"floats": np.full((5, 1), np.nan, np.float32)}, np.ones((2, 1)), signature)
    assert (gone["features"]["c"]["counts"], gone["features"]["c"]["missing"]) == ([0], 5)


def test_the_profile_ships_no_free_text_about_people() -> None:
    columns = {"y": ColumnContract(type="number"), "name": ColumnContract(type="string", personal=True)}
    signature = build(
        "m", "regression", Data(source=Source(path="x"), target="y", columns=columns), None, 0.5
    )
    made = profile({"strings": np.array([["Ann"], ["Ann"], [""]], object)}, np.ones((2, 1)), signature)
    assert made["features"]["name"] == {"kind": "category", "missing": 1, "categories": {}, "other": 2}
