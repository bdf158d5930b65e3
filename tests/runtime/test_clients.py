"""The field's own clients, and a fuzzer, against a real server process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from ordain.runtime.admission import Packed
from tests.runtime.toy import DAYS, ROW, Running, expected

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
    forms |= {"BF16 binary" if client == "triton" else "BF16 json"}
    assert forms <= answer["answers"].keys()
    for probabilities, label, name in answer["answers"].values():
        assert np.allclose(np.reshape(probabilities, WANTED.shape), WANTED, atol=1e-5, rtol=0)
        assert (label, name) == ("Yes", "mine")
    facts = answer["facts"]
    assert (facts["live"], facts["ready"], facts["model"]) == (True, True, True)
    if client == "kserve":  # by this the client's own limits are known: a newer one that has none fails here
        assert "FP16 data via JSON is not supported" in facts["refused"]["FP16"]
        assert "unexpected datatype FP32 from numpy array, expected BF16" in facts["refused"]["BF16"]
    else:
        assert (facts["server"], facts["versions"]) == ("ordain", ["7"])
        status, message = facts["refused"]
        assert status == "400"
        assert "column `plan`: the column is missing" in message


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
