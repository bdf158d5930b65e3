"""Tables that predict `y`, and repositories made of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ordain.services.checking.check import check
from ordain.services.setup.init import Outcome, Request, initialise

ROWS = 240
Cells = dict[str, Sequence[Any]]


def rows(**more: Sequence[Any]) -> Cells:
    """A table that predicts `y` from `age`, and other columns."""
    chance = random.Random(0)
    ages = [chance.randint(18, 90) for _ in range(ROWS)]
    labels = ["yes" if age + chance.randint(-9, 9) > 50 else "no" for age in ages]
    return {"age": [str(each) for each in ages], "y": labels, **more}


def every(*values: Any) -> list[Any]:
    return [values[place % len(values)] for place in range(ROWS)]


def text(cells: Cells, separator: str = ",", end: str = "\n") -> bytes:
    lines = [
        separator.join(cells),
        *(separator.join(map(str, row)) for row in zip(*cells.values(), strict=True)),
    ]
    return end.join([*lines, ""]).encode()


def made(folder: Path, data: bytes, target: str = "y", name: str = "table.csv") -> Outcome:
    (folder / name).write_bytes(data)
    return initialise(folder / "shop", Request(name="m", data=folder / name, target=target))


def columns(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "shop/models.yaml").read_text())["models"]["m"]["data"]
    return dict(found["columns"])


def sound(folder: Path) -> bool:
    return check(folder / "shop").problems == ()
