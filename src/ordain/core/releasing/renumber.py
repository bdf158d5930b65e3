"""Two requests took one release number: which of the later one's records move, and where to."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec.structs import replace

from ordain.core.gating.release import Release, encode
from ordain.core.releasing.releasing import next_number
from ordain.core.specs.parts import Part


class Move(Part, frozen=True, kw_only=True):
    """One record that gives way.

    Attributes:
        before: the number that somebody else took first.
        record: the same champion under its new number, closed by its new digest.
    """

    before: int
    record: Release


def renumbered(record: Release, number: int) -> Release:
    """A record under another number: nothing else differs but the digest that closes it."""
    return replace(record, number=number).closed()


def moves(
    own: Mapping[int, Release],
    taken: Collection[int],
    used: Collection[int],
    here: Mapping[int, bytes],
) -> tuple[Move, ...]:
    """Where each record goes whose number is taken, lowest first.

    Args:
        own: the records that this branch added, by number.
        taken: numbers under which the base holds another record.
        used: every number ever used for the model; none is used again.
        here: record files as they lie in the working tree, so that a second run finds what the first wrote.
    """
    found: list[Move] = []
    blocked = {*used, *here, *taken}
    for number in sorted(own.keys() & set(taken)):
        written = [each for each, data in here.items() if data == encode(renumbered(own[number], each))]
        again = [each for each in written if each not in {number, *own, *taken}]
        place = min(again, default=next_number(blocked))
        blocked.add(place)
        found.append(Move(before=number, record=renumbered(own[number], place)))
    return tuple(found)
