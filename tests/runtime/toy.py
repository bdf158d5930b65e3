"""A small graph with every column type, its signature, and a server process that serves it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ordain.core.artifacts.signature import Feature, Graph, Signature, Task, Width, encode
from ordain.runtime.admission import Packed
from tests.wire import exchanged

PROGRAM = "from ordain.cli.main import main; main()"
# The same server with limits that no option of the command sets.
LIMITED = """
import json, logging, pathlib, sys
from ordain.runtime.messages import Limits
from ordain.runtime.server import serve
from ordain.runtime.settings import Settings, Source
from ordain.runtime.structured import configure
configure(logging.INFO)
limits = Limits(**json.loads(sys.argv[1]))
settings = Settings(sources=(Source(path=pathlib.Path(sys.argv[2])),), port=0, limits=limits)
serve(settings, lambda facts: print(json.dumps(facts), flush=True))
"""
PLANS = ("x", "y", "z")


def feature(name: str, kind: str, tensor: str, index: int, **rest: Any) -> Feature:
    return msgspec.convert(
        {"name": name, "type": kind, "tensor": tensor, "index": index, "nullable": False, "personal": False}
        | rest,
        Feature,
    )


FEATURES = (
    feature("plan", "string", "strings", 0, categories=PLANS),
    feature("town", "string", "strings", 1, nullable=True, personal=True),
    feature("amount", "number", "floats", 0, nullable=True, min=-9e3, max=9e3),
    feature("visits", "integer", "floats", 1, min=0, max=60),
    feature("vip", "boolean", "floats", 2, personal=True),
    feature("since", "date", "floats", 3, nullable=True),
)
ROW: dict[str, Any] = {
    "plan": "x", "town": "Uster", "amount": 12.5, "visits": 3, "vip": True, "since": "2020-02-29",
}  # fmt: skip
DAYS = 18321  # of 2020-02-29
WEIGHTS = np.array([0.5, -0.25, 0.125, 0.3, 0.001, 0.02, 0.4, 1e-5], dtype=np.float32)


def signature(task: Task = "binary", model: str = "toy") -> Signature:
    classes = {"binary": ("No", "Yes"), "multiclass": ("low", "mid", "high"), "regression": None}[task]
    return Signature(
        version=1,
        model=model,
        task=task,
        features=FEATURES,
        graph=Graph(
            inputs={"strings": Width(width=2), "floats": Width(width=4)},
            output="prediction" if task == "regression" else "probabilities",
        ),
        threshold=0.5,
        missing_string="",
        classes=classes,
        positive="Yes" if task == "binary" else None,
    )


def graph(task: Task = "binary") -> ModelProto:
    """One-hot plans, whether the town is known, and numbers with NaN as 0, through one linear layer."""
    width = {"binary": 2, "multiclass": 3, "regression": 1}[task]
    slopes = np.arange(width, dtype=np.float32) if width > 1 else np.ones(1, dtype=np.float32)
    constants: dict[str, NDArray[Any]] = {
        "first": np.array([0], dtype=np.int64),
        "second": np.array([1], dtype=np.int64),
        "zero": np.array(0, dtype=np.float32),
        "flat": np.array([0, 3], dtype=np.int64),
        "single": np.array([0, 1], dtype=np.int64),
        "weights": np.outer(WEIGHTS, slopes),
    }
    node, ml = helper.make_node, "ai.onnx.ml"
    nodes = [
        node("Gather", ["strings", "first"], ["plan"], axis=1),
        node("Gather", ["strings", "second"], ["town"], axis=1),
        node("OneHotEncoder", ["plan"], ["plans"], domain=ml, cats_strings=list(PLANS), zeros=1),
        node("Reshape", ["plans", "flat"], ["plans2"]),
        node("LabelEncoder", ["town"], ["known"], domain=ml, keys_strings=["Uster"], values_floats=[1.0]),
        node("Reshape", ["known", "single"], ["known2"]),
        node("IsNaN", ["floats"], ["absent"]),
        node("Where", ["absent", "zero", "floats"], ["numbers"]),
        node("Concat", ["plans2", "known2", "numbers"], ["all"], axis=1),
        node("MatMul", ["all", "weights"], ["scores"]),
        node("Softmax", ["scores"], ["probabilities"], axis=1)
        if width > 1
        else node("Identity", ["scores"], ["prediction"]),
    ]  # fmt: skip
    output = "probabilities" if width > 1 else "prediction"
    made = helper.make_graph(
        nodes,
        "toy",
        [
            helper.make_tensor_value_info("strings", TensorProto.STRING, [None, 2]),
            helper.make_tensor_value_info("floats", TensorProto.FLOAT, [None, 4]),
        ],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, width])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(ml, 3)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10)


def expected(packed: Packed, task: Task = "binary") -> NDArray[np.float64]:
    """What the graph answers, by NumPy."""
    text = np.array(packed.strings, dtype=object).reshape(packed.rows, 2)
    numbers = np.nan_to_num(np.array(packed.floats, dtype=np.float64).reshape(packed.rows, 4))
    plans = np.array([[each == name for name in PLANS] for each in text[:, 0]], dtype=float)
    inputs = np.column_stack([plans, text[:, 1] == "Uster", numbers])
    scores: NDArray[np.float64] = inputs @ WEIGHTS.astype(np.float64)
    if task == "regression":
        return scores[:, None]
    wide: NDArray[np.float64] = np.exp(scores[:, None] * np.arange(2 if task == "binary" else 3))
    wide /= wide.sum(axis=1, keepdims=True)
    return wide


def files(task: Task = "binary", model: str = "toy") -> dict[str, bytes]:
    return {
        "model.onnx": graph(task).SerializeToString(),
        "signature.json": encode(signature(task, model)),
        "profile.json": b"{}\n",
    }


def write(folder: Path, content: dict[str, bytes]) -> Path:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


class Running(NamedTuple):
    """A server process and a client of it."""

    process: subprocess.Popen[str]
    client: httpx.Client
    port: int


def raw(server: Running, data: bytes) -> bytes:
    """What the server answers to these bytes, until it closes."""
    return exchanged(("127.0.0.1", server.port), data)


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Running]:
    """`ordain serve` in a process of its own on a free loopback port."""
    with started([PROGRAM, "serve", *arguments, "--port", "0", "--json"], environment) as running:
        yield running


@contextmanager
def limited(folder: Path, **limits: float) -> Iterator[Running]:
    """A server with limits of its own."""
    with started([LIMITED, json.dumps(limits), str(folder)], {}) as running:
        yield running


@contextmanager
def started(words: list[str], environment: dict[str, str]) -> Iterator[Running]:
    """A process that prints where it listens, once it is ready."""
    with process(words, environment) as server:
        port = told(server)["port"]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield Running(server, client, port)


@contextmanager
def process(words: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A Python process that ends with the context."""
    made = subprocess.Popen(
        [sys.executable, "-c", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield made
    finally:
        made.terminate()
        try:
            made.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            made.kill()
            made.communicate()


def told(server: subprocess.Popen[str]) -> dict[str, Any]:
    """What a server says once it is ready."""
    text, stdout = "", server.stdout
    while stdout is not None and not text.endswith("}\n"):
        line = stdout.readline()
        if not line:
            _, errors = server.communicate()
            pytest.fail(f"the server did not start: {errors}")
        text += line
    facts: dict[str, Any] = json.loads(text)
    return facts


DATATYPES = {
    "plan": "BYTES",
    "town": "BYTES",
    "amount": "FP64",
    "visits": "INT64",
    "vip": "BOOL",
    "since": "BYTES",
}


def tensors(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows as one tensor a column."""
    return [
        {"name": name, "shape": [len(rows)], "datatype": kind, "data": [row[name] for row in rows]}
        for name, kind in DATATYPES.items()
    ]
