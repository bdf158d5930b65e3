"""The Open Inference Protocol against a real server process."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import httpx
import numpy as np
import pytest

from ordain.runtime.admission import Packed
from tests.runtime import schemas
from tests.runtime.toy import DATATYPES, DAYS, ROW, expected, tensors

PACKED = Packed(1, ["x", "Uster"], [12.5, 3, True, float(DAYS)])
WANTED = expected(PACKED)
PATHS = ("/v2/models/toy", "/v2/models/toy/versions/7")
INFER = "/v2/models/toy/infer"


def body(**changes: Any) -> dict[str, Any]:
    return {"inputs": tensors(ROW)} | changes


def output(response: httpx.Response, name: str) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    found: dict[str, Any] = {each["name"]: each for each in response.json()["outputs"]}[name]
    return found


def close(answer: Any, wanted: Any = WANTED) -> bool:
    return bool(np.allclose(np.reshape(answer, np.shape(wanted)), wanted, atol=1e-5, rtol=0))


def test_server_says_who_it_is(client: httpx.Client) -> None:
    answer = client.get("/v2").json()
    schemas.check(schemas.SERVER, answer)
    assert "binary_tensor_data" in answer["extensions"]


def test_health(client: httpx.Client) -> None:
    live, ready = client.get("/v2/health/live"), client.get("/v2/health/ready")
    assert (live.status_code, ready.status_code) == (200, 200)
    schemas.check(schemas.LIVE, live.json())
    schemas.check(schemas.READY, ready.json())


@pytest.mark.parametrize("path", PATHS)
def test_model_metadata_and_readiness(client: httpx.Client, path: str) -> None:
    metadata = client.get(path).json()
    schemas.check(schemas.MODEL, metadata)
    assert {each["name"]: each["datatype"] for each in metadata["inputs"]} == DATATYPES
    assert metadata["versions"] == ["7"]
    assert metadata["outputs"][0]["parameters"]["classes"] == ["No", "Yes"]
    ready = client.get(f"{path}/ready")
    assert ready.status_code == 200
    schemas.check(schemas.MODEL_READY, ready.json())


@pytest.mark.parametrize("path", PATHS)
def test_inference(client: httpx.Client, path: str) -> None:
    response = client.post(f"{path}/infer", json=body(id="mine"))
    answer = response.json()
    schemas.check(schemas.INFER, answer)
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("toy", "7", "mine")
    assert answer["parameters"]["prediction_id"]
    probabilities = output(response, "probabilities")
    assert (probabilities["datatype"], probabilities["shape"]) == ("FP32", [1, 2])
    assert close(probabilities["data"])
    label = output(response, "label")
    assert (label["datatype"], label["shape"], label["data"]) == ("BYTES", [1], ["Yes"])


def test_id_is_absent_when_none_was_given(client: httpx.Client) -> None:
    assert "id" not in client.post(INFER, json=body()).json()


def test_nested_flat_and_two_dimensional_are_the_same(client: httpx.Client) -> None:
    rows = [ROW, {**ROW, "plan": "z", "visits": 9}]
    flat = client.post(INFER, json={"inputs": tensors(*rows)})
    shaped = [{**each, "shape": [2, 1]} for each in tensors(*rows)]
    nested = [{**each, "data": [[value] for value in each["data"]]} for each in shaped]
    for inputs in (shaped, nested):
        response = client.post(INFER, json={"inputs": inputs})
        assert output(response, "probabilities") == output(flat, "probabilities")


def test_packed_matrices(client: httpx.Client) -> None:
    strings = {"name": "strings", "shape": [1, 2], "datatype": "BYTES", "data": ["x", "Uster"]}
    floats = {"name": "floats", "shape": [1, 4], "datatype": "FP32", "data": [[12.5, 3, 1, DAYS]]}
    response = client.post(INFER, json={"inputs": [floats, strings]})
    assert close(output(response, "probabilities")["data"])
    for inputs in ([floats], [{**floats, "shape": [4]}, strings], [floats, {**strings, "shape": [2, 1]}]):
        assert client.post(INFER, json={"inputs": inputs}).status_code == 400


def test_only_the_requested_outputs_come(client: httpx.Client) -> None:
    response = client.post(INFER, json=body(outputs=[{"name": "label"}]))
    assert [each["name"] for each in response.json()["outputs"]] == ["label"]
    refused = client.post(INFER, json=body(outputs=[{"name": "logits"}]))
    assert refused.status_code == 400
    assert "probabilities" in refused.json()["error"]


def test_an_output_is_asked_for_once(client: httpx.Client) -> None:
    """Otherwise a small request could ask for an answer of any size."""
    response = client.post(INFER, json=body(outputs=[{"name": "label"}, {"name": "label"}]))
    assert response.status_code == 400
    assert "asked for twice" in response.json()["error"]


def test_an_unknown_output_is_refused_before_anything_is_scored(client: httpx.Client) -> None:
    def scored() -> list[str]:
        lines = client.get("/metrics").text.splitlines()
        return [line for line in lines if line.startswith("ordain_rows_total{")]

    before = scored()
    response = client.post(INFER, json=body(outputs=[{"name": "label"}, {"name": "confidence"}]))
    assert response.status_code == 400
    assert "no output 'confidence'; the model has probabilities, label" in response.json()["error"]
    assert before
    assert scored() == before


def test_unknown_parameters_are_allowed(client: httpx.Client) -> None:
    inputs = [{**each, "parameters": {"content_type": "str"}} for each in tensors(ROW)]
    response = client.post(INFER, json={"inputs": inputs, "parameters": {"priority": 1, "x": None}})
    assert response.status_code == 200


NUMERIC = (
    "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "BF16", "FP32", "FP64",
)  # fmt: skip
NUMPY = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1",
    "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip


def retyped(name: str, datatype: str, values: list[Any]) -> list[dict[str, Any]]:
    changed = {"name": name, "shape": [1], "datatype": datatype, "data": values}
    return [changed if each["name"] == name else each for each in tensors({**ROW, "vip": True, "amount": 12})]


@pytest.mark.parametrize("datatype", NUMERIC)
def test_every_numeric_datatype_fits_a_number(client: httpx.Client, datatype: str) -> None:
    wanted = expected(Packed(1, PACKED.strings, [12, 3, True, float(DAYS)]))
    response = client.post(INFER, json={"inputs": retyped("amount", datatype, [12])})
    assert close(output(response, "probabilities")["data"], wanted)


def binary(inputs: list[dict[str, Any]], **extra: Any) -> tuple[bytes, dict[str, str]]:
    """The request in the binary form: JSON first, tensors after it."""
    head, raw = [], []
    for each in inputs:
        if each["datatype"] == "BYTES":
            texts = [str(value).encode() for value in each["data"]]
            data = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
        elif each["datatype"] == "BF16":
            halves = np.array(each["data"], dtype="<f4").view("<u2")[1::2]
            data = halves.tobytes()
        else:
            data = np.array(each["data"], dtype=NUMPY[each["datatype"]]).tobytes()
        kept = {name: value for name, value in each.items() if name != "data"}
        head.append({**kept, "parameters": {"binary_data_size": len(data)}})
        raw.append(data)
    text = json.dumps({"inputs": head, **extra}).encode()
    return text + b"".join(raw), {"Inference-Header-Content-Length": str(len(text))}


@pytest.mark.parametrize("datatype", NUMERIC)
def test_binary_tensors_of_every_datatype(client: httpx.Client, datatype: str) -> None:
    content, headers = binary(retyped("amount", datatype, [12]))
    response = client.post(INFER, content=content, headers=headers)
    wanted = expected(Packed(1, PACKED.strings, [12, 3, True, float(DAYS)]))
    assert close(output(response, "probabilities")["data"], wanted)


def test_binary_outputs(client: httpx.Client) -> None:
    content, headers = binary(tensors(ROW), parameters={"binary_data_output": True}, id="b")
    headers["Content-Type"] = "application/octet-stream"
    response = client.post(INFER, content=content, headers=headers)
    size = int(response.headers["Inference-Header-Content-Length"])
    head = json.loads(response.content[:size])
    schemas.check(schemas.INFER, head)
    assert [each["parameters"]["binary_data_size"] for each in head["outputs"]] == [8, 7]
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert close(np.frombuffer(response.content[size : size + 8], dtype="<f4"))
    assert response.content[size + 8 :] == b"\x03\x00\x00\x00Yes"
    outputs = [{"name": "label", "parameters": {"binary_data": True}}, {"name": "probabilities"}]
    mixed = client.post(INFER, json=body(outputs=outputs))
    assert mixed.content.endswith(b"\x03\x00\x00\x00Yes")


@pytest.mark.parametrize("length", ["-1", "x", "99999999", "1", "9" * 30, ""])
def test_wrong_header_lengths_are_refused(client: httpx.Client, length: str) -> None:
    content, _ = binary(tensors(ROW))
    response = client.post(INFER, content=content, headers={"Inference-Header-Content-Length": length})
    assert response.status_code == 400
    schemas.check(schemas.ERROR, response.json())


def test_missing_numbers_are_nan_in_binary_and_null_in_json(client: httpx.Client) -> None:
    wanted = output(client.post(INFER, json={"inputs": retyped("amount", "FP64", [None])}), "probabilities")
    content, headers = binary(retyped("amount", "FP32", [float("nan")]))
    assert output(client.post(INFER, content=content, headers=headers), "probabilities") == wanted
    content, headers = binary(retyped("amount", "FP32", [float("inf")]))
    refused = client.post(INFER, content=content, headers=headers)
    assert refused.status_code == 400
    assert "infinite" in refused.json()["error"]


BROKEN: dict[str, Any] = {
    "no inputs": {},
    "inputs empty": {"inputs": []},
    "inputs no list": {"inputs": 1},
    "no name": {"inputs": [{"shape": [1], "datatype": "FP32", "data": [1]}]},
    "no data": {"inputs": [{"name": "plan", "shape": [1], "datatype": "FP32"}]},
    "unknown datatype": {"inputs": [{**tensors(ROW)[0], "datatype": "STRING"}]},
    "twice": {"inputs": [*tensors(ROW), tensors(ROW)[0]]},
    "wrong count": {"inputs": [{**tensors(ROW)[0], "shape": [3]}]},
    "three dimensions": {"inputs": [{**each, "shape": [1, 1, 1]} for each in tensors(ROW)]},
    "rows differ": {"inputs": [*tensors(ROW)[:5], {**tensors(ROW)[5], "shape": [2], "data": [None, None]}]},
    "no rows": {"inputs": [{**each, "shape": [0], "data": []} for each in tensors(ROW)]},
    "binary without header": {
        "inputs": [{"name": "plan", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 4}}]
    },
    "id no text": body(id=5),
    "outputs no list": body(outputs={}),
    "a column too many": {"inputs": [*tensors(ROW), {**tensors(ROW)[0], "name": "more"}]},
    "a column too few": {"inputs": tensors(ROW)[1:]},
    "unknown category": {"inputs": tensors({**ROW, "plan": "w"})},
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_requests_are_errors_of_the_client(client: httpx.Client, name: str) -> None:
    response = client.post(INFER, json=BROKEN[name])
    assert response.status_code == 400
    schemas.check(schemas.ERROR, response.json())


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_requests(client: httpx.Client, encoding: str) -> None:
    plain = json.dumps(body()).encode()
    content = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    assert close(output(client.post(INFER, content=content, headers=headers), "probabilities")["data"])
    for damaged in (plain, content[:-3], content + b"x", b""):
        assert client.post(INFER, content=damaged, headers=headers).status_code == 400
    bomb = gzip.compress(bytes(64 * 2**20)) if encoding == "gzip" else zlib.compress(bytes(64 * 2**20))
    assert client.post(INFER, content=bomb, headers=headers).status_code == 413
    headers["Content-Encoding"] = "br"
    assert client.post(INFER, content=content, headers=headers).status_code == 415


def test_large_answers_are_compressed_for_who_takes_them(client: httpx.Client) -> None:
    many = {"inputs": tensors(*[ROW] * 50)}
    compressed = client.post(INFER, json=many)
    plain = client.post(INFER, json=many, headers={"Accept-Encoding": "gzip;q=0, br"})
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert compressed.json()["outputs"] == plain.json()["outputs"]
    small = client.post(INFER, json=body())
    assert "Content-Encoding" not in small.headers


@pytest.mark.parametrize(
    "asked",
    [
        {"parameters": {"binary_data_output": "false"}},
        {"outputs": [{"name": "label", "parameters": {"binary_data": 1}}]},
        {"outputs": [{"name": "label", "parameters": {"binary_data": None}}]},
    ],
)
def test_what_is_neither_true_nor_false_is_refused(client: httpx.Client, asked: dict[str, Any]) -> None:
    response = client.post("/v2/models/toy/infer", json={"inputs": tensors(ROW), **asked})
    assert response.status_code == 400
    assert "must be true or false" in response.json()["error"]
