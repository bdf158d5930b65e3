"""The pages about candidates, gates and metrics say what the code does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ordain.core.gating.gates import COMPARED
from ordain.core.metrics import METRICS
from ordain.learn.pipeline import MOST_CATEGORIES

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / f"docs/{name}.md").read_text("utf-8")


def test_the_tested_estimators_are_listed() -> None:
    tree = ast.parse((ROOT / "tests/learn/test_parity.py").read_text("utf-8"))
    tables = [
        node for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
    ]
    tested = {
        key.value
        for table in tables
        if isinstance(table.value, ast.Dict)
        for key in table.value.keys
        if isinstance(key, ast.Constant)
    }
    section = page("candidates").split("## Tested estimators")[1].split("Known to lose")[0]
    assert set(re.findall(r"`((?:sklearn|xgboost)\.[\w.]+)`", section)) == tested
    assert f"the {MOST_CATEGORIES} most frequent" in page("candidates")


def test_every_metric_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (\w+) \| (.+?) \|$", page("metrics"), re.MULTILINE)
    assert rows == [
        (name, ", ".join(each.tasks), "greater" if each.greater_is_better else "smaller", each.meaning)
        for name, each in sorted(METRICS.items())
    ]


def test_every_fairness_metric_is_explained() -> None:
    assert all(f"| `{name}` |" in page("gates") for name in COMPARED)
