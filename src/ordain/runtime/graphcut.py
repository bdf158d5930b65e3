"""The second part of a graph as a graph of its own, made of the same bytes.

Field numbers: onnx/onnx.proto of ONNX 1.19.
"""

from __future__ import annotations

from collections.abc import Sequence

from ordain.runtime.graphread import Graph, Node, fields

FLOAT = 1


def second_part(data: bytes, graph: Graph, nodes: Sequence[Node], matrix: tuple[str, int]) -> bytes:
    """A model that runs some of a graph's nodes on one matrix.

    Args:
        data: the whole model. graph: its parts. nodes: those that stay, in order.
        matrix: name and width of the only input, float32 [N, width].
    """
    inner = b"".join(_field(1, data[node.span[0] : node.span[1]]) for node in nodes)
    needed = {name for node in nodes for name in node.inputs}
    for number, _, start, end in fields(data, graph.span):
        keeps = number in {2, 12} or (number == 5 and _tensor_name(data, (start, end)) in needed)
        if keeps:
            inner += _field(number, data[start:end])
    inner += _field(11, _matrix(*matrix))
    return b"".join(
        _field(7, inner) if number == 7 else _copied(number, wire, data, (start, end))
        for number, wire, start, end in fields(data, (0, len(data)))
    )


def _tensor_name(data: bytes, span: tuple[int, int]) -> str:
    return next((data[start:end].decode() for number, _, start, end in fields(data, span) if number == 8), "")


def _matrix(name: str, width: int) -> bytes:
    """ValueInfoProto of a float32 matrix with any number of rows."""
    shape = _field(1, _field(2, b"N")) + _field(1, _number(1, width))
    tensor = _number(1, FLOAT) + _field(2, shape)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _copied(number: int, wire: int, data: bytes, span: tuple[int, int]) -> bytes:
    return _number(number, span[0]) if wire == 0 else _field(number, data[span[0] : span[1]])


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    raw = bytearray()
    while value >= 0x80:
        raw.append(value & 0x7F | 0x80)
        value >>= 7
    raw.append(value)
    return bytes(raw)
