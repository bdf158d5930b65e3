"""Problems as SARIF 2.1.0 (OASIS), which forges show on the lines that they are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ordain.core.canonical import digest
from ordain.core.problems import Problem

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(problems: Sequence[Problem], version: str, notes: Sequence[Problem] = ()) -> dict[str, Any]:
    """One log with one run.

    Args:
        problems: of `ordain check`; none gives a run without results, which closes what was open.
        version: of Ordain. notes: what is worth a line and no refusal.
    """
    rules = sorted({each.code for each in (*problems, *notes)})
    driver = {"name": "Ordain", "semanticVersion": version, "rules": [_rule(code) for code in rules]}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(each, rules.index(each.code), level)
                    for level, found in (("error", problems), ("note", notes))
                    for each in found
                ],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    return {"id": code, "shortDescription": {"text": code.replace("-", " ")}}


def _result(problem: Problem, rule: int, level: str) -> dict[str, Any]:
    text = ": ".join(part for part in (problem.key, problem.message) if part)
    # A problem of a whole file is shown on its first line, because forges want some line.
    region = {"startLine": max(problem.line, 1), "startColumn": max(problem.column, 1)}
    artifact = {"uri": _uri(problem.file), "uriBaseId": "%SRCROOT%"}
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": f"{text}\n{problem.suggestion}".rstrip()},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
        # The same problem stays the same when lines move.
        "partialFingerprints": {"ordain/v1": fingerprint(problem)},
    }


def _uri(path: str) -> str:
    """A relative path as RFC 3986 has it."""
    data = path.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if chr(byte) in _UNRESERVED else f"%{byte:02X}" for byte in data)


def fingerprint(problem: Problem) -> str:
    """What stays the same while lines move."""
    return digest("problem/v1", [problem.file, problem.key, problem.code, problem.message])
