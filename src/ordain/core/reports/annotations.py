"""Problems on the lines that they are about, in the forms that forges take from a job without more help.

GitHub reads workflow commands from a job's log (docs.github.com/actions, "Workflow commands"): a line that
begins with `::` is one, so what a spec holds must never begin a line, nor end a command's properties. GitLab
reads a code quality report (docs.gitlab.com/ci/testing/code_quality) from a job's artifacts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ordain.core.escaping import visible
from ordain.core.problems import Problem
from ordain.core.reports.sarif import fingerprint

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def commands(problems: Sequence[Problem], notes: Sequence[Problem] = ()) -> Iterator[str]:
    """A workflow command for each problem and note, one a line."""
    for level, found in (("error", problems), ("notice", notes)):
        for each in found:
            yield f"::{level} {','.join(_properties(each))}::{_escaped(_text(each), _DATA)}"


def code_quality(problems: Sequence[Problem], notes: Sequence[Problem] = ()) -> list[dict[str, Any]]:
    """A code quality report; an empty one closes what was open."""
    return [
        {
            "description": _text(each),
            "check_name": each.code,
            "fingerprint": fingerprint(each).removeprefix("sha256:"),
            "severity": severity,
            "location": {"path": visible(each.file), "lines": {"begin": max(each.line, 1)}},
        }
        for severity, found in (("major", problems), ("info", notes))
        for each in found
    ]


def _properties(problem: Problem) -> Iterator[str]:
    """Where it is; a problem of a whole file is shown on its first line."""
    told = {"file": problem.file, "line": str(max(problem.line, 1)), "title": problem.code}
    if problem.line and problem.column:
        told["col"] = str(problem.column)
    return (f"{name}={_escaped(visible(text), _PROPERTY)}" for name, text in told.items())


def _text(problem: Problem) -> str:
    """What is wrong, and in a second line what to do."""
    said = ": ".join(visible(part) for part in (problem.key, problem.message) if part)
    return f"{said}\n{visible(problem.suggestion)}".rstrip("\n")


def _escaped(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(each, each) for each in text)
