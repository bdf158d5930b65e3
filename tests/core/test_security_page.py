"""`docs/security.md` names tests that are there, and every reason for which something is refused."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from ordain.core.reasons import Reason

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8").partition("## Attacks")[2]
ROWS = re.findall(r"^\| ([^|]+) \| `(tests/[\w/]+\.py)::(\w+)` \| ([^|]+) \|$", PAGE, re.MULTILINE)


@cache
def defined_in(path: str) -> set[str]:
    """The tests that a file defines, outside of classes."""
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    return {each.name for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_could_be_read() -> None:
    heads = PAGE.count("| attack | test | outcome |")
    assert len(re.findall(r"^\|", PAGE, re.MULTILINE)) == len(ROWS) + 2 * heads
    attacks = [attack for attack, *_ in ROWS]
    assert len(set(attacks)) == len(attacks)


@pytest.mark.parametrize(("attack", "path", "name", "outcome"), ROWS, ids=[row[0] for row in ROWS])
def test_the_named_test_is_there(attack: str, path: str, name: str, outcome: str) -> None:
    assert name in defined_in(path)
    assert attack
    assert outcome


def test_each_reason_meets_an_attack() -> None:
    said = {word for *_, outcome in ROWS for word in re.findall(r"^`([a-z-]+)`$", outcome)}
    assert said == {each.value for each in Reason} - {Reason.APPROVED}
