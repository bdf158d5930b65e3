"""What Prometheus sees after a known series of requests."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from ordain.runtime.app import App
from ordain.runtime.artifact import open_artifact
from ordain.runtime.messages import Limits
from ordain.runtime.model import Identity, Model
from ordain.runtime.served import Served, Services
from ordain.runtime.stats import ServerStats
from tests.runtime.toy import ROW, files, limited, serving, tensors, write


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


def test_a_request_that_is_refused_before_it_is_whole_is_counted_for_its_model(folder: Path) -> None:
    with limited(folder, body=1000, body_seconds=1.0) as running:
        client, large = running.client, b" " * 1001
        assert client.post("/predict", content=large).status_code == 413
        assert client.post("/v2/models/toy/infer", content=large).status_code == 413
        assert client.post("/v2/models/toy/infer", content=iter([large])).status_code == 413
        assert client.post("/predict", json=ROW, headers={"Content-Encoding": "br"}).status_code == 415
        assert client.post("/predict", json=ROW).status_code == 200
        for sent, answer in (
            (b"POST /predict HTTP/1.1\r\nhost: x\r\n\r\n", b"HTTP/1.1 411 "),
            (b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{", b"HTTP/1.1 408 "),
        ):
            with socket.create_connection(("127.0.0.1", running.port), timeout=40) as connection:
                connection.sendall(sent)
                assert connection.recv(65536).startswith(answer)
        seen = scrape(client)
    found = {
        (dict(labels)["endpoint"], dict(labels)["code"]): count
        for (name, labels), count in seen.items()
        if name == "ordain_requests_total"
    }
    predict = {("predict", code): 1 for code in ("200", "408", "411", "413", "415")}
    assert found == {**predict, ("infer", "413"): 2}
    for code in ("408", "411", "413", "415"):
        assert seen["ordain_http_requests_total", frozenset({("code", code)})] == 1 + 2 * (code == "413")


@pytest.mark.parametrize(("in_flight", "status"), [(0, 503), (10, 500)])
def test_overload_and_a_fault_of_the_server_are_counted_for_the_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch, in_flight: int, status: int
) -> None:
    verified, limits = open_artifact(folder, ""), Limits(in_flight=in_flight)
    model = Model(Identity(name="toy", version="3", artifact=verified.digest), verified)
    served = Served(model, "reject", Services(ThreadPoolExecutor(1), None, b"", limits))
    app = App([served], limits, ServerStats(), no_metrics)
    monkeypatch.setattr(model, "labels", lambda _: 1 / 0)
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    body = json.dumps(ROW).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == status
    assert served.stats.requests == {("predict", status): 1}


async def no_metrics(_: str) -> tuple[bytes, str]:
    return b"", ""


def test_open_metrics_for_who_asks(client: httpx.Client) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
