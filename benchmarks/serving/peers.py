"""Who is measured: how each is installed, started and asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks.serving import processes

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
START_LIMIT = 120.0  # seconds
OWN = ""  # the environment that this runs in


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One server.

    Attributes:
        label: its row in the table.
        kind: `stock` (a training pipeline behind a server), `graph` (ONNX Runtime behind a server), `bare`
            (as little as possible), `ordain`.
        environment: the name of its requirements in `environments/`; empty for Ordain's own.
        command: words; `{python}`, `{bin}`, `{folder}`, `{port}`, `{here}` and `{digest}` are replaced.
        path, form: what is asked for one row.
        bulk: path and form of a request of many rows; None takes part in single rows only.
    """

    label: str
    kind: str
    command: tuple[str, ...]
    path: str
    form: str
    environment: str = OWN
    ready: str = "/v2/health/ready"
    bulk: tuple[str, str] | None = None


INFER = "/v2/models/churn/infer"
SERVE = ("{bin}/ordain", "serve", "{folder}/artifact", "--digest", "{digest}", "--port", "{port}")
LOGGED = (*SERVE, "--quiet", "--log", "{folder}/log")


def _bare(form: str) -> tuple[str, ...]:
    return ("{python}", "{here}/servers/bare.py", form, "{folder}", "{port}")


PEERS = {
    "ordain-packed": Peer(
        label="Ordain, `infer`, packed", kind="ordain", command=LOGGED, path=INFER, form="packed",
        bulk=(INFER, "packed"),
    ),
    "ordain-columns": Peer(
        label="Ordain, `infer`, a tensor a column", kind="ordain", command=LOGGED, path=INFER, form="columns",
        bulk=(INFER, "columns"),
    ),
    "ordain-rows": Peer(
        label="Ordain, `predict`", kind="ordain", command=LOGGED, path="/predict", form="row",
        bulk=("/predict", "rows"),
    ),
    "bare-columns": Peer(
        label="uvicorn + msgspec + ONNX, a tensor a column", kind="bare", environment="fastapi",
        command=_bare("columns"), path="/", form="columns", ready="/", bulk=("/", "columns"),
    ),
    "bare-packed": Peer(
        label="uvicorn + msgspec + ONNX, packed", kind="bare", environment="fastapi",
        command=_bare("packed"), path="/", form="packed", ready="/", bulk=("/", "packed"),
    ),
    "bare-coalesced": Peer(
        label="uvicorn + msgspec + ONNX, packed, coalesced", kind="bare", environment="fastapi",
        command=_bare("coalesced"), path="/", form="packed", ready="/",
    ),
    "fastapi-onnx": Peer(
        label="FastAPI with ONNX", kind="graph", environment="fastapi",
        command=("{python}", "{here}/servers/fastapi_app.py", "onnx", "{folder}", "{port}"),
        path="/predict", form="row", ready="/ready", bulk=("/many", "rows"),
    ),
    "mlserver-onnx": Peer(
        label="MLServer with ONNX", kind="graph", environment="mlserver",
        command=("{bin}/mlserver", "start", "{folder}/mlserver-onnx"), path=INFER, form="columns",
    ),
    "kserve-onnx": Peer(
        label="KServe with ONNX", kind="graph", environment="kserve",
        command=("{python}", "{here}/servers/kserve_app.py", "onnx", "{folder}", "{port}"),
        path=INFER, form="columns",
    ),
    "fastapi": Peer(
        label="FastAPI + joblib + pandas", kind="stock", environment="fastapi",
        command=("{python}", "{here}/servers/fastapi_app.py", "pipeline", "{folder}", "{port}"),
        path="/predict", form="row", ready="/ready", bulk=("/many", "rows"),
    ),
    "mlserver": Peer(
        label="MLServer (sklearn)", kind="stock", environment="mlserver",
        command=("{bin}/mlserver", "start", "{folder}/mlserver"), path=INFER, form="frame",
        bulk=(INFER, "frame"),
    ),
    "mlserver-native": Peer(
        label="MLServer (XGBoost alone, encoded numbers)", kind="native", environment="mlserver",
        command=("{bin}/mlserver", "start", "{folder}/mlserver-native"), path=INFER, form="encoded",
        bulk=(INFER, "encoded"),
    ),
    "kserve": Peer(
        label="KServe (custom model)", kind="stock", environment="kserve",
        command=("{python}", "{here}/servers/kserve_app.py", "pipeline", "{folder}", "{port}"),
        path=INFER, form="columns",
    ),
    "bentoml": Peer(
        label="BentoML", kind="stock", environment="bentoml",
        command=("{bin}/bentoml", "serve", "bento_service:Churn", "--working-dir", "{here}/servers",
                 "--host", "127.0.0.1", "--port", "{port}"),
        path="/predict", form="named", ready="/readyz",
    ),
    "mlflow": Peer(
        label="MLflow", kind="stock", environment="mlflow",
        command=("{bin}/mlflow", "models", "serve", "-m", "{folder}/mlflow", "--env-manager", "local",
                 "--workers", "1", "--host", "127.0.0.1", "--port", "{port}"),
        path="/invocations", form="records", ready="/ping",
    ),
}  # fmt: skip

