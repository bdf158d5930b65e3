"""Guess a column contract from data nobody has described yet, and say what was guessed.

The guesses are a first draft for a reviewer, so each is plain: a type, the values seen, and a reason
for every column that the model will not see.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import pandas as pd

MAX_CATEGORIES = 30
MAX_CLASSES = 20
MIN_ROWS = 20
TRUE_WORDS = {"1", "yes", "true", "y", "t", "positive", "bad", "churned", "default"}
SENSITIVE_WORDS = re.compile(r"(^|_)(sex|gender|female|male|race|ethnic\w*|religion|senior\w*|disab\w*)($|_)")
INTEGER = re.compile(r"[+-]?\d{1,15}")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

Task = Literal["binary", "multiclass", "regression"]


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """A draft of `data` and `task` for `models.yaml`, and the sentences that explain it."""

    task: Task
    positive: str | None
    id_column: str | None
    sensitive: tuple[str, ...]
    columns: dict[str, dict[str, Any]]
    left_out: dict[str, str]
    notes: tuple[str, ...]


def present(column: pd.Series[Any]) -> list[str]:
    """The values that are there, as text, without surrounding space."""
    return [text for each in column if not pd.isna(each) and (text := str(each).strip())]


def looks(values: list[str], pattern: re.Pattern[str]) -> bool:
    """Whether every value has this form (and there is one)."""
    return bool(values) and all(pattern.fullmatch(each) for each in values)


def guess_column(name: str, column: pd.Series[Any]) -> tuple[dict[str, Any], str]:
    """The contract of one column, and why the model should not see it (empty when it should)."""
    values = present(column)
    contract: dict[str, Any] = {}
    distinct = set(values)
    if len(values) < len(column):
        contract["nullable"] = True
    if not values:
        return {"type": "string", **contract, "nullable": True}, "it is empty"
    if len(distinct) == 1:
        return {"type": plain_type(values), **contract}, "it never varies"
    if distinct <= {"0", "1"} or {each.lower() for each in distinct} <= {"true", "false"}:
        return {"type": "boolean", **contract}, ""
    kind = plain_type(values)
    if kind == "string":
        return guess_text(values, contract)
    return guess_plain(name, kind, column, contract)


def guess_plain(
    name: str, kind: str, column: pd.Series[Any], contract: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """Numbers are seen, unless each row has its own by the column's own name; dates are not."""
    values = present(column)
    if kind == "date":
        return {"type": kind, **contract}, "it is a date: declare what of it matters, such as an age"
    named = re.search(r"(^|_)(id|no|nr|key)$", name.lower())
    if kind == "integer" and named and len(set(values)) == len(column):
        return {"type": kind, **contract}, "it is an identifier: every row has its own value"
    if all(float(each) >= 0 for each in values):
        contract["min"] = 0
    return {"type": kind, **contract}, ""


def guess_text(values: list[str], contract: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Few distinct values are categories; the rest is an identifier, free text or too many."""
    distinct = set(values)
    text = {"type": "string", **contract}
    if len(distinct) <= MAX_CATEGORIES and len(distinct) <= len(values) / 2:
        return {**text, "categories": sorted(distinct)}, ""
    if sum(len(each.split()) for each in values) / len(values) > 3:
        return text, "it is free text"
    if len(distinct) > 0.9 * len(values):
        return text, "it is an identifier: nearly every row has its own value"
    return text, f"it has {len(distinct)} categories, more than {MAX_CATEGORIES}"


def plain_type(values: list[str]) -> str:
    """`integer`, `number`, `date` or `string`."""
    for kind, pattern in (("integer", INTEGER), ("number", NUMBER), ("date", DATE)):
        if looks(values, pattern):
            return kind
    return "string"


def guess_task(values: list[str]) -> tuple[Task, str | None]:
    """The task and, for two classes, the label that most likely means "it happened"."""
    distinct = sorted(set(values))
    if len(distinct) == 2:
        named = [each for each in distinct if each.lower() in TRUE_WORDS]
        rarer = min(distinct, key=values.count)
        return "binary", named[0] if len(named) == 1 else rarer
    if plain_type(values) == "number" or (plain_type(values) == "integer" and len(distinct) > MAX_CLASSES):
        return "regression", None
    return "multiclass", None


def guess_id(frame: pd.DataFrame, target: str) -> str | None:
    """A column that names each row, if its own name says so."""
    for name in frame.columns:
        values = present(frame[name])
        named = re.search(r"(^|_)(id|key)$|^id($|_)", str(name).lower())
        if name != target and named and len(values) == len(set(values)) == len(frame):
            return str(name)
    return None


def target_contract(task: Task, values: list[str]) -> dict[str, Any]:
    """The target is never missing; a class label is text."""
    if task == "regression":
        return {"type": plain_type(values)}
    return {"type": "string", "categories": sorted(set(values))}


def infer(frame: pd.DataFrame, target: str) -> Guess:
    """Draft a contract.

    Args:
        frame: the rows as read, text or typed, missing values as empty text or NA.
        target: the column to predict.

    Raises:
        ValueError: when there is no such column, or too little to learn from.
    """
    if target not in frame.columns:
        raise ValueError(f"there is no column `{target}`; the file has {', '.join(map(str, frame.columns))}")
    labels = present(frame[target])
    if len(labels) < MIN_ROWS or len(set(labels)) < 2:
        raise ValueError(f"column `{target}` has {len(labels)} values, {len(set(labels))} of them distinct")
    task, positive = guess_task(labels)
    id_column = guess_id(frame, target)
    columns, left_out = guess_features(frame, {target, id_column})
    columns = {target: target_contract(task, labels), **columns}
    if id_column:
        columns[id_column] = {"type": plain_type(present(frame[id_column])), "feature": False}
    sensitive = tuple(name for name, each in columns.items() if name != target and is_sensitive(name, each))
    return Guess(
        task=task,
        positive=positive,
        id_column=id_column,
        sensitive=sensitive,
        columns=columns,
        left_out=left_out,
        notes=(
            f"the task is {task}" + (f" and `{positive}` counts as positive" if positive else ""),
            f"rows are named by `{id_column}`" if id_column else "rows are named by their own values",
            *(f"`{name}` is left out: {reason}" for name, reason in left_out.items()),
            *(f"`{name}` is treated as sensitive" for name in sensitive),
        ),
    )


def guess_features(
    frame: pd.DataFrame, apart: set[str | None]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Contracts of all other columns, and why some of them are left out."""
    columns: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    for name in (str(each) for each in frame.columns if each not in apart):
        columns[name], reason = guess_column(name, frame[name])
        if reason:
            columns[name]["feature"] = False
            left_out[name] = reason
    return columns, left_out


def is_sensitive(name: str, contract: Mapping[str, Any]) -> bool:
    """Whether the name says so and the column has groups to compare."""
    grouped = contract["type"] == "boolean" or "categories" in contract
    return grouped and SENSITIVE_WORDS.search(name.lower()) is not None
