"""Whole inputs against the contract: missing and extra columns, the policy, and the sentence that refuses.

The policy is the release's: `reject` refuses any violation; `accept` lets a value through that the graph
has an answer for (an unknown category counts as unknown, a missing one as missing, an extra column is
ignored) and counts it. What no tensor can hold, text in place of a number or an infinity, is refused always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Literal

import msgspec

from ordain.core.artifacts.signature import Signature
from ordain.core.problems import did_you_mean
from ordain.runtime.contract import ABSENT, ALWAYS_REFUSED, Kind, Violation, judge_column
from ordain.runtime.refusal import Refusal

Policy = Literal["reject", "accept"]
NAMED_VIOLATIONS = 10
ENOUGH = 100  # violations after which looking for more only costs time
NAME_LENGTH = 60
UNKNOWN_COLUMN = "unknown column"
IGNORED = Violation(Kind.EXTRA_COLUMN, "", None, UNKNOWN_COLUMN)


class Packed(msgspec.Struct, frozen=True):
    """Rows as the graph takes them.

    Attributes:
        rows: how many.
        strings: rows times the width of `strings`, row by row.
        floats: rows times the width of `floats`, row by row: int, float, bool, days of a date; a missing
            number is None.
    """

    rows: int
    strings: Sequence[str]
    floats: Sequence[float | None]

    @property
    def texts(self) -> list[Sequence[str]]:
        """The columns of `strings`."""
        return _columns(self.strings, self.rows)

    @property
    def numbers(self) -> list[Sequence[float | None]]:
        """The columns of `floats`."""
        return _columns(self.floats, self.rows)


class Columnar(msgspec.Struct, frozen=True):
    """The same rows column by column, as most clients send many; packed only when the graph is asked.

    Attributes:
        rows: how many. texts, numbers: the columns of `strings` and of `floats`.
    """

    rows: int
    texts: Sequence[Sequence[str]]
    numbers: Sequence[Sequence[float | None]]

    @property
    def strings(self) -> list[str]:
        """Row by row."""
        return list(chain.from_iterable(zip(*self.texts, strict=True)))

    @property
    def floats(self) -> list[float | None]:
        """Row by row."""
        return list(chain.from_iterable(zip(*self.numbers, strict=True)))


Rows = Packed | Columnar


def _columns(values: Sequence[Any], rows: int) -> list[Sequence[Any]]:
    width = len(values) // rows
    return [values[place::width] for place in range(width)]


class Admitted(msgspec.Struct, frozen=True):
    """Rows that may be scored, and what was let through with them."""

    packed: Rows
    violations: Sequence[Violation] = ()


class InvalidInput(Refusal):
    """Rows that the contract refuses.

    Args:
        violations: all that were found; at least one.
    """

    def __init__(self, violations: Sequence[Violation]) -> None:
        named = "; ".join(map(str, violations[:NAMED_VIOLATIONS]))
        rest = len(violations) - NAMED_VIOLATIONS
        more = f"; and {rest} more" if rest > 0 else ""
        super().__init__(400, f"the input breaks the model's contract: {named}{more}")
        self.violations = violations


class Admission:
    """The contract of one release under one policy.

    Args:
        signature: the release's.
        policy: what to do with a violation.
    """

    def __init__(self, signature: Signature, policy: Policy) -> None:
        self.signature = signature
        self.policy = policy
        self.names = [each.name for each in signature.features]
        self._known = frozenset(self.names)

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> Admitted:
        """Rows of named JSON values.

        Raises:
            InvalidInput: by the policy, naming rows and columns.
        """
        extra: list[Violation] = []
        for number, row in enumerate(rows):
            if row.keys() - self._known:
                extra += self._extras(row, number)
            if len(extra) > ENOUGH and self.policy == "reject":
                break
        columns = {name: [row.get(name, ABSENT) for row in rows] for name in self.names}
        return self._admit(columns, len(rows), extra)

    def columns(self, columns: Mapping[str, Sequence[Any]], rows: int) -> Admitted:
        """Named columns of JSON values, all of one length.

        Raises:
            InvalidInput: by the policy, naming rows and columns.
        """
        extra = self._extras(columns, None)
        absent = [name for name in self.names if name not in columns]
        extra += [Violation(Kind.MISSING_COLUMN, name, None, "the column is missing") for name in absent]
        return self._admit(columns, rows, extra)

    def _admit(
        self, columns: Mapping[str, Sequence[Any]], rows: int, violations: list[Violation]
    ) -> Admitted:
        packed: dict[str, list[list[Any]]] = {"strings": [], "floats": []}
        token = self.signature.missing_string
        for tensor in ("strings", "floats"):
            for feature in self.signature.of("strings" if tensor == "strings" else "floats"):
                values = columns.get(feature.name)
                if values is None:
                    packed[tensor].append([token if tensor == "strings" else None] * rows)
                    continue
                judged = judge_column(feature, values, token)
                packed[tensor].append(judged.values)
                violations += judged.violations
                self._check(violations, at_least=ENOUGH)
        self._check(violations, at_least=1)
        return Admitted(Columnar(rows, packed["strings"], packed["floats"]), violations)

    def _check(self, violations: Sequence[Violation], *, at_least: int) -> None:
        if self.policy == "accept":
            violations = [each for each in violations if each.kind in ALWAYS_REFUSED]
        if len(violations) >= at_least:
            found = sorted(violations, key=lambda each: (each.row is not None, each.row or 0))
            raise InvalidInput([*map(self._hinted, found[:NAMED_VIOLATIONS]), *found[NAMED_VIOLATIONS:]])

    def _extras(self, names: Iterable[str], row: int | None) -> list[Violation]:
        """The columns that the model does not have; when they are only to be counted, without their names."""
        unknown = (name for name in names if name not in self._known)
        if self.policy == "accept":
            return [IGNORED for _ in unknown]
        return [
            Violation(Kind.EXTRA_COLUMN, ascii(name[:NAME_LENGTH])[1:-1], row, UNKNOWN_COLUMN)
            for name in islice(unknown, ENOUGH)
        ]

    def _hinted(self, violation: Violation) -> Violation:
        """With the name that may have been meant: to find it takes long, so only what is shown gets one."""
        if violation.kind is not Kind.EXTRA_COLUMN:
            return violation
        hint = did_you_mean(violation.column, self.names)
        return violation._replace(text=f"{violation.text}; {hint}".rstrip("; "))