PORTS = {name: 18200 + place for place, name in enumerate(PEERS)}


def interpreter(peer: Peer) -> Path:
    """The Python of a peer's environment."""
    own = Path(sys.executable)
    return own if peer.environment == OWN else ROOT / f".venv-bench-{peer.environment}" / "bin" / "python"


def install(peer: Peer) -> None:
    """Make a peer's environment, unless it is there. What a killed run left of one is made anew.

    Raises:
        subprocess.CalledProcessError: when a package cannot be had.
    """
    python = interpreter(peer)
    folder = python.parents[1]
    whole = folder / "whole"
    if peer.environment == OWN or whole.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    wanted = HERE / "environments" / f"{peer.environment}.txt"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(wanted)], check=True)
    whole.touch()


class Running:
    """A started peer, alone on its processor.

    Args:
        peer: which.
        words: replacements for its command.
        core: the processor that it and all its children are pinned to.
    """

    def __init__(self, peer: Peer, words: dict[str, str], core: int) -> None:
        python = interpreter(peer)
        known = words | {"python": str(python), "bin": str(python.parent), "here": str(HERE)}
        command = [each.format(**known) for each in peer.command]
        self.peer = peer
        self.url = f"http://127.0.0.1:{words['port']}"
        search = {
            "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(HERE / "servers"), os.environ.get("PYTHONPATH", "")]),
        }
        started = time.perf_counter()
        with Path(words["folder"], f"{words['port']}.log").open("wb") as errors:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(core), *command],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=os.environ | search | {"BENCH_FOLDER": words["folder"], "OMP_NUM_THREADS": "1"},
            )
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - started > START_LIMIT:
                self.stop()
                raise RuntimeError(f"{peer.label} did not start; see {words['port']}.log")
            time.sleep(0.005)
        self.start_seconds = time.perf_counter() - started

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url + self.peer.ready, timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, path: str, body: Any) -> Any:
        """One request's answer."""
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        response = httpx.post(self.url + path, content=content, headers=headers, timeout=60)
        if response.status_code != 200:
            raise RuntimeError(f"{self.peer.label} answered {response.status_code}: {response.text[:300]}")
        return response.json()

    @property
    def family(self) -> list[int]:
        """All its processes."""
        return processes.family(self._process.pid)

    @property
    def state(self) -> str:
        """Whether it still runs, for messages."""
        code = self._process.poll()
        return "runs" if code is None else f"ended with {code}"

    def pause(self) -> None:
        """Take no processor time while others are measured."""
        processes.tell(self.family, signal.SIGSTOP)

    def go_on(self) -> None:
        """Wake up."""
        processes.tell(self.family, signal.SIGCONT)

    def stop(self) -> None:
        """End it and all its children."""
        family = self.family
        processes.tell(family, signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            processes.tell(family, signal.SIGKILL)
        self._process.wait()
