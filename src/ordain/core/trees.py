"""Trees as Git stores them."""

from __future__ import annotations

from collections.abc import Mapping

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
    found: dict[str, Entry] = {}
    position = 0
    while position < len(data):
        end = data.index(b"\0", position)
        mode, space, raw = data[position:end].partition(b" ")
        position = end + 1 + id_length
        name = raw.decode("utf-8", "surrogateescape")
        if not space or position > len(data):
            raise ValueError("it is cut off")
        if not name or "/" in name:
            raise ValueError("a name that is none stands there")
        if name in found:
            raise ValueError("one name stands for two things")
        found[name] = (mode.decode("ascii", "replace"), data[end + 1 : position].hex())
    return found
