"""64-bit keys of predictions, by which records are told apart and labels find theirs.

Ids stay out of memory: a month of them is larger than everything else that is kept. Two of a million
different ids share a key with a chance of about 1 in 40 million. The keys protect nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LONGEST = 64
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio: odd, and its bits look random
_HALF = np.uint64(32)


def keys_of(ids: Sequence[str], places: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The key of each prediction; 0 where the id is empty.

    Args:
        ids: of requests; [N].
        places: of each prediction in its request, from 0; [N].
    """
    if not len(ids):
        return np.zeros(0, dtype=np.uint64)
    whole = "".join(ids)
    plain = whole.isascii() and "\0" not in whole and max(map(len, ids)) <= LONGEST
    packed = np.array(ids if plain else [_packed(each) for each in ids], dtype=np.bytes_)
    width = -(-packed.dtype.itemsize // 8)
    words = packed.astype(f"S{8 * width}").view(np.uint64).reshape(len(packed), width)
    keys = np.zeros(len(packed), dtype=np.uint64)
    for column in words.T:  # padding is 0 and must not change a key
        keys = np.where(column == 0, keys, mixed(keys ^ column))
    named = packed != b""
    keys = mixed(keys + places * _FACTOR)
    return np.where(named, np.where(keys == 0, _FACTOR, keys), np.uint64(0))


def _packed(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= LONGEST and b"\0" not in data:
        return data
    return hashlib.blake2b(data, digest_size=16).hexdigest().encode()


def mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Two rounds of multiplying and folding the upper half down (arithmetic is modulo 2^64)."""
    for _ in range(2):
        keys = (keys ^ (keys >> _HALF)) * _FACTOR
    return keys ^ (keys >> _HALF)
