"""One model as the server sees it: a request is read, scored, counted, logged and answered."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import NamedTuple

from ordain.runtime.admission import Admission, InvalidInput, Policy
from ordain.runtime.batch.leafmasks import LeafMasks
from ordain.runtime.coalescer import WAITING, WAITING_VALUES, Answers, Coalescer
from ordain.runtime.decoders import Question
from ordain.runtime.endpoints import Endpoint, InferEndpoint, PredictEndpoint, Scored
from ordain.runtime.large import Large
from ordain.runtime.messages import Limits, Request, Response
from ordain.runtime.model import Model
from ordain.runtime.predictionlog import Describe, Entry, PredictionLog
from ordain.runtime.refusal import Refusal
from ordain.runtime.stats import ModelStats
from ordain.runtime.traces import Handler, Traces

OBJECT = 32  # bytes of a number in a list
LARGE = 256 * 2**10  # bytes; a larger body is decoded in a thread, so that probes are answered meanwhile


class Services(NamedTuple):
    """What all models of a process share."""

    pool: ThreadPoolExecutor
    log: PredictionLog | None
    salt: bytes
    limits: Limits
    traces: Traces | None = None


class Served:
    """A model with its endpoints, policy, counts and log.

    `infer` and `predict` are the handlers of its two endpoints: a request in, a response to wait for.

    Args:
        model: what answers.
        policy: for input outside the contract.
        services: shared by all models.
        masks: the model in a form for many rows, if it has one.
    """

    def __init__(
        self, model: Model, policy: Policy, services: Services, masks: LeafMasks | None = None
    ) -> None:
        self.model = model
        self.policy = policy
        self.stats = ModelStats()
        self._services = services
        columns = len(model.signature.features)
        arguments = model, Admission(model.signature, policy), services.limits.of_model(columns)
        self.infer = self._handler(InferEndpoint(*arguments))
        self.predict = self._handler(PredictEndpoint(*arguments))
        self._known = frozenset(each.name for each in model.signature.features)
        large, waiting = Large(model, masks).run, min(WAITING, WAITING_VALUES // columns)
        self._coalescer = Coalescer(model, large, services.pool, self.stats.batches.observe, waiting)
        self._row_bytes = OBJECT * columns
        self._describe = Describe(model, services.salt)
        self._prefix = f"{model.identity.stamp}-{os.urandom(6).hex()}"
        self._numbers = count(1)

    def count(self, endpoint: str, status: int) -> None:
        """Count one request to an endpoint, also one that was refused before it came here."""
        self.stats.requests[endpoint, status] += 1

    def _handler(self, endpoint: Endpoint) -> Handler:
        handler, traces = partial(self._answer, endpoint), self._services.traces
        return handler if traces is None else traces.around(handler, endpoint.name, self.model.identity)

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response:
        started = time.perf_counter()
        try:
            if len(request.body) < LARGE:
                question = endpoint.read(request)
            else:
                loop = asyncio.get_running_loop()
                question = await loop.run_in_executor(self._services.pool, endpoint.read, request)
            answers = self._coalescer.at_once(question.packed)
            if answers is None:
                answers = await self._coalescer.submit(question.packed)
        except Refusal as refusal:
            if isinstance(refusal, InvalidInput):
                self.stats.count_violations(refusal.violations, "rejected", self._known)
            raise
        scored = self._scored(question, answers)
        if self._services.log is not None:
            latency = time.perf_counter() - started
            size = max(len(request.body), self._row_bytes * question.packed.rows)
            entry = Entry(scored, time.time(), latency, question.packed, self._describe, size)
            self._services.log.add(entry)
        response = endpoint.write(question, scored)
        self.stats.latency[endpoint.name].observe(time.perf_counter() - started)
        return response

    def _scored(self, question: Question, answers: Answers) -> Scored:
        """Answers with labels and an id, counted."""
        packed = question.packed
        if question.violations:
            self.stats.count_violations(question.violations, "accepted", self._known)
        self.stats.rows += packed.rows
        labels = self.model.labels(answers)
        for label in labels:
            self.stats.labels[label] += 1
        return Scored(f"{self._prefix}-{next(self._numbers):x}", answers, labels)
