"""Guesses on real tables of three kinds, and on awkward columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

from ordain.learn.infer import infer

ROOT = Path(__file__).parents[2]


def test_telco_churn() -> None:
    frame = pd.read_csv(ROOT / "data/telco_churn.csv", dtype=str, keep_default_na=False)
    guess = infer(frame, "churn")
    assert (guess.task, guess.positive, guess.id_column) == ("binary", "Yes", None)
    assert guess.sensitive == ("female", "senior_citizen")
    assert guess.columns["total_charges"] == {"type": "number", "nullable": True, "min": 0}
    assert guess.columns["contract"]["categories"] == ["Month-to-month", "One year", "Two year"]
    assert guess.left_out == {}


def test_many_classes_and_regression() -> None:
    assert infer(load_iris(as_frame=True).frame, "target").task == "multiclass"
    guess = infer(load_diabetes(as_frame=True).frame, "target")
    assert (guess.task, guess.positive) == ("regression", None)
    assert guess.columns["target"] == {"type": "number"}


def table(**columns: list[str]) -> pd.DataFrame:
    n = 40
    return pd.DataFrame({"y": [str(i % 2) for i in range(n)], **{k: (v * n)[:n] for k, v in columns.items()}})


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([""], "empty"),
        (["same"], "never varies"),
        ([f"word number {i} of many words" for i in range(40)], "free text"),
        ([f"u{i}" for i in range(40)], "identifier"),
        ([f"c{i % 35}" for i in range(40)], "35 categories"),
    ],
)
def test_columns_that_are_left_out_say_why(values: list[str], reason: str) -> None:
    guess = infer(table(x=values, z=["1", "2", "3"]), "y")
    assert reason in guess.left_out["x"]
    assert guess.columns["x"]["feature"] is False


def test_ids_dates_and_booleans() -> None:
    frame = table(seen=["2024-01-31", "2024-02-01"], flag=["true", "false"])
    frame["row_id"] = [str(i) for i in range(len(frame))]
    guess = infer(frame, "y")
    assert guess.id_column == "row_id"
    assert guess.columns["seen"]["type"] == "date"
    assert guess.columns["flag"]["type"] == "boolean"


def test_a_number_that_names_rows_is_no_feature() -> None:
    frame = table(z=["1", "2", "3"])
    frame["account_no"] = [str(i) for i in range(len(frame))]
    assert "identifier" in infer(frame, "y").left_out["account_no"]


def test_nothing_to_learn_from() -> None:
    with pytest.raises(ValueError, match="no column `z`"):
        infer(table(), "z")
    with pytest.raises(ValueError, match="in every row"):
        infer(table(x=["1"]).assign(y="1"), "y")
