"""What a batch leaves behind while it runs: finished partitions, and a note of which batch they belong to.

The folder `.<output>.ordain-<id>` lies beside the output. A partition is its scores, its rejects and, last of
all, a record that it is finished; each appears whole. The id names the artifact, the very version of the
input and everything else that decides a byte, so another batch never takes up these partitions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ordain.adapters.files import TEMPORARY
from ordain.adapters.places import Place
from ordain.core.canonical import digest
from ordain.errors import UserError

NOTE = "batch.json"
RECORD_BYTES = 2**20
_MARK = ".ordain-"


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One finished partition.

    Attributes:
        rows, rejected: in it. counts: violations, as `[column, kind, action, count]`.
    """

    rows: int
    rejected: int
    counts: tuple[tuple[str, str, str, int], ...] = ()


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the first start of a batch decided, for those that take it up."""

    executor: str


class Work:
    """The partitions of one batch.

    Args:
        output: where the whole will be. facts: all that decides its bytes. extension: of a partition.
    """

    def __init__(self, output: Place, facts: Mapping[str, Any], extension: str) -> None:
        self.id = digest("batch/v1", dict(facts)).removeprefix("sha256:")[:32]
        self.extension = extension
        self._output = output
        self._folder = output.beside(f".{output.name}{_MARK}{self.id[:16]}")
        self._begun = False

    def note(self) -> Note | None:
        """What an earlier start left; None for a batch that is new."""
        place = self._folder.below(NOTE)
        self._begun |= place.exists()
        return _decoded(place, Note) if self._begun else None

    def keep(self, note: Note) -> None:
        """Leave a note for a later start."""
        self._folder.below(NOTE).write(msgspec.json.encode(note))
        self._begun = True

    def lost(self) -> bool:
        """Whether the folder was there and is gone: another start of this batch was done first."""
        return self._begun and not self._folder.below(NOTE).exists()

    def finished(self) -> list[Part]:
        """The partitions that are done, from the first to the last before a gap."""
        names = set(self._folder.names())
        parts: list[Part] = []
        while self._name(len(parts), "json") in names:
            parts.append(_decoded(self._folder.below(self._name(len(parts), "json")), Part))
        return parts

    def scores(self, number: int) -> Place:
        """Where the scores of a partition are."""
        return self._folder.below(self._name(number, self.extension))

    def rejects(self, number: int) -> Place:
        """Where the rejects of a partition are."""
        return self._folder.below(self._name(number, "rejects"))

    def finish(self, number: int, part: Part) -> None:
        """Record that a partition is done; its scores and rejects are there already."""
        self._folder.below(self._name(number, "json")).write(msgspec.json.encode(part))

    def clear(self) -> None:
        """Remove what this batch, and any other for the same output, left behind."""
        folder = re.escape(f".{self._output.name}{_MARK}") + "[0-9a-f]{16}"
        unfinished = re.escape(f".{self._output.name}") + r"(\.rejects\.jsonl|\.report\.json)?\.[^.]+"
        ours = re.compile(f"{folder}|{unfinished}{re.escape(TEMPORARY)}")
        for name in self._output.beside("").names():
            if ours.fullmatch(name):
                self._output.beside(name).remove()

    @staticmethod
    def _name(number: int, extension: str) -> str:
        return f"{number:06d}.{extension}"


def _decoded(place: Place, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(place.read(RECORD_BYTES), type=kind)
    except msgspec.MsgspecError as error:
        fix = "remove its folder; the batch then starts again"
        raise UserError("not a record that a batch wrote", where=place.shown, fix=fix) from error
