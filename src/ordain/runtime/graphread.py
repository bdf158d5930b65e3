"""Read an ONNX graph that has passed `runtime.graphcheck`: its nodes, and the constants that they need.

Batch scoring looks into the graph to run the same numbers another way, and serving needs no `onnx` package
for that. Long lists of numbers (a forest has one number a node and attribute) are decoded by NumPy. What
follows no pattern known here is left out; whoever asks for it then does without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ordain.runtime.graphcheck import BYTES, FIXED32, GRAPH, MODEL, VARINT, field, message

INT64 = 7
_FLOATS = re.compile(rb"(?:\x3d.{4})++", re.DOTALL)
_INTS = re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])++")
_PAIR = np.dtype([("tag", "u1"), ("value", "<f4")])
_EMPTY_FLOATS, _EMPTY_INTS = np.zeros(0, np.float32), np.zeros(0, np.int64)


class Attribute(NamedTuple):
    """One attribute of a node; what it does not have is empty."""

    f: float | None
    i: int | None
    s: bytes
    floats: NDArray[np.float32]
    ints: NDArray[np.int64]
    strings: Sequence[bytes]


class Node(NamedTuple):
    """One operator. `span` is where its message lies in the file."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    span: tuple[int, int]


class Graph(NamedTuple):
    """A graph's parts.

    Attributes:
        nodes: in the order in which they can run.
        constants: initialisers of whole numbers, by name; others are not needed here.
        span: where the graph's message lies in the file.
    """

    nodes: Sequence[Node]
    constants: Mapping[str, NDArray[np.int64]]
    span: tuple[int, int]


def read_graph(data: bytes) -> Graph:
    """The parts of a graph.

    Args:
        data: bytes of `model.onnx` that `check_graph` has accepted.
    """
    span = next(
        (start, end) for number, _, start, end in message(data, (0, len(data)), "model", MODEL) if number == 7
    )
    nodes: list[Node] = []
    constants: dict[str, NDArray[np.int64]] = {}
    for number, _, start, end in message(data, span, "graph", GRAPH):
        if number == 1:
            nodes.append(_node(data, (start, end)))
        elif number == 5:
            constants |= _constant(data, (start, end))
    return Graph(nodes, constants, span)


def fields(data: bytes, span: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Every field of a message: its number, wire type, first (a varint: its value) and end."""
    place, end = span
    while place < end:
        each, place = field(data, place, end)
        yield each


def _node(data: bytes, span: tuple[int, int]) -> Node:
    texts: dict[int, list[str]] = {1: [], 2: [], 4: []}
    attributes: dict[str, Attribute] = {}
    for number, _, start, end in fields(data, span):
        if number in texts:
            texts[number].append(data[start:end].decode("utf-8", "replace"))
        elif number == 5:
            name, attribute = _attribute(data, (start, end))
            attributes[name] = attribute
    return Node("".join(texts[4]), tuple(texts[1]), tuple(texts[2]), attributes, span)


def _attribute(data: bytes, span: tuple[int, int]) -> tuple[str, Attribute]:
    name, f, i, s = "", None, None, b""
    floats, ints, strings = [_EMPTY_FLOATS], [_EMPTY_INTS], []
    place, end = span
    while place < end:
        if run := _FLOATS.match(data, place, end):
            floats.append(np.frombuffer(run.group(), dtype=_PAIR)["value"])
            place = run.end()
        elif run := _INTS.match(data, place, end):
            ints.append(_varints(np.frombuffer(run.group(), dtype=np.uint8)))
            place = run.end()
        else:
            (number, wire, start, stop), place = field(data, place, end)
            if number == 1:
                name = data[start:stop].decode("utf-8", "replace")
            elif number == 2 and wire == FIXED32:
                f = float(np.frombuffer(data[start:stop], "<f4")[0])
            elif number == 3 and wire == VARINT:
                i = int(np.uint64(start).astype(np.int64))
            elif number == 4:
                s = data[start:stop]
            elif number == 9:
                strings.append(data[start:stop])
    return name, Attribute(f, i, s, np.concatenate(floats), np.concatenate(ints), strings)


def _varints(raw: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Values of a run of (tag, varint), of which exactly each tag and each last byte is below 128."""
    ends = np.flatnonzero(raw < 0x80)
    tags, lasts = ends[0::2], ends[1::2]
    values = np.zeros(len(tags), dtype=np.uint64)
    for place in range(int((lasts - tags).max())):
        there = tags + 1 + place <= lasts
        bits = raw[np.minimum(tags + 1 + place, lasts)].astype(np.uint64) & np.uint64(0x7F)
        values |= np.where(there, bits << np.uint64(7 * place), np.uint64(0))
    return values.view(np.int64)


def _constant(data: bytes, span: tuple[int, int]) -> dict[str, NDArray[np.int64]]:
    """An initialiser of whole numbers, flat; nothing for one of another type."""
    name, kind, values = "", 0, [_EMPTY_INTS]
    for number, wire, start, end in fields(data, span):
        if number == 8:
            name = data[start:end].decode("utf-8", "replace")
        elif number == 2:
            kind = start
        elif number == 9:
            values.append(np.frombuffer(data[start : end - (end - start) % 8], "<i8"))
        elif number == 7 and wire == BYTES:
            values.append(_packed(data[start:end]))
        elif number == 7:
            values.append(np.array([start], dtype=np.uint64).view(np.int64))
    return {name: np.concatenate(values)} if kind == INT64 else {}


def _packed(raw: bytes) -> NDArray[np.int64]:
    """Varints one after the other."""
    if not raw or raw[-1] >= 0x80:
        return _EMPTY_INTS
    tagged = b"".join(b"\x40" + each for each in re.findall(rb"[\x80-\xff]{0,9}[\x00-\x7f]", raw))
    return _varints(np.frombuffer(tagged, dtype=np.uint8))
