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


def read_request(body: bytes, header_length: int | None, signature: Signature) -> Columns:
    """The columns of an inference request in any form that the protocol allows.

    Args:
        body: JSON, followed by binary tensors when `header_length` says where the JSON ends.
        header_length: of `Inference-Header-Content-Length`; None without that header.
        signature: the model's.

    Raises:
        Refusal: 400 with the tensor and what is wrong with it.
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
    values: dict[str, list[Any]] = {}
    place = len(header)
    for tensor in request.inputs:
        if tensor.name in values:
            raise Refusal(400, f"input {tensor.name[:60]!a} is given twice")
        if tensor.datatype not in DATATYPES:
            raise Refusal(400, f"input {tensor.name[:60]!a}: unknown datatype; known: {', '.join(DATATYPES)}")
        size = _binary_size(tensor, header_length is not None)
        if size is None:
            values[tensor.name] = from_json(tensor.name, tensor.datatype, tensor.shape, tensor.data)
            continue
        if size > len(body) - place:
            raise Refusal(400, f"input {tensor.name[:60]!a}: its binary data are truncated")
        raw = body[place : place + size]
        values[tensor.name] = from_bytes(tensor.name, tensor.datatype, tensor.shape, raw)
        place += size
    if place != len(body):
        raise Refusal(400, f"{len(body) - place} bytes follow the last tensor")
    return _columns(request, values, signature)


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


def _columns(request: InferRequest, values: dict[str, list[Any]], signature: Signature) -> Columns:
    """Named columns, from tensors that are columns or packed matrices."""
    shapes = {each.name: each.shape for each in request.inputs}
    columns: Mapping[str, Sequence[Any]] = values
    names = {each.name for each in signature.features}
    packed = set(values) <= set(PACKED) and not set(values) & names
    for name, shape in shapes.items():
        width = len(signature.of("strings" if name == "strings" else "floats")) if packed else 1
        if not (len(shape) == 2 and shape[1] == width) and not (len(shape) == 1 and width == 1):
            wanted = f"[rows, {width}]" if packed else "[rows] or [rows, 1]"
            raise Refusal(400, f"input {name[:60]!a}: its shape must be {wanted}")
    lengths = {shape[0] for shape in shapes.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise Refusal(400, "all inputs need the same number of rows, at least one")
    if packed:
        if different := sorted(set(values) ^ set(signature.graph.inputs)):
            raise Refusal(
                400, f"packed inputs must be {' and '.join(signature.graph.inputs)}: see '{different[0]}'"
            )
        columns = _unpacked(values, signature)
    return Columns(columns, lengths.pop(), request)


def _unpacked(values: Mapping[str, Sequence[Any]], signature: Signature) -> dict[str, Sequence[Any]]:
    """The columns of the two packed matrices."""
    columns: dict[str, Sequence[Any]] = {}
    for tensor in signature.graph.inputs:
        features = signature.of(tensor)
        for feature in features:
            columns[feature.name] = values[tensor][feature.index :: len(features)]
    return columns


def check_requested(envelope: Envelope, known: Sequence[str]) -> None:
    """Refuse, before anything is scored, outputs that the model does not have.

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
    binary_by_default = bool((envelope.parameters or {}).get("binary_data_output"))
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
