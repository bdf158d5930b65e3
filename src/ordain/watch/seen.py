"""Which predictions were read before, in constant memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 27  # 16 MiB
PROBES = 4


class Seen:
    """A Bloom filter over keys of predictions.

    It never forgets one, and takes one that is new for an old one with a chance of less than one in a
    million after a million, and of four in a thousand after ten million: rows that are then left out by
    mistake are left out at random.
    """

    def __init__(self) -> None:
        self._bits = np.zeros(2**BITS // 8, dtype=np.uint8)

    def fresh(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of these are new, here and among themselves; they are not any more. Key 0 is always new."""
        first = np.zeros(len(keys), dtype=np.bool_)
        first[np.unique(keys, return_index=True)[1]] = True
        known = np.ones(len(keys), dtype=np.bool_)
        low, high = keys & np.uint64(0xFFFFFFFF), keys >> np.uint64(32)
        places = [(low + np.uint64(probe) * high) % np.uint64(2**BITS) for probe in range(PROBES)]
        for place in places:
            known &= (self._bits[place >> np.uint64(3)] >> (place & np.uint64(7)).astype(np.uint8)) & 1 == 1
        for place in places:
            marks = np.left_shift(np.uint8(1), (place & np.uint64(7)).astype(np.uint8))
            np.bitwise_or.at(self._bits, place >> np.uint64(3), marks)
        fresh: NDArray[np.bool_] = (first & ~known) | (keys == 0)
        return fresh

    @property
    def error(self) -> float:
        """The chance by now that a new one is taken for an old one."""
        return float(np.bitwise_count(self._bits).sum() / 2**BITS) ** PROBES
