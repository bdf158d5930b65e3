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
        fresh: NDArray[np.bool_] = (first(keys) & ~self.known(keys)) | (keys == 0)
        return fresh

    def known(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of these were there before this call; all of them are now."""
        at = (keys & np.uint64(len(self._words) - 1)).astype(np.int64)
        marks = np.zeros(len(keys), dtype=np.uint64)
        for probe in range(PROBES):  # of the upper bits, which the place does not depend on
            marks |= np.uint64(1) << ((keys >> np.uint64(28 + 6 * probe)) & _SIX)
        known: NDArray[np.bool_] = (self._words[at] & marks) == marks
        self._mark(at, marks)
        return known

    def _mark(self, at: NDArray[np.int64], marks: NDArray[np.uint64]) -> None:
        """Set every mark. Of several in one word one is set at a time, so until none is left."""
        while len(at):
            self._words[at] |= marks
            left = (self._words[at] & marks) != marks
            at, marks = at[left], marks[left]

    @property
    def error(self) -> float:
        """The chance by now that a new one is taken for an old one."""
        bits, words = np.unique(np.bitwise_count(self._words), return_counts=True)
        return float(np.average((bits / _WORD) ** PROBES, weights=words))


def first(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Where each key occurs first."""
    ordered = np.sort(keys)
    if not (ordered[1:] == ordered[:-1]).any():  # mostly so, and much faster to see than where
        return np.ones(len(keys), dtype=np.bool_)
    found = np.zeros(len(keys), dtype=np.bool_)
    found[np.unique(keys, return_index=True)[1]] = True
    return found
