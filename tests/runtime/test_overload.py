"""More than it can do, for as long as it takes: 200 or 503 with when to come back, and memory that stays."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from ordain.core.artifacts.signature import Graph, Signature, Width, encode
from ordain.runtime.messages import VALUE, Limits
from tests.runtime.test_lifecycle import resident
from tests.runtime.test_limits import peak
from tests.runtime.toy import ROW, Running, feature, limited, serving, tensors, write

CLIENTS, EACH = 16, 12
PLAIN = json.dumps(
    {"inputs": tensors(*[{**ROW, "visits": 3.0}] * 4000)}
).encode()  # odd, so read the long way
FORMS = {"plain": (PLAIN, {}), "gzip": (gzip.compress(PLAIN), {"Content-Encoding": "gzip"})}
HELD = 4 * len(PLAIN)


def ask(running: Running, form: str, answers: list[httpx.Response]) -> None:
    body, headers = FORMS[form]
    with httpx.Client(base_url=running.client.base_url, timeout=60) as client:
        path = "/v2/models/toy/infer"
        answers += [client.post(path, content=body, headers=headers) for _ in range(EACH)]


def crowd(running: Running, form: str, answers: list[httpx.Response]) -> float:
    """Many clients at once; MB of memory afterwards."""
    asking = [threading.Thread(target=ask, args=(running, form, answers)) for _ in range(CLIENTS)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    return resident(running.process.pid)


@pytest.mark.parametrize("form", FORMS)
def test_overload_is_refused_and_more_of_it_takes_no_more_memory(folder: Path, form: str) -> None:
    answers: list[httpx.Response] = []
    with limited(folder, bodies=HELD, in_flight=CLIENTS - 4) as running:
        first, again = (crowd(running, form, answers) for _ in range(2))
        assert running.client.post("/predict", json=ROW).status_code == 200
        text = running.client.get("/metrics").text
    counts = Counter(each.status_code for each in answers)
    assert set(counts) == {200, 503}
    assert counts[200] >= EACH
    for each in answers:
        if each.status_code == 503:
            assert each.headers["Retry-After"] == "1"
            assert each.json()["error"]
    assert f'ordain_http_requests_total{{code="503"}} {counts[503]}.0' in text
    assert again < 1.1 * first


WIDE = 600  # columns
POD = 512 * 2**20 / 1e6  # MB


def wide(folder: Path) -> Path:
    """A model of 600 numbers."""
    weights = numpy_helper.from_array(np.ones((WIDE, 1), dtype=np.float32), "weights")
    floats = helper.make_tensor_value_info("floats", TensorProto.FLOAT, [None, WIDE])
    prediction = helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None, 1])
    node = helper.make_node("MatMul", ["floats", "weights"], ["prediction"])
    graph = helper.make_graph([node], "wide", [floats], [prediction], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    signature = Signature(
        version=1, model="wide", task="regression", missing_string="", classes=None, positive=None,
        features=tuple(feature(f"x{at}", "number", "floats", at) for at in range(WIDE)),
        graph=Graph(inputs={"floats": Width(width=WIDE)}, output="prediction"), threshold=0.5,
    )  # fmt: skip
    files = {"model.onnx": model.SerializeToString(), "signature.json": encode(signature)}
    return write(folder, {**files, "profile.json": b"{}\n"})


def test_rows_of_many_columns_stay_within_the_pods_memory(tmp_path: Path) -> None:
    """A value takes a byte in a request and 75 on its way, so rows alone say nothing about memory."""
    most = Limits().of_model(WIDE).rows
    assert most == 128 * 2**20 // (VALUE * WIDE)

    def post(running: Running, rows: int) -> httpx.Response:
        size = {"binary_data_size": rows}
        inputs = [
            {"name": f"x{at}", "datatype": "INT8", "shape": [rows], "parameters": size} for at in range(WIDE)
        ]
        head = json.dumps({"inputs": inputs}).encode()
        headers = {"inference-header-content-length": str(len(head))}
        with httpx.Client(base_url=running.client.base_url, timeout=60) as client:
            return client.post("/v2/models/wide/infer", content=head + bytes(rows * WIDE), headers=headers)

    with serving(str(wide(tmp_path / "wide")), "--log", str(tmp_path / "log")) as running:
        assert running.client.get("/openapi.json").text.count(f'"maxItems":{most}') == 1
        assert post(running, 10_000).status_code == 413
        with ThreadPoolExecutor(6) as clients:
            answers = list(clients.map(lambda _: post(running, most), range(6)))
        assert Counter(each.status_code for each in answers).keys() <= {200, 503}
        assert 200 in {each.status_code for each in answers}
        assert peak(running.process.pid) < POD
