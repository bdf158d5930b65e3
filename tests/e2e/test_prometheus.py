"""A real Prometheus scrapes a real server by the rules that a spec gives; alerts fire, are told, and clear.

The rules are those that are rendered, with every window shortened to seconds. Grafana itself is not here: its
dashboard's queries are run against this Prometheus.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ordain.adapters.forges.place import Token, place_of
from ordain.adapters.forges.telling import Teller
from ordain.adapters.webhooks import Hooks
from ordain.core.drift.alerts import BODY_LIMIT
from ordain.core.specs.deployment import Monitoring
from ordain.core.specs.identity import Target
from ordain.services.monitoring.receive import Receiver
from tests.adapters.forges.github_world import hosted
from tests.adapters.forges.standin import TOKEN
from tests.core.fleet import OTHER
from tests.core.test_forms import files
from tests.runtime import toy
from tests.services.test_receive import SECRET, Clock

pytestmark = pytest.mark.slow
PATIENCE = 120.0
WINDOW, SHORT, HOLD = "12s", "8s", "1s"
TARGET = Target(environment="staging", model="toy")
PLACE = {"namespace": "ml-staging", "app_kubernetes_io_name": "toy", "pod": "toy-1"}


def program(name: str) -> str:
    """A program of Debian's, or a skip that says which package has it."""
    package = name if name.startswith("prometheus") else "prometheus"
    found = shutil.which(name)
    if found is None:
        absent = f"{name} is not installed: Debian's package {package} has it"
        if os.environ.get("CI") == "true":
            pytest.fail(absent)
        pytest.skip(absent)
    return found


def rendered() -> dict[str, dict[str, Any]]:
    """The model's manifests; its latency objective is one that no answer of many rows keeps."""
    monitoring = Monitoring(latency_objective_ms=0.25)
    return files("rest", target=TARGET, monitoring=monitoring)


