"""What a compaction of a prediction log takes together, what that becomes, and what it removes.

Files that servers have ended, `predictions-<host>-<process>-<ms>-<n>.jsonl`, become
`compacted-<id>-<ms>-<n>.parquet` and, for what is no prediction, `rejects-<id>-<ms>-<n>.jsonl`. A journal
names what is taken before anything is written, and says when all of it is written, before anything is
removed: killed anywhere, the next run ends what was begun.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from ordain.core.canonical import digest
from ordain.core.value import Value

PART_BYTES = 64 * 2**20
JOURNAL_BYTES = 2**24
DAY_MS = 86_400_000
_SOURCE = r"^predictions-[A-Za-z0-9._-]{1,200}-(?P<ms>[0-9]{1,16})-(?P<number>[0-9]{1,9})\.jsonl(?!\n)$"
_JOURNAL = re.compile(r"compaction-[0-9a-f]{12}\.json")
_MADE = re.compile(r"(compacted|rejects)-[0-9a-f]{12}-(?P<ms>[0-9]{1,16})-[0-9]{1,9}\.(parquet|jsonl)")

SourceName = Annotated[str, Meta(pattern=_SOURCE)]


class Source(Value, frozen=True, kw_only=True):
    """One file that a server has ended: its name in the folder, and bytes."""

    name: SourceName
    size: Annotated[int, Meta(ge=0)]


class Part(Value, frozen=True, kw_only=True):
    """Files that are compacted together.

    Attributes:
        sources: in the order in which servers began them. written: whether all that they became is there.
    """

    sources: Annotated[tuple[Source, ...], Meta(min_length=1)]
    written: bool = False

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that name these sources."""
        named = [[each.name, each.size] for each in self.sources]
        return digest("compaction/v1", named).removeprefix("sha256:")[:12]

    @property
    def journal(self) -> str:
        """The name of its journal."""
        return f"compaction-{self.id}.json"

    def parquet(self, number: int) -> str:
        """The name of what some of its rows become."""
        return f"compacted-{self.id}-{self._ms}-{number}.parquet"

    @property
    def rejects(self) -> str:
        """The name of what is no prediction; a monitor counts its lines as the damage that they were."""
        return f"rejects-{self.id}-{self._ms}-0.jsonl"

    def made(self, names: Iterable[str]) -> list[str]:
        """Which of these names are of what it became."""
        return [each for each in names if _MADE.fullmatch(each) and f"-{self.id}-" in each]

    @property
    def _ms(self) -> int:
        """When the newest source was begun: what is older than all of it may go."""
        return max(_order(each.name)[0] for each in self.sources)


def is_source(name: str) -> bool:
    """Whether a server ended this file."""
    return re.search(_SOURCE, name) is not None


def journals(names: Iterable[str]) -> list[str]:
    """Names of journals among these."""
    return sorted(each for each in names if _JOURNAL.fullmatch(each))


def parts(sources: Iterable[Source]) -> Iterator[Part]:
    """Files by the time at which they were begun, so many together that memory and a retry stay small."""
    taken: list[Source] = []
    size = 0
    for each in sorted(sources, key=lambda source: _order(source.name)):
        if taken and size + each.size > PART_BYTES:
            yield Part(sources=tuple(taken))
            taken, size = [], 0
        taken.append(each)
        size += each.size
    if taken:
        yield Part(sources=tuple(taken))


def expired(names: Sequence[str], now_ms: int, keep_days: int) -> list[str]:
    """What earlier compactions made of files that are older than so many days."""
    found = ((each, _MADE.fullmatch(each)) for each in names)
    return sorted(name for name, made in found if made and int(made["ms"]) < now_ms - keep_days * DAY_MS)


def encode(part: Part) -> bytes:
    """A journal."""
    return msgspec.json.encode(part)


def decode(data: bytes) -> Part:
    """A journal; only names that a server gives are in it.

    Raises:
        ValueError: for anything else.
    """
    return msgspec.json.decode(data, type=Part)


def _order(name: str) -> tuple[int, int, str]:
    found = re.search(_SOURCE, name)
    return (int(found["ms"]), int(found["number"]), name) if found else (0, 0, name)
