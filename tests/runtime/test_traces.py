"""Traces as a collector receives them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.installed import installed, required
from tests.runtime.toy import ROW, serving

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FAST = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}


class Collector:
    """An OTLP receiver on loopback."""

    def __init__(self) -> None:
        received = self.received = ExportTraceServiceRequest()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.MergeFromString(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for each in self.received.resource_spans
            for scope in each.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_each_request_is_a_span_below_the_callers(folder: Path, collector: Collector) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "churn-api", **FAST}
    caller = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    unsampled = {"traceparent": f"00-{TRACE[::-1]}-{CALLER}-00"}
    broken = {b"traceparent": b"00-nonsense\xff", b"tracestate": b"=" * 600}
    with serving(str(folder), "--traces", ORDAIN_RELEASE="toy@3", **environment) as running:
        before = time.time_ns()
        assert running.client.post("/predict", json=ROW, headers=caller).status_code == 200
        assert running.client.post("/predict", json={}, headers=caller).status_code == 400
        assert running.client.post("/predict", json=ROW, headers=unsampled).status_code == 200
        assert running.client.post("/predict", json=ROW, headers=broken).status_code == 200
        after = time.time_ns()
        running.process.terminate()
        assert running.process.wait(20) == 0
    spans = {
        (each.trace_id.hex(), _value(each, "http.response.status_code")): each for each in collector.spans
    }
    assert len(collector.spans) == 3, "the caller wanted no span of the third"
    for status in (200, 400):
        span = spans[TRACE, status]
        assert span.parent_span_id.hex() == CALLER
        assert span.name == "POST predict toy"
        assert before <= span.start_time_unix_nano <= span.end_time_unix_nano <= after
        assert _value(span, "ordain.release") == "toy@3"
        assert span.kind == span.SPAN_KIND_SERVER
    (alone,) = [each for each in collector.spans if each.trace_id.hex() != TRACE]
    assert alone.parent_span_id == b""
    resource = collector.received.resource_spans[0].resource
    assert _value(resource, "service.name") == "churn-api"
    assert "Uster" not in str(collector.received), "no value of a request"


def _value(of: Any, name: str) -> Any:
    (value,) = [each.value for each in of.attributes if each.key == name]
    return value.int_value or value.string_value


def test_a_collector_that_is_away_costs_spans_only(folder: Path) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", **FAST}
    with serving(str(folder), "--traces", **environment) as running:
        for _ in range(50):
            assert running.client.post("/predict", json=ROW).status_code == 200
        began = time.monotonic()
        running.process.terminate()
        assert running.process.wait(20) == 0
        assert time.monotonic() - began < 10


def test_without_the_packages_it_says_which(folder: Path, tmp_path: Path) -> None:
    done = installed(tmp_path, required("serve")).run("serve", str(folder), "--traces", "--port", "0")
    assert done.returncode == 1
    assert "traces need OpenTelemetry's packages" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "99999"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "zz"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-3"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Bearer s3cret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b,api-key: s3cret"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", 'api-key="s3cret"'),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=s3cret%0A"),
    ],
)
def test_a_malformed_variable_is_one_sentence(folder: Path, name: str, value: str) -> None:
    program = "from ordain.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "serve", str(folder), "--port", "0", "--traces"],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, name: value},
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "OTEL_" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