def in_seconds(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rules, looking back over seconds. Names of recorded series keep their windows."""
    made: list[dict[str, Any]] = json.loads(json.dumps(groups))
    for group in made:
        group["interval"] = HOLD
        for rule in group["rules"]:
            rule["expr"] = re.sub(
                r"\[([0-9]+[smhd])\]", lambda at: f"[{SHORT if at[1] == '5m' else WINDOW}]", rule["expr"]
            )
            if "for" in rule:
                rule["for"] = HOLD
    return made


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        port: int = made.getsockname()[1]
        return port


@contextmanager
def running(*words: str, ready: str) -> Iterator[None]:
    """A process, once it answers."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(lambda: process.poll() is not None or reached(ready), f"{words[0]} to start")
            if process.poll() is not None:
                pytest.fail(f"{words[0]} ended: {process.communicate()[1][-2000:]}")
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def reached(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def wait_for(holds: Callable[[], object], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            pytest.fail(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(0.2)


class Prometheus:
    """What is asked of it."""

    def __init__(self, port: int) -> None:
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=20)

    def ask(self, expr: str) -> list[dict[str, Any]]:
        answer = self.client.get("query", params={"query": expr}).json()
        assert answer["status"] == "success", (expr, answer)
        rows: list[dict[str, Any]] = answer["data"]["result"]
        return rows

    def fires(self, alert: str) -> bool:
        return bool(self.ask(f'ALERTS{{alertname="{alert}",alertstate="firing"}}'))


class Server:
    """`ordain serve` on a port of its own, which can go and come back; and whoever asks it."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = free_port(), folder
        self.artifact = toy.write(folder / "artifact", toy.files())
        self.process: subprocess.Popen[str] | None = None
        self.body: Any = None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def start(self) -> None:
        told = {"ORDAIN_RELEASE": "toy@1", "ORDAIN_INTENT": OTHER, "ORDAIN_ENVIRONMENT": "staging"}
        words = (str(self.artifact), "--port", str(self.port), "--invalid-input", "accept")
        self.process = subprocess.Popen(
            [sys.executable, "-c", toy.PROGRAM, "serve", *words, "--log", str(self.folder / "log")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **told},
        )  # fmt: skip
        wait_for(lambda: reached(f"http://127.0.0.1:{self.port}/v2/health/ready"), "the server")

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def close(self) -> None:
        self.stop.set()
        self.thread.join(30)
        self.end()

    def _ask(self) -> None:
        """Keep asking for whatever is set, ten times a second."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20) as client:
            while not self.stop.wait(0.1):
                body = self.body
                try:
                    if body is not None:
                        client.post("/predict", json=body)
                except httpx.HTTPError:
                    continue


def configured(folder: Path, server: Server, alertmanager: int) -> Path:
    """Prometheus' settings: what a ServiceMonitor and a PrometheusRule come to on this machine."""
    groups = in_seconds(rendered()["prometheusrule"]["spec"]["groups"])
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    scraped = {"targets": [f"127.0.0.1:{server.port}"], "labels": PLACE}
    settings = {
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "models", "static_configs": [scraped]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
    return folder / "prometheus.yaml"


@contextmanager
def watching(folder: Path, server: Server, alertmanager: int = 9) -> Iterator[Prometheus]:
    """A Prometheus of the rendered rules."""
    port, path = free_port(), program("prometheus")
    words = (
        f"--config.file={configured(folder, server, alertmanager)}",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    with running(path, *words, ready=f"http://127.0.0.1:{port}/-/ready"):
        made = Prometheus(port)
        yield made
        made.client.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    made.close()


def test_alerts_fire_and_clear_and_the_dashboards_queries_answer(server: Server, tmp_path: Path) -> None:
    with watching(tmp_path, server) as prometheus:
        server.body = [toy.ROW] * 2000
        wait_for(lambda: prometheus.fires("OrdainLatencyBudgetBurn"), "slow answers to burn the budget")
        assert not prometheus.fires("OrdainModelAbsent")
        assert not prometheus.fires("OrdainErrorBudgetBurn")
        assert not prometheus.fires("OrdainUnapprovedModel")
        dashboards(prometheus)
        server.body = None
        wait_for(lambda: not prometheus.fires("OrdainLatencyBudgetBurn"), "the alert to clear")
        server.end()
        wait_for(lambda: prometheus.fires("OrdainModelAbsent"), "the absent model")
        server.start()
        wait_for(lambda: not prometheus.fires("OrdainModelAbsent"), "the model that is back")


# Nothing was dropped and nothing was outside the contract, so these have nothing to show.
SILENT = {"ordain_input_violations_total"}


def dashboards(prometheus: Prometheus) -> None:
    """Every query of every panel of the rendered dashboard answers, with its variables filled in."""
    ((_, source),) = rendered()["configmap"]["data"].items()
    page = json.loads(source)
    names = {each["name"]: each["query"] for each in page["templating"]["list"]}
    asked = 0
    for panel in page["panels"]:
        for each in panel["targets"]:
            expr = each["expr"].replace("$__rate_interval", WINDOW)
            expr = re.sub(r"\$([a-z]+)", lambda at: names[at[1]], expr)
            assert "$" not in expr
            found = prometheus.ask(expr)
            assert found or any(name in expr for name in SILENT), (panel["title"], expr)
            asked += 1
    assert asked >= 20


def test_an_alert_goes_from_a_rule_to_the_forge_and_clears(server: Server, tmp_path: Path) -> None:
    """Prometheus, Alertmanager and the receiver are real; the forge is the stand-in."""
    alertmanager = program("prometheus-alertmanager")
    with ExitStack() as stack:
        forge = stack.enter_context(hosted()).server
        told = Teller(place_of("github", f"{forge.origin}/acme/churn", "main"), Token(TOKEN))
        receiver = Receiver(told, Clock())

        def receive(body: bytes) -> tuple[int, str]:
            answer = receiver.receive(body)
            return answer.status, answer.told

        hooks = stack.enter_context(Hooks(("127.0.0.1", 0), Token(SECRET), receive, BODY_LIMIT))
        threading.Thread(target=hooks.serve_forever, daemon=True).start()
        stack.callback(hooks.shutdown)
        settings = {
            "route": {"receiver": "ordain", "group_by": ["model", "environment"], "group_wait": "1s",
                      "group_interval": "1s", "repeat_interval": "1s"},
            "receivers": [{"name": "ordain", "webhook_configs": [{
                "url": f"http://127.0.0.1:{hooks.server_address[1]}/alerts",
                "http_config": {"authorization": {"credentials": SECRET}},
            }]}],
        }  # fmt: skip
        (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(settings))
        port = free_port()
        words = (
            f"--config.file={tmp_path}/alertmanager.yaml",
            f"--storage.path={tmp_path}/alerts",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=error",
        )
        stack.enter_context(running(alertmanager, *words, ready=f"http://127.0.0.1:{port}/-/ready"))
        prometheus = stack.enter_context(watching(tmp_path, server, port))
        server.body = [{**toy.ROW, "plan": "unheard of"}]
        wait_for(lambda: forge.asked, "the forge to be told")
        server.body = [toy.ROW] * 20
        wait_for(lambda: not prometheus.fires("OrdainInputOutsideContract"), "the alert to clear")
        (asked,) = forge.asked  # though Alertmanager repeated itself every second
        evidence = json.loads(asked.body["client_payload"]["evidence"])
        assert (evidence["model"], evidence["environment"], evidence["request"]) == (
            "toy",
            "staging",
            "draft",
        )
        assert [each["kind"] for each in evidence["findings"]] == ["OrdainInputOutsideContract"]
