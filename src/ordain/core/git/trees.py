"""Trees as Git stores them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import chain

TREE = "40000"
Entry = tuple[str, str]
# Mode and object id, by name.
Tree = Mapping[str, Entry]


def parse(data: bytes, id_length: int) -> dict[str, Entry]:
    """The entries of a tree object, in their order.

    Names are as they stand there, odd ones included: whoever uses one as a path checks it.

    Args:
        data: the object's content. id_length: of an object id, in bytes.

    Raises:
        ValueError: when it is no tree, or a name stands there twice.
    """
    rows = _entry(id_length).findall(data)
    if len(b"".join(chain.from_iterable(rows))) + 2 * len(rows) != len(data):
        raise ValueError("it is cut off, or a name that is none stands there")
    found = {
        name.decode("utf-8", "surrogateescape"): (mode.decode("ascii", "replace"), each.hex())
        for mode, name, each in rows
    }
    if len(found) != len(rows):
        raise ValueError("one name stands for two things")
    return found


@lru_cache(maxsize=2)
def _entry(id_length: int) -> re.Pattern[bytes]:
    """Mode, name and id; what it skips is missing in the sum of what it found."""
    return re.compile(rb"([^ \0]*) ([^\0/]+)\0(.{%d})" % id_length, re.DOTALL)


def changed(
    path: str, ends: tuple[Entry | None, Entry | None], read: Callable[[str], Tree]
) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """Files at and below a path that differ: what stood there, and what stands there now.

    Args:
        ends: what stands at the path before and after. read: a tree's entries by its id.
    """
    waiting = [(path, *ends)]
    while waiting:
        here, before, after = waiting.pop()
        if before == after:
            continue
        old, new = (read(each[1]) if each and each[0] == TREE else {} for each in (before, after))
        names = {name for name, _ in old.items() ^ new.items()}
        waiting += [(f"{here}/{name}", old.get(name), new.get(name)) for name in sorted(names, reverse=True)]
        was, now = (each if each and each[0] != TREE else None for each in (before, after))
        if was or now:
            yield here, was, now
