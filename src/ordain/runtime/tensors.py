"""Tensors of the Open Inference Protocol: every datatype, as JSON (flat or nested) and as raw bytes.

The binary form is the protocol's binary tensor data extension: numbers little-endian and row-major,
BYTES elements each with a 4-byte little-endian length before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ordain.runtime.refusal import Refusal

NUMPY = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1",
    "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
BRAIN = "BF16"  # the upper half of an FP32; NumPy has no name for it
DATATYPES = (*NUMPY, BRAIN, "BYTES")
ELEMENT_LIMIT = 2**40
DIMENSIONS = 8  # the product of a hundred thousand takes minutes


def element_count(name: str, shape: Sequence[int]) -> int:
    """How many elements a shape holds.

    Raises:
        Refusal: 400 for a negative or absurd dimension, for too many of them, or none.
    """
    if len(shape) > DIMENSIONS:
        raise _bad(name, f"`shape` may hold {DIMENSIONS} dimensions")
    if not shape or any(each < 0 or each > ELEMENT_LIMIT for each in shape):
        raise _bad(name, "`shape` must hold at least one dimension, none of them negative")
    count = math.prod(shape)
    if count > ELEMENT_LIMIT:
        raise _bad(name, "`shape` holds more elements than any request")
    return count


def from_json(name: str, datatype: str, shape: Sequence[int], data: Any) -> list[Any]:
    """The elements of a tensor in JSON, row-major; null stands for a missing value.

    Args:
        name: for the message.
        datatype: one of `DATATYPES`.
        shape: as the request says.
        data: flat, or nested as the shape says.

    Raises:
        Refusal: 400 when the data has another shape, or an element that the datatype cannot hold.
    """
    if not isinstance(data, list):
        raise _bad(name, "`data` must be an array")
    count = element_count(name, shape)
    for size in shape[1:]:
        if not (data and isinstance(data[0], list)):
            break
        if not all(isinstance(each, list) and len(each) == size for each in data):
            raise _bad(name, "the nesting of `data` is not that of `shape`")
        data = list(chain.from_iterable(data))
    if len(data) != count:
        raise _bad(name, f"`data` has {len(data)} elements where `shape` has {count}")
    holds = CHECKS[datatype]
    for place, value in enumerate(data):
        if value is not None and not holds(value):
            raise _bad(name, f"element {place} is no {datatype}")
    values: list[Any] = data
    return values


def from_bytes(name: str, datatype: str, shape: Sequence[int], raw: bytes) -> list[Any]:
    """The elements of a tensor in the binary form; raises as `from_json`."""
    count = element_count(name, shape)
    if datatype == "BYTES":
        return _texts(name, raw, count)
    kind = np.dtype(NUMPY.get(datatype, "<u2"))
    if len(raw) != count * kind.itemsize:
        raise _bad(name, f"the binary data has {len(raw)} bytes instead of {count * kind.itemsize}")
    found = np.frombuffer(raw, dtype=kind)
    if datatype == BRAIN:
        found = (found.astype("<u4") << 16).view("<f4")
    values: list[Any] = found.tolist()
    return values


def _texts(name: str, raw: bytes, count: int) -> list[Any]:
    values: list[Any] = []
    place = 0
    while place < len(raw):
        start = place + 4
        place = start + int.from_bytes(raw[place:start], "little")
        if start > len(raw) or place > len(raw):
            raise _bad(name, "the binary data is truncated")
        try:
            values.append(raw[start:place].decode("utf-8"))
        except UnicodeDecodeError:
            raise _bad(name, f"element {len(values)} is not UTF-8") from None
        if len(values) > count:  # millions more fit into one request
            raise _bad(name, f"the binary data has more elements than `shape`, which has {count}")
    if len(values) != count:
        raise _bad(name, f"the binary data has {len(values)} elements where `shape` has {count}")
    return values


def to_bytes(datatype: str, values: Sequence[Any]) -> bytes:
    """Elements in the binary form; the datatype is an output's, so one of FP32 and BYTES."""
    if datatype == "BYTES":
        encoded = [str(each).encode("utf-8") for each in values]
        return b"".join(len(each).to_bytes(4, "little") + each for each in encoded)
    return np.asarray(values, dtype=NUMPY[datatype]).tobytes()


def _integers(low: int, high: int) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return low <= value <= high and float(value).is_integer()

    return holds


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool) or (_is_number(value) and value in {0, 1})


CHECKS: dict[str, Callable[[Any], bool]] = {
    "BOOL": _is_boolean,
    "BYTES": lambda value: isinstance(value, str),
    **dict.fromkeys(("FP16", "FP32", "FP64", BRAIN), _is_number),
    **{f"UINT{bits}": _integers(0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": _integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}


def _bad(name: str, why: str) -> Refusal:
    return Refusal(400, f"input {name[:60]!a}: {why}")
