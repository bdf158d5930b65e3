"""How a model's decisions fall on the groups of a sensitive column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ordain.core.canonical import rounded
from ordain.core.gating.gates import LEVEL, Group
from ordain.core.gating.statistics import Share, critical_value, wilson
from ordain.core.specs.spec import ColumnContract
from ordain.learn.labels import FALSE_TRUE, labels_of
from ordain.learn.metrics import Answers

MISSING = "missing"


def group_names(column: pd.Series[Any]) -> list[str]:
    """The group of each row as text; missing values are a group of their own."""
    pairs = zip(column.isna(), labels_of(column), strict=True)
    return [MISSING if absent else label for absent, label in pairs]


def expected_groups(contract: ColumnContract) -> tuple[str, ...]:
    """The groups that the contract promises: absent ones must not go unnoticed."""
    if contract.type == "boolean":
        return FALSE_TRUE
    return contract.categories or ()


def groups(answers: Answers, names: Sequence[str], expected: Sequence[str], positive: int) -> list[Group]:
    """Counts of every group, those without rows included, by name.

    Args:
        answers: on labelled rows of a classifier.
        names: the group of each row.
        expected: groups that must be listed even without rows.
        positive: the class number that counts as the positive decision.
    """
    named = np.asarray(names)
    given, true = answers.labels == positive, answers.target == positive
    found = []
    for name in sorted(set(names) | set(expected)):
        inside = named == name
        found.append(
            Group(
                name=name,
                selected=Share(int((inside & given).sum()), int(inside.sum())),
                true_positive=Share(int((inside & given & true).sum()), int((inside & true).sum())),
                false_positive=Share(int((inside & given & ~true).sum()), int((inside & ~true).sum())),
            )
        )
    return found


def describe(group: Group) -> dict[str, Any]:
    """One line of a report's table: counts, rates, 95 % intervals (None where there is no row)."""
    line: dict[str, Any] = {"rows": group.selected.total}
    for kind in ("selected", "true_positive", "false_positive"):
        share = group.share(kind)
        line[kind] = None
        if share.total:
            interval = wilson(share, critical_value(LEVEL))
            line[kind] = {
                "hits": share.hits,
                "of": share.total,
                "rate": rounded(share.rate),
                "low": rounded(interval.low),
                "high": rounded(interval.high),
            }
    return line
