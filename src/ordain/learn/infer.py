"""Guess a column contract from data nobody has described yet, and say what was guessed.

The guesses are a first draft for a reviewer, so each is plain: a type, the values seen, and a reason
for every column that the model will not see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import pandas as pd

from ordain.core.setup import headings
from ordain.core.setup.scaffold import Kind
from ordain.core.specs.spec import Split
from ordain.learn.columns import guess_features
from ordain.learn.faults import some_names
from ordain.learn.shapes import INTEGER, NUMBER, WHOLE, looks, present
from ordain.learn.target import Task, check_task, guess_task, labels_in, target_contract

# What specs hold out, and the smallest group of a fairness gate, by default.
HOLDOUT, MIN_GROUP = Split().holdout, 50


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """A draft of `data` and `task` for `models.yaml`, and the sentences that explain it.

    Attributes:
        because: what the task and the positive label follow from.
        compared: the sensitive columns whose groups are large enough for a fairness gate.
    """

    task: Task
    positive: str | None
    because: str
    id_column: str | None
    sensitive: tuple[str, ...]
    compared: tuple[str, ...]
    columns: dict[str, dict[str, Any]]
    left_out: dict[str, str]
    notes: tuple[str, ...]


def guess_id(frame: pd.DataFrame, target: str) -> str | None:
    """A column that names each row, if its heading says so; keys before running numbers."""
    for named in (headings.is_key, headings.is_numbering):
        for name in (str(each) for each in frame.columns if each != target and named(str(each))):
            values = present(frame[name])
            whole = named is headings.is_key or looks(values, WHOLE) or not looks(values, NUMBER)
            if whole and len(values) == len(set(values)) == len(frame):
                return name
    return None


def id_contract(column: pd.Series[Any]) -> dict[str, Any]:
    """What names rows is a whole number where it surely stays exact, else text."""
    return {"type": "integer" if looks(present(column), INTEGER) else "string", "feature": False}


def infer(frame: pd.DataFrame, target: str, wanted: Kind | None = None) -> Guess:
    """Draft a contract.

    Args:
        frame: the rows as read, text or typed, missing values as empty text or NA. Its columns have names
            that a contract can hold (`learn.tidy` sees to it).
        target: the column to predict. wanted: the kind of task, where a person said so.

    Raises:
        ValueError: when a column, the target's values or what is left to learn from won't do.
    """
    labels = labels_in(frame, target)
    decision = guess_task(labels, wanted)
    check_task(target, labels, decision)
    id_column = guess_id(frame, target)
    columns, left_out = guess_features(frame, {target, id_column})
    if len(left_out) == len(columns):
        told = "; ".join(f"`{name}`: {reason}" for name, reason in left_out.items())
        raise ValueError(f"no column is left to predict `{target}` from ({told or 'there is no other'})")
    columns = {target: target_contract(decision.task, labels), **columns}
    if id_column:
        columns[id_column] = id_contract(frame[id_column])
    sensitive = [name for name, each in columns.items() if name != target and is_sensitive(name, each)]
    smallest = {name: fewest_held_out(frame[name], labels, decision.positive) for name in sensitive}
    guess = Guess(
        task=decision.task, positive=decision.positive, because=decision.because, id_column=id_column,
        columns=columns, left_out=left_out, notes=(),
        sensitive=tuple(sensitive),
        compared=tuple(name for name, rows in smallest.items() if rows >= MIN_GROUP),
    )  # fmt: skip
    return msgspec.structs.replace(guess, notes=(*explained(guess), *too_small(guess, smallest)))


def explained(guess: Guess) -> tuple[str, ...]:
    """The sentences on task, names of rows, columns and bounds."""
    bounded = [name for name, each in guess.columns.items() if each.get("min") == 0]
    personal = [name for name, each in guess.columns.items() if each.get("personal")]
    positive = f" and `{guess.positive}` counts as positive" if guess.positive else ""
    return (
        f"the task is {guess.task}{positive}: {guess.because}",
        f"rows are named by `{guess.id_column}`" if guess.id_column else "rows are named by their own values",
        *(f"`{name}` is left out: {reason}" for name, reason in guess.left_out.items()),
        *(f"`{name}` is treated as sensitive" for name in guess.sensitive),
        *([f"personal, so hashed or absent in logs: {some_names(personal)}"] if personal else ()),
        *([f"never below zero: {some_names(bounded)}"] if bounded else ()),
    )


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


def is_sensitive(name: str, contract: Mapping[str, Any]) -> bool:
    """Whether the heading says so and the column has groups to compare."""
    grouped = contract["type"] == "boolean" or "categories" in contract
    return grouped and headings.is_sensitive(name)
