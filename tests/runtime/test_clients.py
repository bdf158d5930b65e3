"""The field's own clients, and a fuzzer, against a real server process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from ordain.runtime.admission import Packed
from tests.runtime.toy import DAYS, ROW, Running, expected, tensors

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CLIENTS = ROOT / ".venv-clients" / "bin"
AMOUNT = 12  # every numeric datatype holds it
WANTED = expected(Packed(1, ["x", "Uster"], [AMOUNT, 3, True, float(DAYS)]))
NUMERIC = ["UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64"]
pytestmark = pytest.mark.skipif(not CLIENTS.exists(), reason="no .venv-clients: make clients-env")


def asked(server: Running, script: str) -> dict[str, Any]:
    row = json.dumps({**ROW, "amount": AMOUNT})
    command = [str(CLIENTS / "python"), str(HERE / "clients" / script), str(server.port), row]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("client", ["triton", "kserve"])
def test_clients_round_trip_every_datatype(server: Running, client: str) -> None:
    answer = asked(server, f"ask_{client}.py")
    forms = {f"{kind} {form}" for kind in NUMERIC for form in ("binary", "json")} | {"FP16 binary"}
    forms |= {"BF16 binary"} if client == "triton" else set()
    assert forms <= answer["answers"].keys()
    for probabilities, label, name in answer["answers"].values():
        assert np.allclose(np.reshape(probabilities, WANTED.shape), WANTED, atol=1e-5, rtol=0)
        assert (label, name) == ("Yes", "mine")
    facts = answer["facts"]
    assert (facts["live"], facts["ready"], facts["model"]) == (True, True, True)
    if client == "triton":
        assert (facts["server"], facts["versions"]) == ("ordain", ["7"])
        status, message = facts["refused"]
        assert status == "400"
        assert "column `plan`: the column is missing" in message


def protocol_document() -> dict[str, Any]:
    """The protocol's OpenAPI document as MLServer ships it, its defects corrected.

    The protocol's own file has only versioned paths, whose parameters bear a dollar sign; this one has both.
    What is left to correct: a type that JSON Schema does not have, an error that need not say anything, and
    data that are required even when they follow the JSON in binary.
    """
    (path,) = CLIENTS.parent.glob("lib/python*/site-packages/mlserver/rest/openapi/dataplane.json")
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    schemas = document["components"]["schemas"]
    schemas["TensorData"] = {"type": "array"}
    schemas["InferenceErrorResponse"]["required"] = ["error"]
    schemas["ResponseOutput"]["required"].remove("data")
    return document


ASKED: list[tuple[str, str, Any]] = [
    ("get", "/v2", None),
    *(("get", f"/v2/models/toy{version}", None) for version in ("", "/versions/7")),
    *(
        ("post", f"/v2/models/toy{version}/infer", body)
        for version in ("", "/versions/7")
        for body in (
            {"inputs": tensors(ROW), "id": "mine"},
            {"inputs": tensors(ROW), "outputs": [{"name": "label"}]},
            {"inputs": tensors(ROW)[1:]},
        )
    ),
]


@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_answers_are_as_the_protocols_document_says(
    client: httpx.Client, method: str, path: str, body: Any
) -> None:
    document = protocol_document()
    response = client.request(method, path, json=body)
    described = path.replace("/toy", "/{model_name}").replace("/7", "/{model_version}")
    answer = document["paths"][described][method]["responses"][str(response.status_code)]
    schema = {**answer["content"]["application/json"]["schema"], "components": document["components"]}
    faults = [each.message for each in Draft202012Validator(schema).iter_errors(response.json())]
    assert faults == []


@pytest.mark.slow
def test_a_fuzzer_finds_no_fault_of_the_server(server: Running, tmp_path: Path) -> None:
    """Valid and invalid requests, made from the server's own document: no 5xx, every answer as described."""
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    command = [str(CLIENTS / "schemathesis"), "run", f"http://127.0.0.1:{server.port}/openapi.json"]
    options = ["--checks", checks, "--max-examples", "60", "--seed", "20180901", "--generation-deterministic"]
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
    with httpx.Client(base_url=server.client.base_url) as client:
        assert client.get("/v2/health/ready").status_code == 200
