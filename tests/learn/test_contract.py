"""Every breach of a contract, with rows and counts; and the report on sensitive groups."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from ordain.core.specs.spec import ColumnContract, Data, Source
from ordain.errors import UserError
from ordain.learn.contract import Checked, check
from ordain.learn.ingest import ID


def checked(task: str = "binary", positive: str | None = "Yes", **columns: ColumnContract) -> Checked:
    every = {"y": ColumnContract(type="string"), **columns}
    sensitive = tuple(name for name in ("sex", "age") if name in columns)
    contract = Data(
        source=Source(path="x.csv"), target="y", positive=positive, sensitive=sensitive, columns=every
    )
    return Checked(task=task, data=contract)


def frame(**columns: list[Any]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    every = {"y": (["No", "Yes"] * rows)[:rows], **columns}
    built = pd.DataFrame({name: pd.Series(values) for name, values in every.items()})
    built[ID] = [str(number) for number in range(rows)]
    return built


def breach(rows: pd.DataFrame, contract: Checked) -> str:
    with pytest.raises(UserError) as caught:
        check(rows, contract)
    assert caught.value.fix
    return caught.value.what


def test_a_new_category_names_value_and_rows() -> None:
    contract = checked(plan=ColumnContract(type="string", categories=("a", "b")))
    what = breach(frame(plan=["a", "Gold", "b", "Gold"]), contract)
    assert what == "`plan`: 2 values are new categories ('Gold'): row 2, row 4"


def test_a_personal_category_is_not_shown() -> None:
    contract = checked(plan=ColumnContract(type="string", categories=("a",), personal=True))
    assert "Gold" not in breach(frame(plan=["a", "Gold"]), contract)


def test_ranges_and_missing_values() -> None:
    contract = checked(
        low=ColumnContract(type="number", min=0, max=10), gone=ColumnContract(type="string", nullable=False)
    )
    what = breach(frame(low=[-1.0, 5.0, 11.0, 0.0], gone=["x", None, "x", "x"]), contract)
    assert "`low`: 1 values are below 0: row 1" in what
    assert "`low`: 1 values are above 10: row 3" in what
    assert "`gone`: 1 values are missing and `nullable` is false: row 2" in what
    assert what.startswith("3 faults")


def test_limits_are_inclusive_and_missing_is_allowed_where_declared() -> None:
    contract = checked(low=ColumnContract(type="number", min=0, max=10, nullable=True))
    assert check(frame(low=[0.0, 10.0, None]), contract)["columns"]["low"]["missing"] == 1


@pytest.mark.parametrize(
    ("labels", "task", "positive", "what"),
    [
        (["No", "No"], "binary", "Yes", "`No` in every row"),
        (["No", None], "binary", "Yes", "missing in row 2"),
        (["No", "Yes", "Maybe"], "binary", "Yes", "has 3"),
        (["No", "Yes"], "binary", "Leaver", "is none of"),
        (["a", "a"], "multiclass", None, "in every row"),
        (["1", "2"], "regression", None, "needs a number"),
    ],
)
def test_targets_that_cannot_be_learned(
    labels: list[str | None], task: str, positive: str | None, what: str
) -> None:
    contract = checked(task, positive)
    if None in labels:
        contract = checked(task, positive, y=ColumnContract(type="string", nullable=True))
    assert what in breach(frame(y=labels), contract)


def test_a_declared_class_that_never_occurs_is_refused() -> None:
    contract = checked("multiclass", None, y=ColumnContract(type="string", categories=("a", "b", "c")))
    assert "label `c`" in breach(frame(y=["a", "b"]), contract)


def test_a_constant_regression_target_is_refused() -> None:
    contract = checked("regression", None, y=ColumnContract(type="number"))
    assert "one value" in breach(frame(y=[1.0, 1.0]), contract)


def test_sensitive_groups_are_counted_and_their_label_rate_given() -> None:
    contract = checked(sex=ColumnContract(type="string", nullable=True))
    report = check(frame(sex=["f", "f", "m", "m", None]), contract)
    assert report["sensitive"]["sex"] == {
        "f": {"rows": 2, "share": 0.4, "rate_Yes": 0.5},
        "m": {"rows": 2, "share": 0.4, "rate_Yes": 0.5},
        "missing": {"rows": 1, "share": 0.2, "rate_Yes": 0.0},
    }
    assert report["classes"] == {"No": 3, "Yes": 2}


def test_a_boolean_target_takes_1_for_true() -> None:
    contract = checked("binary", "1", y=ColumnContract(type="boolean"))
    report = check(frame(y=[True, False, True]), contract)
    assert report["classes"] == {"false": 1, "true": 2}


def test_a_regression_reports_mean_targets() -> None:
    contract = checked("regression", None, y=ColumnContract(type="number"), sex=ColumnContract(type="string"))
    report = check(frame(y=[1.0, 3.0], sex=["f", "f"]), contract)
    assert report["sensitive"]["sex"]["f"]["mean_target"] == 2.0
    assert report["classes"] is None


def test_a_sensitive_column_with_too_many_values_is_refused() -> None:
    contract = checked(age=ColumnContract(type="integer"))
    assert "bands" in fix_of(frame(age=list(range(30))), contract)


def fix_of(rows: pd.DataFrame, contract: Checked) -> str:
    with pytest.raises(UserError) as caught:
        check(rows, contract)
    return caught.value.fix


def test_nothing_about_the_values_of_a_personal_column_is_reported() -> None:
    contract = checked(pay=ColumnContract(type="number", personal=True))
    report = check(frame(pay=[123456.0, 2.0]), contract)
    assert report["columns"]["pay"] == {"type": "number", "missing": 0}
