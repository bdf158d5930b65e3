"""Decide from the bytes of an ONNX file whether it may be loaded, before anything loads it.

An ONNX file is a protobuf message. This module walks its wire format with an allow-list of fields, so
that serving needs neither the `onnx` package nor trust in the file: a field that is not listed (functions,
training graphs, subgraphs, external data, sparse tensors, metadata that configures the runtime) refuses
the file, and so does every byte that is no protobuf, which is where disguised pickles end. Nothing is
decoded beyond names, domains and versions, so time and memory are bounded by the size of the file.

Field numbers: onnx/onnx.proto of ONNX 1.19.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from ordain.core.reasons import Reason
from ordain.errors import UserError

BYTE_LIMIT = 512 * 2**20
NODE_LIMIT = 100_000
# Operator sets that converters write and that ONNX Runtime implements; everything else is somebody's own.
OPSETS = {"": range(9, 24), "ai.onnx": range(9, 24), "ai.onnx.ml": range(1, 6)}

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Field = tuple[int, int, int, int]  # number, wire type, first (a varint: its value), end

MODEL = {
    1: "ir_version",
    2: "producer",
    3: "producer",
    4: "domain",
    5: "version",
    6: "doc",
    7: "graph",
    8: "opset",
}
GRAPH = {1: "node", 2: "name", 5: "initializer", 10: "doc", 11: "input", 12: "output", 13: "value_info"}
NODE = {1: "input", 2: "output", 3: "name", 4: "op_type", 5: "attribute", 6: "doc", 7: "domain"}
ATTRIBUTE = {
    1: "name", 2: "f", 3: "i", 4: "s", 5: "t", 7: "floats", 8: "ints", 9: "strings", 10: "tensors",
    13: "doc", 20: "type",
}  # fmt: skip
TENSOR = {
    1: "dims", 2: "type", 4: "data", 5: "data", 6: "data", 7: "data", 8: "name", 9: "data", 10: "data",
    11: "data", 12: "doc", 14: "location",
}  # fmt: skip
OPSET = {1: "domain", 2: "version"}
REFUSED = {
    ("model", 14): "metadata that could configure the runtime",
    ("model", 20): "training information",
    ("model", 25): "functions of its own",
    ("graph", 15): "sparse tensors",
    ("node", 8): "an overloaded operator",
    ("attribute", 6): "a subgraph",
    ("attribute", 11): "a subgraph",
    ("attribute", 21): "a function's attribute",
    ("attribute", 22): "sparse tensors",
    ("attribute", 23): "sparse tensors",
    ("tensor", 3): "a segmented tensor",
    ("tensor", 13): "external data",
}
PICKLES = (
    b"\x80\x02",
    b"\x80\x03",
    b"\x80\x04",
    b"\x80\x05",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"(lp",
    b"(dp",
    b"c__",
)

# A tree ensemble has one field per node and attribute, millions of them in one run. Each alternative is
# exactly one well-formed field of AttributeProto (floats, ints, strings below 64 bytes), so skipping a run
# equals walking it, in C.
_SHORT = b"|".join(b"\x4a" + re.escape(bytes([size])) + b".{%d}" % size for size in range(64))
RUN = re.compile(rb"(?:\x3d.{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f]|" + _SHORT + rb")++", re.DOTALL)


def check_graph(data: bytes) -> None:
    """Refuse a graph outside the allow-list.

    Args:
        data: bytes of `model.onnx`.

    Raises:
        UserError: reason `release-invalid`, with the first thing that is not allowed.
    """
    if len(data) > BYTE_LIMIT:
        _refuse(f"it is larger than {BYTE_LIMIT // 2**20} MiB")
    if data.startswith(PICKLES):
        _refuse("it is a pickle or an archive, not an ONNX graph; nothing in it was read")
    graphs = opsets = 0
    for number, _, start, end in message(data, (0, len(data)), "model", MODEL):
        if number == 7:
            graphs += 1
            _check_graph_message(data, (start, end))
        elif number == 8:
            opsets += 1
            _check_opset(data, (start, end))
        elif number == 4 and start != end:
            _domain(data[start:end])
    if graphs != 1 or not opsets:
        _refuse("it is not an ONNX graph")


def _check_opset(data: bytes, span: tuple[int, int]) -> None:
    domain, version = "", 0
    for number, wire, start, end in message(data, span, "opset", OPSET):
        if number == 1:
            domain = _domain(data[start:end])
        elif wire == VARINT:
            version = start
    if version not in OPSETS[domain]:
        _refuse(f"version {version} of operator set `{domain or 'ai.onnx'}` is not allowed")


def _check_graph_message(data: bytes, span: tuple[int, int]) -> None:
    nodes = 0
    for number, _, start, end in message(data, span, "graph", GRAPH):
        if number == 1:
            nodes += 1
            _check_node(data, (start, end))
        elif number == 5:
            _check_tensor(data, (start, end))
    if not 0 < nodes <= NODE_LIMIT:
        _refuse(f"it has {nodes} nodes; 1 to {NODE_LIMIT} are allowed")


def _check_node(data: bytes, span: tuple[int, int]) -> None:
    for number, _, start, end in message(data, span, "node", NODE):
        if number == 7:
            _domain(data[start:end])
        elif number == 5:
            for inner, _, first, last in message(data, (start, end), "attribute", ATTRIBUTE):
                if inner in {5, 10}:
                    _check_tensor(data, (first, last))


def _check_tensor(data: bytes, span: tuple[int, int]) -> None:
    for number, _, start, _ in message(data, span, "tensor", TENSOR):
        if number == 14 and start != 0:
            _refuse("it holds external data")


def _domain(raw: bytes) -> str:
    name = raw[:80].decode("utf-8", errors="replace")
    if name not in OPSETS:
        _refuse(f"the operator domain {name!a} is not allowed")
    return name


def message(data: bytes, span: tuple[int, int], kind: str, allowed: dict[int, str]) -> Iterator[Field]:
    """The fields of one message, each of them allowed."""
    skip = RUN.match if kind == "attribute" else None
    place, end = span
    while place < end:
        if skip is not None and (run := skip(data, place, end)):
            place = run.end()
            continue
        each, place = field(data, place, end)
        if each[0] not in allowed:
            _refuse(f"it has {REFUSED.get((kind, each[0]), f'the unknown field {each[0]} in a {kind}')}")
        if each[1] != BYTES and _is_nested(kind, each[0]):
            _refuse("it is not well-formed")
        yield each


def _is_nested(kind: str, number: int) -> bool:
    """Whether the field is text or a message, and so must have a length."""
    nested = {"model": {4, 7, 8}, "graph": {1, 5}, "node": {5, 7}, "attribute": {5, 10}, "opset": {1}}
    return number in nested.get(kind, ())


def field(data: bytes, place: int, end: int) -> tuple[Field, int]:
    """One field of the wire format, and where the next one starts."""
    tag, place = _varint(data, place, end)
    number, wire = tag >> 3, tag & 7
    if wire == VARINT:
        value, place = _varint(data, place, end)
        return (number, wire, value, place), place
    if wire == BYTES:
        size, place = _varint(data, place, end)
    elif wire in {FIXED32, FIXED64}:
        size = 4 if wire == FIXED32 else 8
    else:
        _refuse("it is not an ONNX graph")
    if size > end - place:
        _refuse("it is truncated, or not an ONNX graph")
    return (number, wire, place, place + size), place + size


def _varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while place < end and shift < 70:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    return _refuse("it is truncated, or not an ONNX graph")


def _refuse(why: str) -> NoReturn:
    raise UserError(
        f"the graph is refused before it is loaded: {why}",
        where="model.onnx",
        fix="take the artifact again, or rebuild it with `ordain run`",
        reason=Reason.RELEASE_INVALID,
    )
