"""Faults of a YAML file that are told better from its text than from what a parser makes of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ordain.core.problems import Problem
from ordain.core.yaml.conflicts import mended_by
from ordain.core.yaml.yamlscalars import HIDDEN, Fault, hidden_fault

MAX_PROBLEMS = 100

_CONFLICT = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: .*)?$|^={7}$", re.MULTILINE)
# A lone carriage return and U+0085 are line breaks to YAML and to no reviewer.
_HIDDEN_IN_FILE = re.compile(HIDDEN.pattern + "|\r(?!\n)")


class Place(NamedTuple):
    """A 1-based position in a file; (0, 0) is the file as a whole."""

    line: int
    column: int


NOWHERE = Place(0, 0)


def place_of(text: str, offset: int) -> Place:
    """Line and column of an offset into a text."""
    before = text[:offset]
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n"))


def problem_at(file: str, place: Place, key: str, fault: Fault) -> Problem:
    """A fault with its place."""
    return Problem(
        file=file,
        line=place.line,
        column=place.column,
        key=key,
        message=fault.message,
        suggestion=fault.suggestion,
        code=fault.code,
    )


def look_at_text(file: str, text: str) -> list[Problem]:
    """Merge-conflict markers, and characters that hide something from a reviewer."""
    hidden = list(_HIDDEN_IN_FILE.finditer(text))[:MAX_PROBLEMS]
    return conflicts(file, text) + [
        problem_at(file, place_of(text, m.start()), "", hidden_fault(m.group())) for m in hidden
    ]


def conflicts(file: str, text: str) -> list[Problem]:
    """Merge-conflict markers, each where a conflict opens."""
    markers = list(_CONFLICT.finditer(text.replace("\r\n", "\n")))
    opening = [m for m in markers if m.group().startswith("<")] or markers[:1]
    return [
        problem_at(
            file,
            place_of(marker.string, marker.start()),
            "",
            Fault("merge-conflict", f"merge-conflict marker `{marker.group()[:7]}`", mended_by(file)),
        )
        for marker in opening[:MAX_PROBLEMS]
    ]
