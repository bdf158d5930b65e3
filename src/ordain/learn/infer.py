"""Guess a column contract from data nobody has described yet, and say what was guessed.

The guesses are a first draft for a reviewer, so each is plain: a type, the values seen, and a reason
for every column that the model will not see.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import pandas as pd

from ordain.core.problems import did_you_mean
from ordain.core.specs.parts import COLUMN_PATTERN
from ordain.core.specs.spec import Split
from ordain.core.yaml.yamlscalars import HIDDEN
from ordain.learn.faults import rows_text, shortened
from ordain.learn.shapes import GROUPED, OTHER_DATE, WHOLE, looks, plain_type, present, raw

MAX_CATEGORIES = 30
MAX_CLASSES = 20
MAX_LABELS = 100
MIN_ROWS = 20
# What specs hold out, and the smallest group of a fairness gate, by default.
HOLDOUT, MIN_GROUP = Split().holdout, 50
NAME_WORDS = (
    "A-Z, a-z, digits, inner spaces and _ . , : ; ( ) / % + # & -, at most 63, a letter or digit first"
)
TRUE_WORDS = {
    "1",
    "1.0",
    "yes",
    "true",
    "y",
    "t",
    "positive",
    "bad",
    "churned",
    "default",
    "ja",
    "oui",
    "si",
    "sí",
}
SENSITIVE_WORDS = re.compile(r"(^|_)(sex|gender|female|male|race|ethnic\w*|religion|senior\w*|disab\w*)($|_)")

Task = Literal["binary", "multiclass", "regression"]


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """A draft of `data` and `task` for `models.yaml`, and the sentences that explain it.

    Attributes:
        compared: the sensitive columns whose groups are large enough for a fairness gate.
    """

    task: Task
    positive: str | None
    id_column: str | None
    sensitive: tuple[str, ...]
    compared: tuple[str, ...]
    columns: dict[str, dict[str, Any]]
    left_out: dict[str, str]
    notes: tuple[str, ...]


def guess_column(name: str, column: pd.Series[Any]) -> tuple[dict[str, Any], str]:
    """The contract of one column, and why the model should not see it (empty when it should)."""
    values = present(column)
    kind = plain_type(values)
    if kind == "string":
        values = raw(column)
    contract: dict[str, Any] = {"nullable": True} if len(values) < len(column) else {}
    distinct = set(values)
    if not values:
        return {"type": "string", **contract, "nullable": True}, "it is empty"
    if len(distinct) == 1:
        return {"type": kind, **contract}, "it never varies"
    if {each.lower() for each in distinct} <= {"0", "1", "0.0", "1.0", "true", "false"}:
        return {"type": "boolean", **contract}, ""
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
    distinct, bare = set(values), [each.strip() for each in values]
    text = {"type": "string", **contract}
    never = {
        "it holds control characters, which nobody can review": any(map(HIDDEN.search, distinct)),
        "it holds dates that are not written as 2026-01-31": looks(bare, OTHER_DATE),
    }
    hindrance = next((reason for reason, true in never.items() if true), "")
    if not hindrance and len(distinct) <= min(MAX_CATEGORIES, len(values) / 2):
        return {**text, "categories": sorted(distinct)}, ""
    reasons = {
        hindrance: bool(hindrance),
        "its numbers hold separators: write them as 1234.5 to let the model see it": looks(bare, GROUPED),
        "it is free text": sum(len(each.split()) for each in values) / len(values) > 3,
        "it is an identifier: nearly every row has its own value": len(distinct) > 0.9 * len(values),
        f"it has {len(distinct)} categories, more than {MAX_CATEGORIES}": True,
    }
    return text, next(reason for reason, true in reasons.items() if true)


def guess_task(values: list[str]) -> tuple[Task, str | None]:
    """The task and, for two classes, the label that most likely means "it happened"."""
    counts = Counter(values)
    distinct = sorted(counts)
    if len(distinct) == 2:
        named = [each for each in distinct if each.strip().lower() in TRUE_WORDS]
        rarer = min(distinct, key=lambda each: counts[each])
        return "binary", named[0] if len(named) == 1 else rarer
    whole, few = looks([each.strip() for each in values], WHOLE), len(distinct) <= MAX_CLASSES
    is_number = plain_type([each.strip() for each in values]) in {"integer", "number"}
    return ("regression" if is_number and not (whole and few) else "multiclass"), None


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
        return {"type": plain_type([each.strip() for each in values])}
    return {"type": "string", "categories": sorted(set(values))}


def labels_in(frame: pd.DataFrame, target: str) -> list[str]:
    """The target's values, one a row.

    Raises:
        ValueError: when there is no such column, some are missing, or there is too little to learn from.
    """
    if target not in frame.columns:
        names = [str(each) for each in frame.columns]
        near = did_you_mean(target, names) or f"there are {', '.join(f'`{each}`' for each in names[:20])}"
        raise ValueError(f"there is no column `{target}`; {near}")
    labels = raw(frame[target])
    if len(labels) < len(frame):
        missing = [place for place, each in enumerate(frame[target]) if pd.isna(each) or not str(each)]
        raise ValueError(
            f"the target `{target}` is missing in {rows_text(missing, None)}: leave out rows without it"
        )
    if len(labels) < MIN_ROWS:
        raise ValueError(f"the target `{target}` has {len(labels)} rows, too few to learn from ({MIN_ROWS})")
    hidden = [each for each in set(labels) if HIDDEN.search(each)]
    if hidden:
        raise ValueError(f"the target `{target}` holds control characters: {shortened(min(hidden))}")
    if len(set(labels)) < 2:
        raise ValueError(f"the target `{target}` is {shortened(labels[0])} in every row")
    return labels


def check_names(frame: pd.DataFrame) -> None:
    """Every column has a name that a contract can hold.

    Raises:
        ValueError: naming the ones that have not.
    """
    wrong = [str(each) for each in frame.columns if not re.search(COLUMN_PATTERN, str(each))]
    if wrong:
        listed = ", ".join(shortened(each) for each in wrong[:5]) + (" …" if len(wrong) > 5 else "")
        raise ValueError(f"can't be names of columns: {listed}; allowed are {NAME_WORDS}")


def infer(frame: pd.DataFrame, target: str) -> Guess:
    """Draft a contract.

    Args:
        frame: the rows as read, text or typed, missing values as empty text or NA.
        target: the column to predict.

    Raises:
        ValueError: when a column, the target's values or what is left to learn from won't do.
    """
    check_names(frame)
    labels = labels_in(frame, target)
    task, positive = guess_task(labels)
    if task == "multiclass" and len(set(labels)) > MAX_LABELS:
        raise ValueError(
            f"the target `{target}` has {len(set(labels))} different texts, which are too many classes"
        )
    id_column = guess_id(frame, target)
    columns, left_out = guess_features(frame, {target, id_column})
    if len(left_out) == len(columns):
        told = "; ".join(f"`{name}`: {reason}" for name, reason in left_out.items())
        raise ValueError(f"no column is left to predict `{target}` from ({told or 'there is no other'})")
    columns = {target: target_contract(task, labels), **columns}
    if id_column:
        columns[id_column] = {"type": plain_type(present(frame[id_column])), "feature": False}
    sensitive = [name for name, each in columns.items() if name != target and is_sensitive(name, each)]
    smallest = {name: fewest_held_out(frame[name], labels, positive) for name in sensitive}
    guess = Guess(
        task=task, positive=positive, id_column=id_column, columns=columns, left_out=left_out, notes=(),
        sensitive=tuple(sensitive),
        compared=tuple(name for name, rows in smallest.items() if rows >= MIN_GROUP),
    )  # fmt: skip
    return msgspec.structs.replace(guess, notes=(*explained(guess), *too_small(guess, smallest)))


def explained(guess: Guess) -> tuple[str, ...]:
    """The sentences on task, names of rows, columns and bounds."""
    bounded = [name for name, each in guess.columns.items() if each.get("min") == 0]
    return (
        f"the task is {guess.task}"
        + (f" and `{guess.positive}` counts as positive" if guess.positive else ""),
        f"rows are named by `{guess.id_column}`" if guess.id_column else "rows are named by their own values",
        *(f"`{name}` is left out: {reason}" for name, reason in guess.left_out.items()),
        *(f"`{name}` is treated as sensitive" for name in guess.sensitive),
        *([f"never below zero: {some(bounded)}"] if bounded else ()),
    )


def some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"`{each}`" for each in names[:3]) + more


def too_small(guess: Guess, smallest: Mapping[str, int]) -> list[str]:
    """Why a sensitive column of a binary task gets no fairness gate: it could only answer `insufficient`."""
    return [
        f"no fairness gate for `{name}`: about {smallest[name]} positive rows of its smallest group are held "
        f"out, and {MIN_GROUP} are needed; the report still shows its groups"
        for name in guess.sensitive
        if guess.task == "binary" and name not in guess.compared
    ]


def fewest_held_out(column: pd.Series[Any], labels: list[str], positive: str | None) -> int:
    """About how many positive rows of the smallest group will be held out."""
    wanted = [str(each) for each, label in zip(column, labels, strict=True) if label == positive]
    groups = {str(each) for each in column}
    counts = Counter(wanted)
    return int(min(counts[each] for each in groups) * HOLDOUT)


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
