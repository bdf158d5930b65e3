"""Start every peer, hold its answers to the training pipeline's, and measure all of them in turn."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks.serving.bodies import FORMS, Sample, probabilities
from benchmarks.serving.peers import PEERS, PORTS, Peer, Running, install
from benchmarks.serving.prepare import Prepared
from benchmarks.serving.processes import ahead, megabytes, processor_seconds

SERVER_CORE, LOAD_CORE = 0, 1
SINGLE, BULK = 64, 1000  # different single rows that are asked in turn; rows of one large request
BULK_CONNECTIONS = 2
MOST = 1e-5  # a probability may be off the training pipeline's by this
HERE = Path(__file__).parent


class Plan(NamedTuple):
    """How long to measure, and how much before other users of the machine (see `processes.ahead`)."""

    rounds: int
    seconds: int  # whole ones: wrk takes no others
    connections: tuple[int, ...]
    nice: int = 0


class Load(msgspec.Struct, frozen=True):
    """What wrk saw in one round.

    Attributes:
        requests: answered in `seconds`; p50, p99: latency in microseconds; errors: must be 0.
        processor: seconds of processor time that the server took; tells what a request costs even while
            others use the machine.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int
    processor: float = 0.0

    @property
    def cost(self) -> float:
        """Microseconds of processor time a request."""
        return self.processor / self.requests * 1e6

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


class Measured(msgspec.Struct):
    """All rounds of one peer.

    Attributes:
        single: rounds by connections, one row a request; bulk: rounds with 1,000 rows a request.
        difference: the largest, of a probability to the training pipeline's.
    """

    start_seconds: float = 0.0
    megabytes: float = 0.0
    difference: float = 0.0
    single: dict[int, list[Load]] = {}
    bulk: list[Load] = []


def measure(names: Sequence[str], prepared: Prepared, plan: Plan) -> dict[str, Measured]:
    """All rounds of all peers that can be installed and started here; the others are said and left out."""
    with _started(names, prepared, plan) as running:
        found = {name: _checked(each, prepared.sample) for name, each in running.items()}
        for name, each in running.items():
            _write_bodies(prepared, name, each.peer)
        for turn, connections in product(range(plan.rounds), plan.connections):
            for name, each in running.items():
                load = _load(prepared.folder / f"{name}.single", each, plan, connections)
                found[name].single.setdefault(connections, []).append(load)
            _say(f"round {turn + 1} of {plan.rounds}, {connections} connections")
        for turn in range(plan.rounds):
            for name, each in running.items():
                if each.peer.bulk is not None:
                    load = _load(prepared.folder / f"{name}.bulk", each, plan, BULK_CONNECTIONS)
                    found[name].bulk.append(load)
            _say(f"round {turn + 1} of {plan.rounds}, {BULK:,} rows a request")
        for name, each in running.items():
            found[name].megabytes = megabytes(each.family)
    return found


@contextmanager
def _started(names: Sequence[str], prepared: Prepared, plan: Plan) -> Iterator[dict[str, Running]]:
    running: dict[str, Running] = {}
    words = {"folder": str(prepared.folder), "digest": prepared.digest}
    try:
        for name in names:
            try:
                install(PEERS[name])
                if name == "mlflow":
                    _write_mlflow(prepared.folder)
                with ahead(plan.nice, []):
                    running[name] = Running(PEERS[name], words | {"port": str(PORTS[name])}, SERVER_CORE)
            except (subprocess.CalledProcessError, RuntimeError) as error:
                _say(f"left out: {PEERS[name].label}: {error}")
                continue
            _say(f"{PEERS[name].label}: ready after {running[name].start_seconds:.2f} s")
            running[name].pause()
        yield running
    finally:
        for each in running.values():
            each.stop()


def _write_mlflow(folder: Path) -> None:
    from benchmarks.serving.peers import interpreter

    python = str(interpreter(PEERS["mlflow"]))
    subprocess.run([python, str(HERE / "servers" / "write_mlflow.py"), str(folder)], check=True)


def _checked(running: Running, sample: Sample) -> Measured:
    """The peer answers as the training pipeline does, before anybody takes its time."""
    running.go_on()
    peer, worst = running.peer, 0.0
    asked: list[tuple[str, str, Sample]] = [
        (peer.path, peer.form, sample.part(place, place + 1)) for place in range(SINGLE)
    ]
    if peer.bulk is not None:
        asked.append((*peer.bulk, sample.part(0, BULK)))
    for path, form, part in asked:
        answers = probabilities(running.ask(path, FORMS[form](part)))
        worst = max([worst, *(abs(a - b) for a, b in zip(answers, part.expected, strict=True))])
    running.pause()
    if not worst <= MOST:
        raise RuntimeError(f"{peer.label} is off the training pipeline by {worst}")
    return Measured(start_seconds=running.start_seconds, difference=worst, single={}, bulk=[])


def _write_bodies(prepared: Prepared, name: str, peer: Peer) -> None:
    encode, sample = msgspec.json.encode, prepared.sample
    single = [encode(FORMS[peer.form](sample.part(place, place + 1))) for place in range(SINGLE)]
    (prepared.folder / f"{name}.single").write_bytes(b"\n".join(single) + b"\n")
    if peer.bulk is not None:
        body = encode(FORMS[peer.bulk[1]](sample.part(0, BULK)))
        (prepared.folder / f"{name}.bulk").write_bytes(body + b"\n")


def _load(bodies: Path, running: Running, plan: Plan, connections: int) -> Load:
    """One round by wrk on the other processor, while every other peer sleeps."""
    peer = running.peer
    path = peer.bulk[0] if bodies.suffix == ".bulk" and peer.bulk is not None else peer.path
    running.go_on()
    family = running.family
    before = processor_seconds(family)
    command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{plan.seconds}s"]
    options = ["--timeout", "10s", "--latency", "-s", str(HERE / "load.lua"), running.url + path]
    with ahead(plan.nice, family):
        done = subprocess.run(
            [*command, *options, "--", str(bodies)], check=False, capture_output=True, text=True
        )
    if done.returncode != 0:
        raise RuntimeError(f"{peer.label}: {done.stderr.strip()}; the server {running.state}")
    load = msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=Load)
    load = msgspec.structs.replace(load, processor=processor_seconds(family) - before)
    running.pause()
    if load.errors or not load.requests:
        raise RuntimeError(f"{peer.label}: {load.errors} of {load.requests} requests failed")
    return load


def median(loads: Sequence[Load], what: str) -> float:
    """The middle round's `rate`, `cost`, `p50` or `p99`."""
    return statistics.median(getattr(each, what) for each in loads)


def as_json(found: dict[str, Measured]) -> bytes:
    """Everything that was measured."""
    return msgspec.json.format(msgspec.json.encode(found), indent=1)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def read(path: Path) -> dict[str, Measured]:
    """What an earlier run wrote."""
    raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return msgspec.convert(raw, dict[str, Measured], strict=False)
