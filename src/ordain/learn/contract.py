"""Hold typed rows to the contract, and report how each sensitive group is represented and labelled."""

from __future__ import annotations

from typing import Any

import msgspec
import pandas as pd

from ordain.core.canonical import rounded
from ordain.core.specs.spec import ColumnContract, Data
from ordain.errors import UserError
from ordain.learn.fairness import group_names
from ordain.learn.faults import raise_faults, rows_text
from ordain.learn.ingest import FIX, ID
from ordain.learn.labels import classes_of, labels_of

MOST_GROUPS = 20


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What rows to hold to which contract."""

    task: str
    data: Data


def check(frame: pd.DataFrame, checked: Checked) -> dict[str, Any]:
    """Hold every row to the contract.

    Returns:
        the report `contract.json`: rows, repeated rows, classes, columns, sensitive groups.

    Raises:
        UserError: every fault at once (missing values, ranges, new categories), each with column, first
            rows and count; or a target that cannot be learned.
    """
    faults: list[str] = []
    for name, contract in checked.data.columns.items():
        faults += [f"`{name}`: {fault}" for fault in column_faults(frame[name], contract)]
    raise_faults(faults, FIX)
    classes = check_target(frame, checked)
    return {
        "rows": len(frame),
        "repeated_ids": int(frame[ID].duplicated().sum()),
        "classes": _class_counts(frame, checked, classes),
        "columns": {name: _describe(frame[name], each) for name, each in checked.data.columns.items()},
        "sensitive": {name: group_report(frame, name, checked) for name in checked.data.sensitive},
    }


def column_faults(column: pd.Series[Any], contract: ColumnContract) -> list[str]:
    """Everything in which a column breaks its contract, in sentences."""
    missing = column.isna()
    faults = []
    if missing.any() and not contract.nullable:
        faults.append(f"{missing.sum()} values are missing and `nullable` is false: {_rows(missing)}")
    present = column[~missing]
    if contract.categories is not None:
        strange = ~present.isin(contract.categories)
        names = sorted(present[strange].unique())
        if names and not contract.personal:
            listed = ", ".join(repr(each) for each in names[:5])
            faults.append(f"{strange.sum()} values are new categories ({listed}): {_rows(strange)}")
        elif names:
            faults.append(f"{strange.sum()} values are new categories: {_rows(strange)}")
    if contract.type in {"integer", "number"}:
        numbers = present.astype("float64")
        for limit, wrong, word in (
            (contract.min, None if contract.min is None else numbers < contract.min, "below"),
            (contract.max, None if contract.max is None else numbers > contract.max, "above"),
        ):
            if wrong is not None and wrong.any():
                faults.append(f"{wrong.sum()} values are {word} {limit:g}: {_rows(wrong)}")
    return faults


def _rows(mask: pd.Series[Any]) -> str:
    return rows_text([int(each) for each in mask.index[mask]], None)


def check_target(frame: pd.DataFrame, checked: Checked) -> list[str] | None:
    """The classes of the target, or None for a regression.

    Raises:
        UserError: a missing target, one class only, a positive label that never occurs, more than two
            classes for a binary task, a regression on something that is not a number.
    """
    target, data = checked.data.target, checked.data
    missing = frame[target].isna()
    if missing.any():
        raise UserError(
            f"the target `{target}` is missing in {_rows(missing)}", fix="drop rows without a label"
        )
    if checked.task == "regression":
        if data.columns[target].type not in {"integer", "number"}:
            raise UserError(f"a regression needs a number, and `{target}` is not one", fix=FIX)
        if frame[target].nunique() < 2:
            raise UserError(f"the target `{target}` has one value in every row", fix="fetch the data again")
        return None
    seen = sorted(set(labels_of(frame[target])))
    if len(seen) < 2:
        raise UserError(f"the target `{target}` is `{seen[0]}` in every row", fix="fetch the data again")
    classes = classes_of(checked.task, data, seen)
    absent = [each for each in classes if each not in seen]
    if absent:
        raise UserError(f"no row has the label `{absent[0]}` of `{target}`", fix=FIX)
    return list(classes)


def _class_counts(frame: pd.DataFrame, checked: Checked, classes: list[str] | None) -> dict[str, int] | None:
    if classes is None:
        return None
    labels = labels_of(frame[checked.data.target])
    return {each: labels.count(each) for each in classes}


def _describe(column: pd.Series[Any], contract: ColumnContract) -> dict[str, Any]:
    """A column in a few numbers; nothing about the values of a personal one."""
    described: dict[str, Any] = {"type": contract.type, "missing": int(column.isna().sum())}
    if contract.personal:
        return described
    present = column.dropna()
    described["distinct"] = int(present.nunique())
    if contract.type in {"integer", "number"} and len(present):
        described["min"], described["max"] = rounded(float(present.min())), rounded(float(present.max()))
    return described


def group_report(frame: pd.DataFrame, column: str, checked: Checked) -> dict[str, Any]:
    """Rows, share and label rate (a regression: mean target) of each group of a sensitive column.

    Raises:
        UserError: when the column has so many values that its groups mean nothing.
    """
    names = pd.Series(group_names(frame[column]), index=frame.index)
    if names.nunique() > MOST_GROUPS:
        raise UserError(
            f"the sensitive column `{column}` has {names.nunique()} groups, more than {MOST_GROUPS}",
            fix="give it in bands (such as age groups), or take it out of `data.sensitive`",
        )
    target = frame[checked.data.target]
    if checked.task == "regression":
        outcome = {"mean_target": target.astype("float64")}
    else:
        labels = pd.Series(labels_of(target), index=frame.index)
        wanted = [checked.data.positive] if checked.data.positive else sorted(labels.unique())
        outcome = {f"rate_{each}": (labels == each).astype("float64") for each in wanted}
    report = {}
    for group in sorted(names.unique()):
        inside = names == group
        report[group] = {
            "rows": int(inside.sum()),
            "share": rounded(float(inside.mean())),
            **{name: rounded(float(values[inside].mean())) for name, values in outcome.items()},
        }
    return report
