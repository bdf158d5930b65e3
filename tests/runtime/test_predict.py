"""Friendly rows, errors and limits against a real server process."""

from __future__ import annotations

import json
import string
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.runtime.admission import Packed
from tests.runtime import schemas
from tests.runtime.toy import DAYS, ROW, Running, expected, raw, tensors

WANTED = expected(Packed(1, ["x", "Uster"], [12.5, 3, True, float(DAYS)]))[0]


def test_one_row_and_many(client: httpx.Client) -> None:
    one = client.post("/predict", json=ROW).json()
    assert (one["model"], one["version"]) == ("toy", "7")
    (prediction,) = one["predictions"]
    assert prediction["label"] == "Yes"
    assert np.allclose([prediction["probabilities"][name] for name in ("No", "Yes")], WANTED, atol=1e-5)
    many = client.post("/predict/toy", json=[ROW, {**ROW, "town": None}]).json()
    assert many["predictions"][0] == prediction
    assert len(many["predictions"]) == 2
    assert one["id"] != many["id"]


def test_the_reference_path_gives_the_same_answer(client: httpx.Client) -> None:
    odd = {**ROW, "visits": 3.0, "vip": 1}
    assert (
        client.post("/predict", json=odd).json()["predictions"]
        == client.post("/predict", json=ROW).json()["predictions"]
    )


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({**ROW, "plan": "w"}, "row 0, column `plan`: none of the known categories ('x', 'y', 'z')"),
        ({**ROW, "visits": 61}, "row 0, column `visits`: outside the range 0 to 60"),
        ({**ROW, "visits": None}, "row 0, column `visits`: missing"),
        ({**ROW, "vip": "yes"}, "row 0, column `vip`: not true or false"),
        ({**ROW, "sinse": 1}, "did you mean `since`?"),
        ({name: ROW[name] for name in ROW if name != "plan"}, "row 0, column `plan`: the column is missing"),
        ([ROW, {**ROW, "since": "29.2.2020"}], "row 1, column `since`: not an ISO 8601 date"),
        ([], "one row, or a list of rows"),
        ([1], "one row, or a list of rows"),
        ("x", "one row, or a list of rows"),
        ([ROW] * 51, "one request may have 50 rows"),
        ([{**ROW, "visits": 3.0}] * 51, "one request may have 50 rows"),
    ],
)
def test_refusals_are_pointed(client: httpx.Client, body: Any, sentence: str) -> None:
    response = client.post("/predict", json=body)
    assert response.status_code == (413 if "50 rows" in sentence else 400)
    schemas.check(schemas.ERROR, response.json())
    assert sentence in response.json()["error"]


@pytest.mark.parametrize(
    "content",
    [b"", b" ", b"{", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"NaN", b"1e999", b'"\\ud800"', b"1 2",
     b'{"plan": NaN}', b'{"amount": 1e400}', b"[" + b"1" * 5000 + b"]", b"null", b"\x80\x04K\x01."],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/predict", "/v2/models/toy/infer"])
def test_what_is_not_json_is_refused(client: httpx.Client, path: str, content: bytes) -> None:
    response = client.post(path, content=content)
    assert response.status_code == 400
    schemas.check(schemas.ERROR, response.json())


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200), ("application/json; charset=utf-8", 200),
        ("Application/JSON;charset=UTF-8", 200),
        ("application/octet-stream", 415), ("text/plain", 415), ("application/x-python-pickle", 415),
        ("application/json; charset=utf-16", 415), ("multipart/form-data", 415),
    ],
)  # fmt: skip
def test_only_json_is_read(client: httpx.Client, kind: str, status: int) -> None:
    response = client.post("/predict", content=json.dumps(ROW), headers={"Content-Type": kind})
    assert response.status_code == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404), ("GET", "/v2/", 404), ("GET", "/v2/models/other", 404), ("GET", "/predict", 405),
        ("GET", "/v2/models/toy/versions/8", 404), ("POST", "/v2", 405), ("DELETE", "/v2/models/toy", 405),
        ("GET", "/v2/models/toy/infer", 405), ("POST", "/v2/models/other/infer", 404),
        ("GET", "/v2/models/..%2f..%2fetc", 404), ("PUT", "/predict", 405), ("GET", "/%00", 404),
    ],
)  # fmt: skip
def test_unknown_paths_and_methods(client: httpx.Client, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    schemas.check(schemas.ERROR, response.json())
    assert ("Allow" in response.headers) == (status == 405)


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    response = client.head("/v2/health/ready")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["Content-Length"]) > 0


def test_large_bodies_are_refused_before_they_are_read(client: httpx.Client) -> None:
    declared = client.post("/predict", content=b"x" * (2**20 + 1))
    assert declared.status_code == 413
    schemas.check(schemas.ERROR, declared.json())

    def endless() -> Any:
        for _ in range(80):
            yield b" " * 2**15

    streamed = client.post("/predict", content=endless())
    assert streamed.status_code == 413


def test_malformed_http_is_answered_in_json(server: Running) -> None:
    answer = raw(server, b"NONSENSE\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    schemas.check(schemas.ERROR, json.loads(answer.partition(b"\r\n\r\n")[2]))


@pytest.mark.parametrize("part", [b"x" * 60 + b": y\r\n", b"x" * 70_000, b"y: " + b"x" * 200_000])
def test_endless_headers_are_cut_off(server: Running, part: bytes) -> None:
    answer = raw(server, b"POST /predict HTTP/1.1\r\nhost: x\r\n" + part * (3000 if len(part) < 100 else 2))
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(string.printable, max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*ROW, "inputs", "data", "name", "shape", "datatype", "id"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
TENSOR = st.fixed_dictionaries(
    {
        "name": st.sampled_from([*ROW, "strings", "floats"]) | JSON,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON,
        "datatype": st.sampled_from(["BYTES", "FP32", "FP64", "INT64", "BOOL", "UINT8"]) | JSON,
        "data": st.lists(JSON, max_size=3) | JSON,
    },
    optional={"parameters": JSON},
)
REQUEST = st.fixed_dictionaries(
    {"inputs": st.lists(TENSOR | st.sampled_from(tensors(ROW)), max_size=7) | JSON},
    optional={"id": JSON, "outputs": JSON, "parameters": JSON},
)


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(["/predict", "/v2/models/toy/infer"]),
    st.one_of(
        JSON.map(json.dumps).map(str.encode),
        REQUEST.map(json.dumps).map(str.encode),
        st.dictionaries(st.sampled_from([*ROW, "x"]), JSON).map(json.dumps).map(str.encode),
        st.binary(max_size=60),
    ),
    st.dictionaries(
        st.sampled_from(
            ["Content-Type", "Content-Encoding", "Inference-Header-Content-Length", "Accept-Encoding"]
        ),
        st.sampled_from(
            ["application/json", "gzip", "identity", "5", "0", "application/octet-stream", "text/html"]
        ),
    ),
)
def test_no_body_is_ever_our_fault(
    server: Running, path: str, content: bytes, headers: dict[str, str]
) -> None:
    response = server.client.post(path, content=content, headers=headers)
    assert response.status_code in {200, 400, 413, 415}
    if response.status_code != 200:
        schemas.check(schemas.ERROR, response.json())
