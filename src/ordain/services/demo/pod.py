"""Start the server exactly as the rendered Deployment says: command, arguments, environment, probes."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ordain.errors import UserError


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """What one container of a Deployment asks for."""

    words: tuple[str, ...]
    environment: dict[str, str]
    working_directory: str
    port: int
    probes: dict[str, str]
    annotations: dict[str, str]


def read_pod(manifest: bytes) -> Pod:
    """The first container of a rendered Deployment."""
    template = yaml.safe_load(manifest)["spec"]["template"]
    container = template["spec"]["containers"][0]
    probes = {
        kind: container[kind]["httpGet"]["path"]
        for kind in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    return Pod(
        words=(*container["command"], *container["args"]),
        environment={each["name"]: str(each["value"]) for each in container["env"]},
        working_directory=container["workingDir"].lstrip("/"),
        port=container["ports"][0]["containerPort"],
        probes=probes,
        annotations=template["metadata"]["annotations"],
    )


def call(port: int, path: str, body: Any = None) -> tuple[int, Any]:
    """One HTTP request to the pod: status and decoded JSON (or text)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        if body is None:
            connection.request("GET", path)
        else:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body).encode(), headers)
        response = connection.getresponse()
        raw = response.read()
        kind = response.getheader("Content-Type") or ""
        return response.status, json.loads(raw) if kind.startswith("application/json") else raw.decode()
    finally:
        connection.close()


def ready(pod: Pod, process: subprocess.Popen[bytes], patience: float) -> None:
    """Ask the startup probe until it answers 200.

    Raises:
        UserError: when the process ends first, or patience (seconds) runs out.
    """
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            if call(pod.port, pod.probes["startupProbe"])[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise UserError("the server did not become ready", where="demo / serve", fix="make demo KEEP=1")


@contextmanager
def running(pod: Pod, root: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """The pod's process, with `root` standing in for the container's file system, stopped at the end."""
    folder = root / pod.working_directory
    (folder / "log").mkdir(exist_ok=True)
    with (root / "server.log").open("wb") as log:
        process = subprocess.Popen(
            pod.words, cwd=folder, env={**environment, **pod.environment}, stdout=log, stderr=log
        )
        try:
            ready(pod, process, patience=20)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
