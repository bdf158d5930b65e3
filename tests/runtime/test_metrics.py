"""What Prometheus sees after a known series of requests."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from ordain.runtime.artifact import open_artifact
from ordain.runtime.messages import Limits, Request, busy
from ordain.runtime.model import Identity, Model
from ordain.runtime.refusal import Refusal
from ordain.runtime.served import Served, Services
from tests.runtime.toy import ROW, files, serving, tensors, write


def scrape(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(response.text)
        for sample in family.samples
    }


def labelled(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset({"model": "toy", "version": "3", **labels}.items())


def test_every_request_is_counted(tmp_path: Path) -> None:
    folder = write(tmp_path, files())
    environment = {"ORDAIN_RELEASE": "toy@3", "ORDAIN_INTENT": "sha256:ab", "ORDAIN_ENVIRONMENT": "staging"}
    with serving(str(folder), "--invalid-input", "accept", **environment) as running:
        client = running.client
        assert client.post("/predict", json=[ROW, {**ROW, "plan": "w"}]).status_code == 200
        assert client.post("/v2/models/toy/infer", json={"inputs": tensors(ROW)}).status_code == 200
        assert client.post("/predict", json={**ROW, "amount": "much", "plan": "w"}).status_code == 400
        assert client.get("/nowhere").status_code == 404
        seen = scrape(client)
    assert seen[labelled("ordain_requests_total", endpoint="predict", code="200")] == 1
    assert seen[labelled("ordain_requests_total", endpoint="predict", code="400")] == 1
    assert seen[labelled("ordain_requests_total", endpoint="infer", code="200")] == 1
    assert seen[labelled("ordain_rows_total")] == 3
    assert seen[labelled("ordain_predictions_total", label="Yes")] == 3
    violation = {"column": "plan", "kind": "unknown_category"}
    assert seen[labelled("ordain_input_violations_total", action="accepted", **violation)] == 1
    rejected = {"column": "amount", "kind": "type", "action": "rejected"}
    assert seen[labelled("ordain_input_violations_total", **rejected)] == 1
    assert seen[labelled("ordain_request_duration_seconds_count", endpoint="infer")] == 1
    assert seen[labelled("ordain_request_duration_seconds_bucket", endpoint="infer", le="+Inf")] == 1
    assert seen[labelled("ordain_request_duration_seconds_sum", endpoint="infer")] > 0
    assert seen[labelled("ordain_run_rows_sum")] == 3
    assert seen["ordain_http_requests_total", frozenset({("code", "404")})] == 1
    infos = [dict(labels) for (name, labels) in seen if name == "ordain_model_info"]
    assert [(each["release"], each["intent"], each["environment"]) for each in infos] == [
        ("toy@3", "sha256:ab", "staging")
    ]
    assert infos[0]["artifact"].startswith("sha256:")
    assert any(name == "process_resident_memory_bytes" for name, _ in seen)


def test_what_the_server_fails_is_no_request_of_the_model(tmp_path: Path) -> None:
    """Else a server that refuses everything would fail half of all: the rules add failures to these."""
    verified = open_artifact(write(tmp_path, files()), "")
    model = Model(Identity(name="toy", version="3", artifact=verified.digest), verified)
    served = Served(model, "reject", Services(ThreadPoolExecutor(1), None, b"", Limits()))

    def full(_: object) -> None:
        raise busy("too many large requests are waiting")

    async def asked(row: object) -> int:
        try:
            return (await served.predict(Request({}, json.dumps(row).encode()))).status
        except Refusal as refusal:
            return refusal.status

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(served._coalescer, "at_once", full)
        assert asyncio.run(asked(ROW)) == 503
        assert asyncio.run(asked({**ROW, "amount": "much"})) == 400
    assert served.stats.requests == {("predict", 400): 1}


def test_open_metrics_for_who_asks(client: httpx.Client) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
