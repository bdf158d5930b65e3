"""What a pipeline wrote that its declaration no longer has, so that it can be named and removed.

Only what Ordain or DVC wrote counts: files with the generated header, and outputs that such a file declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ordain.core.pipelines.pipeline import HEADER
from ordain.core.yaml import yamlplain

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def is_generated(data: bytes) -> bool:
    """Whether `ordain run` wrote this file, with whatever line ends Git has given it since."""
    head = data[: 2 * len(HEADER)].replace(b"\r\n", b"\n")
    return head.startswith(HEADER.encode("ascii"))


def stages_of(pipeline: bytes) -> dict[str, frozenset[str]]:
    """The outputs that each stage of a generated `dvc.yaml` declares; nothing for any other file."""
    if not is_generated(pipeline):
        return {}
    try:
        content = yamlplain.load(pipeline)
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    stages = content.get("stages") if isinstance(content, Mapping) else None
    if not isinstance(stages, Mapping):
        return {}
    return {str(name): _outputs(stage) for name, stage in stages.items() if isinstance(stage, Mapping)}


def _outputs(stage: Mapping[Any, Any]) -> frozenset[str]:
    listed = [each for key in ("outs", "metrics") for each in stage.get(key) or ()]
    return frozenset(str(next(iter(each), "")) if isinstance(each, Mapping) else str(each) for each in listed)


def settled_lock(lock: str, stages: Iterable[str]) -> str:
    """A `dvc.lock` with exactly these of its stages, in this order.

    DVC keeps removed stages for ever and appends new ones as they run, so that equal states could have
    different files. Works on lines (a stage is a key at two spaces), so what stays keeps its bytes.
    """
    if not lock.startswith("schema:"):
        return lock
    head, blocks = blocks_of(lock)
    settled = "".join(blocks.get(name, "") for name in stages)
    return head + settled if settled or not blocks else "schema: '2.0'\nstages: {}\n"


def blocks_of(lock: str) -> tuple[str, dict[str, str]]:
    """The lines of a `dvc.lock` that belong to no stage, and each stage's own lines by its name."""
    head: list[str] = []
    blocks: dict[str, list[str]] = {}
    current = head
    for line in _LINE.findall(lock):
        if line.startswith("  ") and not line.startswith("   "):
            current = blocks.setdefault(line.strip().removesuffix(":").strip("'\""), [])
        elif not line.startswith((" ", "\n")):
            current = head
        current.append(line)
    return "".join(head), {name: "".join(lines) for name, lines in blocks.items()}
