"""The column to predict: whether its values will do, and which task they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import pandas as pd

from ordain.core.artifacts.signature import FLOAT_MAX
from ordain.core.problems import did_you_mean
from ordain.core.setup.scaffold import Kind
from ordain.core.yaml.yamlscalars import HIDDEN
from ordain.learn.faults import SHOWN, rows_text, shortened
from ordain.learn.shapes import WHOLE, looks, number_in, plain_type, raw

MAX_CLASSES = 20
MAX_LABELS = 100
MIN_ROWS = 20
TRUE_WORDS = {
    "1", "1.0", "yes", "true", "y", "t", "positive", "bad", "churned", "default", "fraud",
    "ja", "wahr", "oui", "vrai", "si", "sí", "sì", "verdadero", "sim",
}  # fmt: skip
INSTEAD = "--task regression predicts the amount instead"

Task = Literal["binary", "multiclass", "regression"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The task, for two classes the label that most likely means "it happened", and the reason for both."""

    task: Task
    positive: str | None = None
    because: str


def guess_task(labels: list[str], wanted: Kind | None) -> Decision:
    """What to make of the target's values; `wanted` decides where a person said so."""
    counts = Counter(labels)
    bare = [each.strip() for each in labels]
    is_number = plain_type(bare) in {"integer", "number"}
    if wanted == "regression":
        return Decision(task="regression", because="--task says so")
    if len(counts) == 2:
        flags = set(bare) <= {"0", "1", "0.0", "1.0"}
        return _two_classes(counts, or_number=is_number and not flags and not wanted)
    if wanted or not is_number:
        said = "--task says so" if wanted else f"its {len(counts)} different values are not all numbers"
        return Decision(task="multiclass", because=said)
    if looks(bare, WHOLE) and len(counts) <= MAX_CLASSES:
        because = f"its {len(counts)} different whole numbers are taken for names of classes; {INSTEAD}"
        return Decision(task="multiclass", because=because)
    what = (
        f"more than {MAX_CLASSES} whole numbers" if looks(bare, WHOLE) else "numbers that are not all whole"
    )
    instead = "; --task classification takes each for a class" if len(counts) <= MAX_LABELS else ""
    return Decision(task="regression", because=f"its values are {what}{instead}")


def _two_classes(counts: Mapping[str, int], *, or_number: bool) -> Decision:
    distinct = sorted(counts)
    named = [each for each in distinct if each.strip().lower() in TRUE_WORDS]
    rarer = min(distinct, key=lambda each: counts[each])
    positive = named[0] if len(named) == 1 else rarer
    why = "a word for yes" if len(named) == 1 else "the rarer"
    because = f"it has two values, of which this is {why}" + (f"; {INSTEAD}" if or_number else "")
    return Decision(task="binary", positive=positive, because=because)


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


def check_task(target: str, labels: list[str], decision: Decision) -> None:
    """Hold the target's values to the task.

    Raises:
        ValueError: for a regression on what is no number of 32 bits, or too many classes.
    """
    numbers = [number_in(each.strip()) for each in labels]
    odd = [row for row, each in enumerate(numbers) if each is None or not abs(each) <= FLOAT_MAX]
    listed = rows_text(odd, [labels[row] for row in odd[:SHOWN]])
    if decision.task == "regression" and odd:
        raise ValueError(f"the target `{target}` is no finite number of 32 bits in {listed}")
    count = len(set(labels))
    if decision.task == "multiclass" and count > MAX_LABELS:
        slips = 0 < len(odd) < len(labels) / 5
        more = f"; all but {listed} are numbers" if slips else f", more than {MAX_LABELS}"
        raise ValueError(f"the target `{target}` has {count} different values, too many for classes{more}")
