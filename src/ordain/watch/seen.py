"""Which predictions were read before, in constant memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 27  # 16 MiB
PROBES = 6
_WORD = 64
_SIX = np.uint64(63)  # the bits that name one of a word's


class Seen:
    """A Bloom filter over keys of predictions, each of which has its bits in one word (Putze et al. 2007).

    It never forgets one, and takes one that is new for an old one with a chance of about one in a hundred
    thousand after a million, and of less than one in a hundred after ten million: rows that are then left
    out by mistake are left out at random. One word a key is one place in memory to go to, not six.

    Args:
        bits: logarithm of how many there are; 0 for `BITS`.
    """

    def __init__(self, bits: int = 0) -> None:
        self._words = np.zeros(2 ** (bits or BITS) // _WORD, dtype=np.uint64)

    def fresh(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of these are new, here and among themselves; they are not any more. Key 0 is always new."""
        at = (keys & np.uint64(len(self._words) - 1)).astype(np.int64)
        marks = np.zeros(len(keys), dtype=np.uint64)
        for probe in range(PROBES):  # of the upper bits, which the place does not depend on
            marks |= np.uint64(1) << ((keys >> np.uint64(28 + 6 * probe)) & _SIX)
        known = (self._words[at] & marks) == marks
        self._mark(at, marks)
        fresh: NDArray[np.bool_] = (_first(keys) & ~known) | (keys == 0)
        return fresh

    def _mark(self, at: NDArray[np.int64], marks: NDArray[np.uint64]) -> None:
        """Set every mark. Of several in one word one is set at a time, so until none is left."""
        while len(at):
            self._words[at] |= marks
            left = (self._words[at] & marks) != marks
            at, marks = at[left], marks[left]

    @property
    def error(self) -> float:
        """The chance by now that a new one is taken for an old one."""
        return float(((np.bitwise_count(self._words) / _WORD) ** PROBES).mean())


def _first(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Where each key occurs first."""
    if len(np.unique(keys)) == len(keys):
        return np.ones(len(keys), dtype=np.bool_)
    first = np.zeros(len(keys), dtype=np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    return first
