"""Guesses on real tables of three kinds, and on awkward columns."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

from ordain.core.setup.scaffold import Kind
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
    frame["row_number"] = [str(i) for i in range(len(frame))]
    assert infer(frame, "y").id_column == "row_number"
    frame["AccountKey"] = [str(i) for i in range(len(frame))]
    guess = infer(frame, "y")
    assert guess.id_column == "AccountKey"
    assert "identifier" in guess.left_out["row_number"]


@pytest.mark.parametrize(
    "name", ["CustomerID", "customer-id", "Customer Id", "userid", "Kunden-Nr.", "Index", "order.uuid"]
)
def test_ids_are_known_however_they_are_written(name: str) -> None:
    frame = table(z=["1", "2", "3"]).rename(columns={"z": "valid"})
    frame[name] = [str(i + 1000) for i in range(len(frame))]
    assert infer(frame, "y").id_column == name


def test_an_index_that_is_a_measurement_names_nothing() -> None:
    frame = table(z=["1", "2", "3"])
    frame["heat_index"] = [str(i + 1000) for i in range(len(frame))]
    frame["no"] = [f"{i}.5" for i in range(len(frame))]
    guess = infer(frame, "y")
    assert (guess.id_column, guess.left_out) == (None, {})


def test_long_ids_stay_exact() -> None:
    frame = table(z=["1", "2", "3"])
    frame["id"] = [str(10**18 + i) for i in range(len(frame))]
    assert infer(frame, "y").columns["id"] == {"type": "string", "feature": False}


@pytest.mark.parametrize(
    "name", ["Gender", "isFemale", "Geschlecht", "Senior Citizen", "género", "race/ethnicity"]
)
def test_sensitive_columns_are_known_however_they_are_written(name: str) -> None:
    assert infer(table(z=["1", "2", "3"], **{name: ["a", "b"]}), "y").sensitive == (name,)


@pytest.mark.parametrize("name", ["birthDate", "E-Mail", "Home Address", "Geburtsdatum", "lastName"])
def test_what_leads_to_a_person_is_kept_out_of_logs(name: str) -> None:
    guess = infer(table(z=["1", "2", "3"], **{name: [f"a{i}" for i in range(40)]}), "y")
    assert guess.columns[name]["personal"] is True
    assert any(name in each and "logs" in each for each in guess.notes)


@pytest.mark.parametrize(
    ("name", "values"), [("ZIP Code", range(10000, 10040)), ("branch", ["0123", "1234"])]
)
def test_a_code_is_no_number(name: str, values: list[object]) -> None:
    guess = infer(table(z=["1", "2", "3"], **{name: [str(each) for each in values]}), "y")
    assert guess.columns[name]["type"] == "string"
    assert guess.columns[name].get("categories") == (None if name == "ZIP Code" else ["0123", "1234"])


def test_numbers_that_32_bits_cannot_tell_apart() -> None:
    frame = table(z=["1", "2", "3"], big=[str(2**60 + 7 * i) for i in range(40)], huge=["1e300", "2", "3"])
    frame["seconds"] = [str(1_700_000_000 + 600 * i) for i in range(len(frame))]
    guess = infer(frame, "y")
    assert "differ by less than what 32 bits tell apart" in guess.left_out["big"]
    assert guess.left_out["huge"].startswith("row 1 ('1e300'), row 4 ('1e300')")
    assert "seconds" not in guess.left_out


@pytest.mark.parametrize("infinity", ["inf", "-Infinity", "1e999"])
def test_an_infinite_value_is_named(infinity: str) -> None:
    frame = table(x=[f"{i}.5" for i in range(40)])
    frame.loc[4, "x"] = infinity
    reason = infer(frame.assign(z=["1", "2"] * 20), "y").left_out["x"]
    assert reason.startswith(f"row 5 ('{infinity}'): no finite number. Correct or empty")


def test_slips_among_numbers_are_named() -> None:
    frame = table(z=["1", "2"], x=[f"{i}.5" for i in range(40)])
    frame.loc[[4, 7], "x"] = ["unknown", "see note"]
    assert "all but row 5 ('unknown'), row 8 ('see note') are numbers" in infer(frame, "y").left_out["x"]


@pytest.mark.parametrize(
    ("values", "wanted", "task", "because"),
    [
        (["1", "2", "3"], None, "multiclass", "--task regression predicts the amount instead"),
        (["1", "2", "3"], "regression", "regression", "--task says so"),
        (["0", "1"], None, "binary", "of which this is a word for yes"),
        (["10", "20", "20"], None, "binary", "of which this is the rarer; --task regression"),
        (["0", "1"], "regression", "regression", "--task says so"),
        (["0", "1"], "classification", "binary", "a word for yes"),
        (
            [str(i) for i in range(40)],
            None,
            "regression",
            "more than 20 whole numbers; --task classification",
        ),
        ([str(i % 25) for i in range(40)], "classification", "multiclass", "--task says so"),
        (["0.5", "1.5", "2.5"], None, "regression", "not all whole"),
        (["a", "b", "c"], None, "multiclass", "its 3 different values are not all numbers"),
    ],
)
def test_the_task_is_explained_and_can_be_chosen(
    values: list[str], wanted: Kind | None, task: str, because: str
) -> None:
    guess = infer(table(z=["1", "2", "3"]).assign(y=(values * 40)[:40]), "y", wanted)
    assert guess.task == task
    assert because in guess.notes[0]


def test_a_task_that_the_target_does_not_suit() -> None:
    frame = table(z=["1", "2", "3"])
    with pytest.raises(ValueError, match=r"no finite number of 32 bits in row 1 \('a'\)"):
        infer(frame.assign(y=["a", "1"] * 20), "y", "regression")
    amounts = [f"{i}.25" for i in range(150)]
    many = pd.DataFrame({"z": ["1", "2", "3"] * 50, "y": amounts})
    with pytest.raises(ValueError, match="150 different values, too many for classes"):
        infer(many, "y", "classification")
    with pytest.raises(ValueError, match=r"all but row 150 \('n.a.'\) are numbers"):
        infer(many.assign(y=[*amounts[:-1], "n.a."]), "y")


def test_nothing_to_learn_from() -> None:
    with pytest.raises(ValueError, match="no column `z`"):
        infer(table(), "z")
    with pytest.raises(ValueError, match="in every row"):
        infer(table(x=["1"]).assign(y="1"), "y")
