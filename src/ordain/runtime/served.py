"""One model as the endpoints see it: from a request body to the body of the answer."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from ordain.runtime.admission import Admission, Admitted, InvalidInput, Policy
from ordain.runtime.coalescer import Answers, Coalescer
from ordain.runtime.decoders import NOT_DECODED, Envelope, InferDecoder, RowDecoder
from ordain.runtime.messages import (
    HEADER_LENGTH,
    Limits,
    Request,
    Response,
    check_content_type,
    json_response,
)
from ordain.runtime.model import Model
from ordain.runtime.predictionlog import Describe, Entry, PredictionLog
from ordain.runtime.protocol import (
    InferResponse,
    Output,
    check_requested,
    encode_outputs,
    not_json,
    read_request,
)
from ordain.runtime.refusal import Refusal
from ordain.runtime.stats import ModelStats

LARGE = 256 * 2**10  # bytes; a larger body is decoded in a thread, so that probes are answered meanwhile
Endpoint = Literal["infer", "predict"]
T = TypeVar("T")


class Services(NamedTuple):
    """What all models of a process share."""

    pool: ThreadPoolExecutor
    log: PredictionLog | None
    salt: bytes
    limits: Limits


class Question(NamedTuple):
    """An admitted request."""

    admitted: Admitted
    envelope: Envelope


class Served:
    """A model with its decoders, policy, counts and log.

    Args:
        model: what answers.
        policy: for input outside the contract.
        services: shared by all models.
    """

    def __init__(self, model: Model, policy: Policy, services: Services) -> None:
        self.model = model
        self.policy = policy
        self.stats = ModelStats()
        self._services = services
        self._admission = Admission(model.signature, policy)
        self._known = frozenset(each.name for each in model.signature.features)
        self._row_decoder = RowDecoder(model.signature)
        self._infer_decoder = InferDecoder(model.signature)
        self._coalescer = Coalescer(model, services.pool, self.stats.batches.observe)
        self._describe = Describe(model, services.salt)
        self._prefix = f"{model.identity.stamp}-{os.urandom(6).hex()}"
        self._numbers = count(1)

    async def infer(self, request: Request) -> Response:
        """`POST …/infer` of the Open Inference Protocol."""
        return await self._counted("infer", request, self._infer)

    async def predict(self, request: Request) -> Response:
        """`POST /predict`: rows as JSON objects."""
        return await self._counted("predict", request, self._predict)

    async def _counted(
        self, endpoint: Endpoint, request: Request, answer: Callable[[Request], Any]
    ) -> Response:
        started = time.perf_counter()
        try:
            response: Response = await answer(request)
        except Refusal as refusal:
            if isinstance(refusal, InvalidInput):
                self.stats.count_violations(refusal.violations, "rejected", self._known)
            self.stats.requests[endpoint, refusal.status] += 1
            raise
        self.stats.requests[endpoint, 200] += 1
        self.stats.latency[endpoint].observe(time.perf_counter() - started)
        return response

    async def _infer(self, request: Request) -> Response:
        started = time.perf_counter()
        length = _header_length(request.headers)
        check_content_type(request.headers, binary=length is not None)
        question = await self._decoded(lambda: self._read_infer(request.body, length), request.body)
        check_requested(question.envelope, self.model.outputs)
        answers, number = await self._score(question.admitted, started)
        identity, envelope = self.model.identity, question.envelope
        outputs, binary = encode_outputs(self._outputs(answers), envelope)
        head = InferResponse(
            model_name=identity.name,
            model_version=identity.version,
            outputs=outputs,
            id=envelope.id,
            parameters={"prediction_id": number},
        )
        response = json_response(head)
        if not binary:
            return response
        headers = [
            (b"content-type", b"application/octet-stream"),
            (HEADER_LENGTH, str(len(response.body)).encode("ascii")),
        ]
        return Response(200, b"".join((response.body, *binary)), headers)

    async def _predict(self, request: Request) -> Response:
        started = time.perf_counter()
        check_content_type(request.headers, binary=False)
        admitted = await self._decoded(lambda: self._read_rows(request.body), request.body)
        answers, number = await self._score(admitted, started)
        identity = self.model.identity
        body = {
            "model": identity.name,
            "version": identity.version,
            "id": number,
            "predictions": [self._friendly(each) for each in answers],
        }
        return json_response(body)

    async def _decoded(self, decode: Callable[[], T], body: bytes) -> T:
        if len(body) < LARGE:
            return decode()
        return await asyncio.get_running_loop().run_in_executor(self._services.pool, decode)

    def _read_infer(self, body: bytes, length: int | None) -> Question:
        if length is None:
            fast = self._infer_decoder(body)
            if fast is not None:
                self._check_rows(fast.packed.rows)
                return Question(Admitted(fast.packed), fast.envelope)
        columns = read_request(body, length, self.model.signature)
        self._check_rows(columns.rows)
        return Question(self._admission.columns(columns.values, columns.rows), columns.envelope)

    def _read_rows(self, body: bytes) -> Admitted:
        packed = self._row_decoder(body)
        if packed is not None:
            self._check_rows(packed.rows)
            return Admitted(packed)
        try:
            rows = msgspec.json.decode(body)
        except NOT_DECODED as error:
            raise Refusal(400, not_json(error)) from error
        rows = rows if isinstance(rows, list) else [rows]
        if not rows or not all(isinstance(each, dict) for each in rows):
            raise Refusal(
                400, "the body must be one row, or a list of rows, each an object of columns by name"
            )
        self._check_rows(len(rows))
        return self._admission.rows(rows)

    def _check_rows(self, rows: int) -> None:
        if rows > self._services.limits.rows:
            raise Refusal(413, f"one request may have {self._services.limits.rows} rows")

    async def _score(self, admitted: Admitted, started: float) -> tuple[Answers, str]:
        """Answers, and the id under which they are logged."""
        packed = admitted.packed
        if admitted.violations:
            self.stats.count_violations(admitted.violations, "accepted", self._known)
        answers = await self._coalescer.submit(packed)
        number = f"{self._prefix}-{next(self._numbers):x}"
        self.stats.rows += packed.rows
        if self.model.signature.classes is not None:
            for each in answers:
                self.stats.labels[self.model.label(each)] += 1
        if self._services.log is not None:
            latency = time.perf_counter() - started
            self._services.log.add(Entry(number, time.time(), latency, packed, answers, self._describe))
        return answers, number

    def _outputs(self, answers: Answers) -> dict[str, Output]:
        rows, flat = len(answers), list(chain.from_iterable(answers))
        classes = self.model.signature.classes
        if classes is None:
            return {"prediction": Output("prediction", "FP32", [rows, 1], flat)}
        return {
            "probabilities": Output("probabilities", "FP32", [rows, len(classes)], flat),
            "label": Output("label", "BYTES", [rows], [self.model.label(each) for each in answers]),
        }

    def _friendly(self, answer: list[float]) -> dict[str, Any]:
        classes = self.model.signature.classes
        if classes is None:
            return {"prediction": answer[0]}
        return {"label": self.model.label(answer), "probabilities": dict(zip(classes, answer, strict=True))}


def _header_length(headers: dict[bytes, bytes]) -> int | None:
    """Where the JSON part of a request ends; None when there is nothing after it."""
    text = headers.get(HEADER_LENGTH)
    if text is None:
        return None
    if not text.isdigit() or len(text) > 18:
        raise Refusal(400, "Inference-Header-Content-Length must be a whole number")
    return int(text)
