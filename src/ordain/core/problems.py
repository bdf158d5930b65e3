"""A problem in the declared state: what, where, and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One fault in one file.

    Attributes:
        file: path relative to the repository.
        line: 1-based; 0 when the fault concerns the whole file.
        column: 1-based; 0 likewise.
        key: dotted path such as `models.churn.data.columns.tenure`; empty for the whole file.
        message: one sentence.
        suggestion: what to write or run instead; may be empty.
        code: a stable word for machines, such as `unknown-key` (listed in docs/errors.md).
    """

    file: str
    line: int = 0
    column: int = 0
    key: str = ""
    message: str
    suggestion: str = ""
    code: str


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion sentence for a misspelt word, or an empty string."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""
