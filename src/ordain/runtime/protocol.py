"""Requests and answers of the Open Inference Protocol (V2) over HTTP, for one model.

Inputs are the model's raw columns, one tensor each (shape [N] or [N, 1]), as the metadata says. A client
that has packed its rows already may send the graph's own two tensors instead: `strings` [N, S] and
`floats` [N, F], columns in the signature's order; a missing number is NaN or null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ordain.core.artifacts.signature import Signature
from ordain.runtime.contract import day_of
from ordain.runtime.decoders import NOT_DECODED, Envelope, RequestedOutput
from ordain.runtime.refusal import Refusal
from ordain.runtime.tensors import DATATYPES, from_bytes, from_json, to_bytes

PACKED = ("strings", "floats")
INPUT_DATATYPES = {
    "string": "BYTES", "number": "FP64", "integer": "INT64", "boolean": "BOOL", "date": "BYTES",
}  # fmt: skip


class InputTensor(msgspec.Struct):
    """One entry of `inputs`, before anything about it is known."""

    name: str
    shape: list[int]
    datatype: str
    data: Any = msgspec.UNSET
    parameters: dict[str, Any] | None = None


class InferRequest(Envelope, frozen=True, kw_only=True):
    """An inference request, before anything about its tensors is known."""

    inputs: list[InputTensor]


class OutputTensor(msgspec.Struct, omit_defaults=True):
    """One entry of `outputs` in an answer; binary data follow the JSON and are not in it."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class InferResponse(msgspec.Struct, omit_defaults=True):
    """An answer."""

    model_name: str
    model_version: str
    outputs: Sequence[OutputTensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None


class Columns(NamedTuple):
    """Named columns of one length, as a request gave them."""

    values: Mapping[str, Sequence[Any]]
    rows: int
    envelope: Envelope


_REQUEST = msgspec.json.Decoder(InferRequest)


def read_request(body: bytes, header_length: int | None, signature: Signature, most_rows: int) -> Columns:
    """The columns of an inference request in any form that the protocol allows.

    Args:
        body: JSON, followed by binary tensors when `header_length` says where the JSON ends.
        header_length: of `Inference-Header-Content-Length`; None without that header.
        signature: the model's. most_rows: of one request.

    Raises:
        Refusal: 400 with the tensor and what is wrong with it, 413 for too many rows.
    """
    header = body if header_length is None else body[:header_length]
    if header_length is not None and header_length > len(body):
        raise Refusal(400, "Inference-Header-Content-Length is larger than the body")
    try:
        request = _REQUEST.decode(header)
    except NOT_DECODED as error:
        raise Refusal(400, not_json(error)) from error
    if not request.inputs:
        raise Refusal(400, "`inputs` is empty")
    packed = _check_shapes(request, signature, most_rows)
    known = {*PACKED, *(each.name for each in signature.features)}
    values: dict[str, Sequence[Any]] = {}
    place = len(header)
    for tensor in request.inputs:
        if tensor.datatype not in DATATYPES:
            raise Refusal(400, f"input {tensor.name[:60]!a}: unknown datatype; known: {', '.join(DATATYPES)}")
        size = _binary_size(tensor, header_length is not None)
        if size is not None and size > len(body) - place:
            raise Refusal(400, f"input {tensor.name[:60]!a}: its binary data are truncated")
        # Nobody reads a column that the model does not have, and of these a request may hold any number.
        values[tensor.name] = _elements(tensor, body, place, size) if tensor.name in known else ()
        place += size or 0
    if place != len(body):
        raise Refusal(400, f"{len(body) - place} bytes follow the last tensor")
    rows = request.inputs[0].shape[0]
    return Columns(_unpacked(values, signature) if packed else values, rows, request)


def _elements(tensor: InputTensor, body: bytes, place: int, size: int | None) -> list[Any]:
    """A tensor's values: from the JSON, or `size` bytes of the body from `place` on."""
    if size is None:
        return from_json(tensor.name, tensor.datatype, tensor.shape, tensor.data)
    return from_bytes(tensor.name, tensor.datatype, tensor.shape, body[place : place + size])


def not_json(error: Exception) -> str:
    """Why a body was not decoded, without repeating any of it."""
    if isinstance(error, RecursionError):
        return "the body is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "the body is not UTF-8"
    if isinstance(error, msgspec.ValidationError):
        return f"the body is not what this endpoint takes: {error}"
    return f"the body is not JSON: {error}"


def _binary_size(tensor: InputTensor, has_binary: bool) -> int | None:
    """Bytes of a tensor's binary data; None when its data are in the JSON."""
    size = (tensor.parameters or {}).get("binary_data_size")
    if size is None:
        if tensor.data is msgspec.UNSET:
            raise Refusal(400, f"input {tensor.name[:60]!a} has no `data`")
        return None
    if not has_binary:
        raise Refusal(400, "binary tensors need the header Inference-Header-Content-Length")
    if tensor.data is not msgspec.UNSET:
        raise Refusal(400, f"input {tensor.name[:60]!a} has both `data` and `binary_data_size`")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise Refusal(400, f"input {tensor.name[:60]!a}: `binary_data_size` must be a whole number")
    return size


def _check_shapes(request: InferRequest, signature: Signature, most_rows: int) -> bool:
    """Hold all shapes to the model and to each other, before any data are looked at.

    Returns:
        whether the tensors are the graph's own, not columns.
    """
    shapes: dict[str, list[int]] = {}
    for tensor in request.inputs:
        if tensor.name in shapes:
            raise Refusal(400, f"input {tensor.name[:60]!a} is given twice")
        shapes[tensor.name] = tensor.shape
    packed = shapes.keys() <= set(PACKED) and not shapes.keys() & {each.name for each in signature.features}
    for name, shape in shapes.items():
        width = len(signature.of("strings" if name == "strings" else "floats")) if packed else 1
        if not (len(shape) == 2 and shape[1] == width) and not (len(shape) == 1 and width == 1):
            wanted = f"[rows, {width}]" if packed else "[rows] or [rows, 1]"
            raise Refusal(400, f"input {name[:60]!a}: its shape must be {wanted}")
    lengths = {shape[0] for shape in shapes.values()}
    if len(lengths) != 1 or min(lengths) < 1:
        raise Refusal(400, "all inputs need the same number of rows, at least one")
    check_rows(lengths.pop(), most_rows)
    if packed and (different := sorted(shapes.keys() ^ set(signature.graph.inputs))):
        raise Refusal(
            400, f"packed inputs must be {' and '.join(signature.graph.inputs)}: see '{different[0]}'"
        )
    return packed


def check_rows(rows: int, most: int) -> None:
    """Refuse more rows than one request may have.

    Raises:
        Refusal: 413.
    """
    if rows > most:
        raise Refusal(413, f"one request may have {most} rows")


def _unpacked(values: Mapping[str, Sequence[Any]], signature: Signature) -> dict[str, Sequence[Any]]:
    """The columns of the two packed matrices."""
    columns: dict[str, Sequence[Any]] = {}
    for tensor in signature.graph.inputs:
        features = signature.of(tensor)
        for feature in features:
            column = values[tensor][feature.index :: len(features)]
            columns[feature.name] = list(map(day_of, column)) if feature.type == "date" else column
    return columns


def check_requested(envelope: Envelope, known: Sequence[str]) -> None:
    """Refuse, before anything is scored, outputs that the model does not have, or in no form that there is.

    Raises:
        Refusal: 400, naming the first.
    """
    seen: set[str] = set()
    for each in envelope.outputs or ():
        if each.name not in known:
            raise Refusal(400, f"there is no output {each.name[:60]!a}; the model has {', '.join(known)}")
        if each.name in seen:
            raise Refusal(400, f"the output {each.name[:60]!a} is asked for twice")
        seen.add(each.name)
        _check_flag(each.parameters, "binary_data")
    _check_flag(envelope.parameters, "binary_data_output")


def _check_flag(parameters: dict[str, Any] | None, name: str) -> None:
    if not isinstance((parameters or {}).get(name, False), bool):
        raise Refusal(400, f"the parameter `{name}` must be true or false")


def encode_outputs(
    outputs: Sequence[OutputTensor], envelope: Envelope
) -> tuple[Sequence[OutputTensor], list[bytes]]:
    """The outputs that a request wants, in the form that it wants; `check_requested` has seen them.

    Returns:
        the JSON part of each, and the binary data that follow the JSON.
    """
    if not envelope.outputs and not envelope.parameters:
        return outputs, []
    known = {each.name: each for each in outputs}
    wanted = envelope.outputs or [RequestedOutput(name) for name in known]
    binary_by_default = (envelope.parameters or {}).get("binary_data_output", False)
    tensors: list[OutputTensor] = []
    binary: list[bytes] = []
    for each in wanted:
        tensor = known[each.name]
        if (each.parameters or {}).get("binary_data", binary_by_default):
            raw = to_bytes(tensor.datatype, tensor.data or [])
            size = {"binary_data_size": len(raw)}
            tensor = OutputTensor(tensor.name, tensor.datatype, tensor.shape, parameters=size)
            binary.append(raw)
        tensors.append(tensor)
    return tensors, binary
