"""A chunk of rows against the contract: what can be scored, what is refused, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ordain.core.artifacts.signature import Signature
from ordain.core.problems import did_you_mean
from ordain.errors import UserError
from ordain.runtime.admission import Policy
from ordain.runtime.batch.columns import FINE, KINDS, Kinds, Numbers, Text, judge_numbers, judge_text
from ordain.runtime.contract import ABSENT, ALWAYS_REFUSED, Kind, sentence

DAMAGED = "damaged"
Column = Any  # `pyarrow.Array`, or a list of JSON values


class Chunk(NamedTuple):
    """Consecutive rows of the input.

    Attributes:
        first: number of the first row, from 0. rows: how many.
        columns: every feature that the input has. kept: what is copied to the output.
        damaged: rows that are no rows, by their place in the chunk, and why.
        textual: whether numbers are written as text.
    """

    first: int
    rows: int
    columns: Mapping[str, Column]
    kept: Mapping[str, pa.Array]
    damaged: Mapping[int, str]
    textual: bool

    def part(self, start: int, stop: int) -> Chunk:
        """The rows from `start` up to `stop`, counted within the chunk."""
        return Chunk(
            self.first + start,
            stop - start,
            {name: each[start:stop] for name, each in self.columns.items()},
            {name: each[start:stop] for name, each in self.kept.items()},
            {row - start: why for row, why in self.damaged.items() if start <= row < stop},
            self.textual,
        )


class Admitted(NamedTuple):
    """A judged chunk.

    Attributes:
        strings: the text features in the order of their tensor.
        floats: float32 [N, F], missing is NaN; None without such features.
        refused: bool [N]. rejects: one JSON line a refused row, its reasons without any value.
        counts: violations by column, kind and what became of the row.
    """

    rows: int
    strings: Sequence[Text]
    floats: NDArray[np.float32] | None
    refused: NDArray[np.bool_]
    rejects: bytes
    counts: Counter[tuple[str, str, str]]


def check_columns(found: Sequence[str], signature: Signature, policy: Policy, place: str) -> None:
    """Hold the header of a table to the contract, so that a wrong file fails at once and not row by row.

    Raises:
        UserError: a column is there twice, or a feature is missing and the policy is `reject`.
    """
    twice = sorted(name for name, count in Counter(found).items() if count > 1)
    if twice:
        raise UserError(
            f"the column `{twice[0][:60]}` is there more than once", where=place, fix="keep one of them"
        )
    absent = [each.name for each in signature.features if each.name not in found]
    if absent and policy == "reject":
        hint = did_you_mean(absent[0], found)
        raise UserError(
            f"{len(absent)} columns are missing, `{absent[0]}` first; {hint}".rstrip("; "),
            where=place,
            fix="give every feature of the model a column, with commas between the cells",
        )


class Admission:
    """The contract of one release under one policy.

    Args:
        signature: the release's.
        policy: what becomes of a row that breaks it; what no tensor can hold is refused always.
    """

    def __init__(self, signature: Signature, policy: Policy) -> None:
        self.signature = signature
        self._features = {each.name: each for each in signature.features}
        refused = set(KINDS) if policy == "reject" else ALWAYS_REFUSED
        self._refused = np.array([*(kind in refused for kind in KINDS), False])

    def __call__(self, chunk: Chunk) -> Admitted:
        """Judge a chunk."""
        token = self.signature.missing_string
        strings: dict[str, Text] = {}
        numbers: dict[str, Numbers] = {}
        for each in self.signature.features:
            column = chunk.columns.get(each.name)
            column = [ABSENT] * chunk.rows if column is None else column
            if each.tensor == "strings":
                strings[each.name] = judge_text(each, column, token)
            else:
                numbers[each.name] = judge_numbers(each, column, chunk.textual)
        broken = {name: each.kinds for name, each in strings.items()}
        broken |= {name: each.kinds for name, each in numbers.items()}
        broken = {name: kinds for name, kinds in broken.items() if (kinds != FINE).any()}
        refused = self._refusals(chunk, broken)
        floats = [numbers[each.name].values for each in self.signature.of("floats")]
        return Admitted(
            chunk.rows,
            [strings[each.name] for each in self.signature.of("strings")],
            np.column_stack(floats) if floats else None,
            refused,
            self._rejects(chunk, broken, refused) if refused.any() else b"",
            _counts(chunk, broken, refused),
        )

    def _refusals(self, chunk: Chunk, broken: Mapping[str, Kinds]) -> NDArray[np.bool_]:
        refused = np.zeros(chunk.rows, dtype=np.bool_)
        refused[list(chunk.damaged)] = True
        for kinds in broken.values():
            refused |= self._refused[kinds]
        return refused

    def _rejects(self, chunk: Chunk, broken: Mapping[str, Kinds], refused: NDArray[np.bool_]) -> bytes:
        lines = []
        for row in np.flatnonzero(refused).tolist():
            if row in chunk.damaged:
                reasons = [{"column": None, "kind": DAMAGED, "reason": chunk.damaged[row]}]
            else:
                found = [(name, KINDS[kinds[row]]) for name, kinds in broken.items() if kinds[row] != FINE]
                reasons = [
                    {"column": name, "kind": kind.value, "reason": sentence(kind, self._features[name])}
                    for name, kind in found
                ]
            lines.append(msgspec.json.encode({"row": chunk.first + row, "reasons": reasons}))
        return b"\n".join([*lines, b""])


def _counts(
    chunk: Chunk, broken: Mapping[str, Kinds], refused: NDArray[np.bool_]
) -> Counter[tuple[str, str, str]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    if chunk.damaged:
        counts["", DAMAGED, "rejected"] = len(chunk.damaged)
    for name, kinds in broken.items():
        for code in np.unique(kinds[kinds != FINE]).tolist():
            kind: Kind = KINDS[code]
            rejected = int(np.count_nonzero(refused & (kinds == code)))
            accepted = int(np.count_nonzero(kinds == code)) - rejected
            counts[name, kind.value, "rejected"] += rejected
            counts[name, kind.value, "accepted"] += accepted
    return +counts
