"""Arrow's columns as NumPy sees them, where they lie.

Arrow's own way to NumPy imports pandas if it is installed, which takes a third of a second and 50 MiB.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)


def plain(column: Any, kind: type[Kind]) -> NDArray[Kind]:
    """Numbers of a column of this very type, unchanged; where one is missing stands anything.

    Args:
        column: an Arrow array of numbers, not of booleans; [N].
    """
    size = np.dtype(kind).itemsize
    data = column.buffers()[1]
    if not len(column) or data is None:
        return np.zeros(len(column), dtype=kind)
    return np.frombuffer(data, dtype=kind, count=len(column), offset=column.offset * size)


def valid(column: Any) -> NDArray[np.bool_]:
    """Which values of a column are there; [N]."""
    bits = column.buffers()[0]
    if not column.null_count or bits is None:
        return np.full(len(column), not column.null_count, dtype=np.bool_)
    first = column.offset
    packed = np.frombuffer(bits, dtype=np.uint8)[first // 8 : (first + len(column) + 7) // 8]
    found: NDArray[np.bool_] = np.unpackbits(packed, bitorder="little")[first % 8 :][: len(column)].astype(
        np.bool_
    )
    return found
