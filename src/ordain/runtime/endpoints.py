"""The two ways to ask a model: what a request body says, and what its answer looks like.

Both are plain functions of their arguments; counting, scoring and logging are `runtime.served`'s.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Literal, Protocol

import msgspec

from ordain.runtime.admission import Admission
from ordain.runtime.bulk import BulkDecoder
from ordain.runtime.coalescer import Answers
from ordain.runtime.decoders import NOT_DECODED, InferDecoder, Question, RowDecoder
from ordain.runtime.messages import (
    HEADER_LENGTH,
    Limits,
    Request,
    Response,
    check_content_type,
    check_weight,
    json_response,
)
from ordain.runtime.model import Model
from ordain.runtime.protocol import (
    InferResponse,
    OutputTensor,
    check_requested,
    check_rows,
    encode_outputs,
    not_json,
    read_request,
)
from ordain.runtime.refusal import Refusal

EndpointName = Literal["infer", "predict"]


class Scored(msgspec.Struct, frozen=True):
    """What a model answered.

    Attributes:
        id: under which it is logged.
        answers: a list of floats a row.
        labels: a class a row; empty for a regression.
    """

    id: str
    answers: Answers
    labels: list[str]


class Endpoint(Protocol):
    """From a request to a question, and from what was scored to the answer."""

    name: EndpointName

    def read(self, request: Request) -> Question:
        """The admitted rows of a request; raises a Refusal for anything else."""
        ...

    def write(self, question: Question, scored: Scored) -> Response:
        """The answer."""
        ...


class InferEndpoint:
    """`POST …/infer` of the Open Inference Protocol.

    Args:
        model: what answers.
        admission: its contract.
        limits: of one request.
    """

    name: EndpointName = "infer"

    def __init__(self, model: Model, admission: Admission, limits: Limits) -> None:
        self._model = model
        self._admission = admission
        self._limits = limits
        self._decoders = (InferDecoder(model.signature), BulkDecoder(model.signature))

    def read(self, request: Request) -> Question:
        """Columns or packed matrices, in JSON or binary."""
        length = _header_length(request.headers)
        check_content_type(request.headers, binary=length is not None)
        check_weight(request.body if length is None else request.body[:length], self._limits)
        question = self._fast(request.body) if length is None else None
        if question is None:
            columns = read_request(request.body, length, self._model.signature, self._limits.rows)
            admitted = self._admission.columns(columns.values, columns.rows)
            question = Question(admitted.packed, admitted.violations, columns.envelope)
        if question.envelope.outputs or question.envelope.parameters:
            check_requested(question.envelope, self._model.outputs)
        return question

    def _fast(self, body: bytes) -> Question | None:
        for decoder in self._decoders:
            question = decoder(body)
            if question is not None:
                check_rows(question.packed.rows, self._limits.rows)
                return question
        return None

    def write(self, question: Question, scored: Scored) -> Response:
        """JSON, followed by binary tensors when the request wants them."""
        envelope = question.envelope
        outputs, binary = encode_outputs(self._outputs(scored), envelope)
        identity = self._model.identity
        answer = InferResponse(
            identity.name, identity.version, outputs, envelope.id, {"prediction_id": scored.id}
        )
        response = json_response(answer)
        if not binary:
            return response
        headers = [
            (b"content-type", b"application/octet-stream"),
            (HEADER_LENGTH, str(len(response.body)).encode("ascii")),
        ]
        return Response(200, b"".join((response.body, *binary)), headers)

    def _outputs(self, scored: Scored) -> list[OutputTensor]:
        answers, classes = scored.answers, self._model.signature.classes
        rows = len(answers)
        flat = answers[0] if rows == 1 else list(chain.from_iterable(answers))
        if classes is None:
            return [OutputTensor("prediction", "FP32", [rows, 1], flat)]
        return [
            OutputTensor("probabilities", "FP32", [rows, len(classes)], flat),
            OutputTensor("label", "BYTES", [rows], scored.labels),
        ]


class Predictions(msgspec.Struct):
    """The answer of `POST /predict`."""

    model: str
    version: str
    id: str
    predictions: list[Any]


class Classified(msgspec.Struct):
    """One row's class, and the probability of each."""

    label: str
    probabilities: Any


class PredictEndpoint:
    """`POST /predict`: rows as JSON objects; the arguments are those of `InferEndpoint`."""

    name: EndpointName = "predict"

    def __init__(self, model: Model, admission: Admission, limits: Limits) -> None:
        self._model = model
        self._admission = admission
        self._limits = limits
        self._decoder = RowDecoder(model.signature)
        self._shares = _shares_type(model.signature.classes or ())

    def read(self, request: Request) -> Question:
        """One row, or a list of rows."""
        check_content_type(request.headers, binary=False)
        check_weight(request.body, self._limits)
        packed = self._decoder(request.body)
        if packed is not None:
            check_rows(packed.rows, self._limits.rows)
            return Question(packed)
        try:
            rows = msgspec.json.decode(request.body)
        except NOT_DECODED as error:
            raise Refusal(400, not_json(error)) from error
        rows = rows if isinstance(rows, list) else [rows]
        if not rows or not all(isinstance(each, dict) for each in rows):
            raise Refusal(
                400, "the body must be one row, or a list of rows, each an object of columns by name"
            )
        check_rows(len(rows), self._limits.rows)
        admitted = self._admission.rows(rows)
        return Question(admitted.packed, admitted.violations)

    def write(self, question: Question, scored: Scored) -> Response:
        """One object a row."""
        predictions: list[Any]
        if self._model.signature.classes is None:
            predictions = [{"prediction": each[0]} for each in scored.answers]
        else:
            shares = self._shares
            predictions = [
                Classified(label, shares(*answer))
                for label, answer in zip(scored.labels, scored.answers, strict=True)
            ]
        identity = self._model.identity
        return json_response(Predictions(identity.name, identity.version, scored.id, predictions))


def _shares_type(classes: tuple[str, ...]) -> Any:
    """A type whose fields are encoded under the names of the classes."""
    fields = [f"c{place}" for place in range(len(classes))]
    return msgspec.defstruct("Shares", fields, rename=dict(zip(fields, classes, strict=True)))


def _header_length(headers: dict[bytes, bytes]) -> int | None:
    """Where the JSON part of a request ends; None when there is nothing after it."""
    text = headers.get(HEADER_LENGTH)
    if text is None:
        return None
    if not text.isdigit() or len(text) > 18:
        raise Refusal(400, "Inference-Header-Content-Length must be a whole number")
    return int(text)
