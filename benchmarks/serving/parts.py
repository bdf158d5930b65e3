"""Where the microseconds of one request go: `python -m benchmarks.serving.parts`.

Each part is called in a loop by itself, so its code and data are in the processor's caches; inside the
server, where one part evicts another, it costs more. Processor time, not wall time: others may use the
machine meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from benchmarks.serving.bodies import FORMS, Sample
from benchmarks.serving.prepare import ROOT, Prepared, prepare
from ordain.runtime.admission import Admission, Packed
from ordain.runtime.app import App
from ordain.runtime.endpoints import Endpoint, InferEndpoint, PredictEndpoint, Scored
from ordain.runtime.messages import Limits, Request
from ordain.runtime.model import Model
from ordain.runtime.predictionlog import Describe, Entry
from ordain.runtime.served import Served, Services
from ordain.runtime.server import load
from ordain.runtime.settings import Source
from ordain.runtime.stats import ServerStats

HEADERS = {b"content-type": b"application/json", b"content-length": b"500"}
TOGETHER = 32  # rows of one run when as many clients ask at once
INFER = "/v2/models/churn/infer"


async def _no_metrics(_: str) -> tuple[bytes, str]:
    return b"", ""


def cost(part: Callable[[int], Any], times: int) -> float:
    """Microseconds of processor time a call: the best of five."""
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for number in range(times):
            part(number)
        best = min(best, time.process_time() - started)
    return best / times * 1e6


def single(model: Model, sample: Sample) -> dict[str, float]:
    """The parts of a request for one row, in microseconds."""
    admission = Admission(model.signature, "reject")
    endpoints: dict[str, tuple[Endpoint, str]] = {
        "infer, packed": (InferEndpoint(model, admission, Limits()), "packed"),
        "infer, a tensor a column": (InferEndpoint(model, admission, Limits()), "columns"),
        "predict": (PredictEndpoint(model, admission, Limits()), "row"),
    }
    found: dict[str, float] = {}
    jobs: list[Packed] = []
    for name, (endpoint, form) in endpoints.items():
        asked = [
            Request(HEADERS, msgspec.json.encode(FORMS[form](sample.part(at, at + 1)))) for at in range(64)
        ]
        question = endpoint.read(asked[0])
        jobs = [endpoint.read(each).packed for each in asked[:TOGETHER]]
        answers = model.run(jobs[:1])
        scored = Scored("5d0c4e1f8a27-1", answers, model.labels(answers))
        found[f"{name}: decode, contract, pack"] = cost(
            lambda i, e=endpoint, a=asked: e.read(a[i % 64]), 5000
        )
        found[f"{name}: write the answer"] = cost(
            lambda _, e=endpoint, q=question, s=scored: e.write(q, s), 5000
        )
    describe = Describe(model, b"")
    entry = Entry(scored, time.time(), 0.001, jobs[0], describe, 500)
    lines = [describe.line(entry)] * TOGETHER
    encoder = msgspec.json.Encoder()
    found["graph: a row alone"] = cost(lambda _: model.run(jobs[:1]), 2000)
    found[f"graph: a row of {TOGETHER} together"] = cost(lambda _: model.run(jobs), 300) / TOGETHER
    found["log: make a line"] = cost(lambda _: describe.line(entry), 5000)
    found["log: encode a line"] = cost(lambda _: encoder.encode_lines(lines), 500) / TOGETHER
    return found


def application(model: Model, sample: Sample, times: int = 10_000) -> float:
    """Everything between uvicorn's two ends but the graph, for one packed row, in microseconds."""
    answers = model.run([Packed(1, *_values(sample))])
    model.run = lambda jobs: answers * len(jobs)  # type: ignore[method-assign]
    services = Services(ThreadPoolExecutor(1), None, b"", Limits())
    app = App([Served(model, "reject", services)], Limits(), ServerStats(), _no_metrics)
    scope = {"type": "http", "path": INFER, "method": "POST", "headers": list(HEADERS.items())}
    body = msgspec.json.encode(FORMS["packed"](sample.part(0, 1)))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_: Any) -> None:
        return

    async def ask() -> float:
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            for _ in range(times):
                await app(scope, receive, send)
            best = min(best, time.process_time() - started)
        return best / times * 1e6

    return asyncio.run(ask())


def _values(sample: Sample) -> tuple[list[Any], list[Any]]:
    row = sample.rows[0]
    text, numbers = sample.signature.of("strings"), sample.signature.of("floats")
    return [row[each.name] for each in text], [row[each.name] for each in numbers]


def main(prepared: Prepared) -> None:
    """Print all parts."""
    model = load(Source(path=prepared.folder / "artifact", digest=prepared.digest), 1).model
    parts = single(model, prepared.sample)
    parts["application around the graph, packed, without log"] = application(model, prepared.sample)
    for name, microseconds in parts.items():
        print(f"{name:55} {microseconds:6.1f} µs")


if __name__ == "__main__":
    main(prepare(ROOT / ".bench" / "parts"))
