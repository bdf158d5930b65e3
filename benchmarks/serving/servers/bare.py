"""The least that answers: raw ASGI on uvicorn, msgspec and ONNX Runtime; no checks, no metrics, no log.

`columns` takes one tensor a column, `packed` one matrix of strings and one of floats, and `coalesced` packed
ones too, with all requests of one turn of the event loop scored in one run.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime
import uvicorn

FORM, FOLDER, PORT = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
NAMES = msgspec.json.decode((FOLDER / "columns.json").read_bytes())


class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class Request(msgspec.Struct):
    inputs: list[Tensor]


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(FOLDER / "model.onnx", options, providers=["CPUExecutionProvider"])
decoder = msgspec.json.Decoder(Request)
encoder = msgspec.json.Encoder()
HEADERS = [(b"content-type", b"application/json")]


def matrices(body: bytes) -> tuple[list[Any], list[Any], int]:
    tensors = {each.name: each for each in decoder.decode(body).inputs}
    if FORM != "columns":
        return tensors["strings"].data, tensors["floats"].data, tensors["strings"].shape[0]
    rows = tensors[NAMES["strings"][0]].shape[0]
    text = [
        value for row in zip(*(tensors[each].data for each in NAMES["strings"]), strict=True) for value in row
    ]
    numbers = [
        value for row in zip(*(tensors[each].data for each in NAMES["floats"]), strict=True) for value in row
    ]
    return text, numbers, rows


def score(text: list[Any], numbers: list[Any], rows: int) -> list[list[float]]:
    feed = {
        "strings": np.array(text, dtype=object).reshape(rows, -1),
        "floats": np.array(numbers, dtype=np.float32).reshape(rows, -1),
    }
    answers: list[list[float]] = session.run(["probabilities"], feed)[0].tolist()
    return answers


class Turn:
    """The requests of one turn of the event loop."""

    def __init__(self) -> None:
        self.jobs: list[tuple[list[Any], list[Any], int]] = []
        self.waiting: list[asyncio.Future[list[list[float]]]] = []

    @functools.cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def submit(self, job: tuple[list[Any], list[Any], int]) -> asyncio.Future[list[list[float]]]:
        if not self.jobs:
            self.loop.call_soon(self.flush)
        future = self.loop.create_future()
        self.jobs.append(job)
        self.waiting.append(future)
        return future

    def flush(self) -> None:
        jobs, waiting = self.jobs, self.waiting
        self.jobs, self.waiting = [], []
        answers = score(
            [v for job in jobs for v in job[0]],
            [v for job in jobs for v in job[1]],
            sum(job[2] for job in jobs),
        )
        start = 0
        for job, future in zip(jobs, waiting, strict=True):
            future.set_result(answers[start : start + job[2]])
            start += job[2]


turn = Turn()


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    more = scope["type"] == "http"
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    if not body:
        answer = b"{}"
    else:
        job = matrices(body)
        found = await turn.submit(job) if FORM == "coalesced" else score(*job)
        answer = encoder.encode(
            {"outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [job[2], 2], "data": found}]}
        )
    headers = [*HEADERS, (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


uvicorn.run(
    app,
    port=PORT,
    loop="uvloop",
    http="httptools",
    ws="none",
    lifespan="off",
    access_log=False,
    log_level="warning",
)
