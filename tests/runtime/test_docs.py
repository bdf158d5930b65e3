"""The page about serving says what the code does."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from ordain.cli.serve import command
from ordain.runtime import predictionlog
from ordain.runtime.admission import Packed
from ordain.runtime.app import App
from ordain.runtime.artifact import open_artifact
from ordain.runtime.contract import ALWAYS_REFUSED, Kind, Violation
from ordain.runtime.endpoints import Scored
from ordain.runtime.guard import HEAD_BYTES, HEADERS, PIPELINED
from ordain.runtime.messages import Limits
from ordain.runtime.metrics import Collector, Counted
from ordain.runtime.model import Identity, Model
from ordain.runtime.predictionlog import Describe, Entry
from ordain.runtime.served import Served, Services
from ordain.runtime.server import DRAIN_LIMIT
from ordain.runtime.sinks import Rotation
from ordain.runtime.stats import LATENCY, LogStats, ServerStats, Tally
from tests.runtime.toy import files, write

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/serving.md").read_text("utf-8")
ENTRY_TIME = 1767268800.25


async def _no_metrics(_: str) -> tuple[bytes, str]:
    return b"", ""


def table(heading: str) -> list[list[str]]:
    """Cells of the section's first table, without its two heading lines."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    verified = open_artifact(write(tmp_path_factory.mktemp("toy"), files()), "")
    model = Model(Identity(name="{model}", version="{version}", artifact=verified.digest), verified)
    return Served(model, "reject", Services(ThreadPoolExecutor(1), None, b"", Limits()))


def test_every_endpoint_has_its_row(served: Served) -> None:
    app = App([served], Limits(), ServerStats(), _no_metrics)
    routes = sorted((path, route.method) for path, route in app._routes.items())
    assert [(row[1], row[0]) for row in table("Endpoints")] == [(f"`{path}`", how) for path, how in routes]


def test_every_metric_has_its_row(served: Served) -> None:
    stats, server = served.stats, ServerStats()
    stats.requests["predict", 200] = stats.labels["Yes"] = server.requests[200] = server.ended[
        "malformed"
    ] = 1
    stats.count_violations([Violation(Kind.TYPE, "plan", 0, "")], "rejected", frozenset({"plan"}))
    counted = Counted([served.model.identity], Tally([stats], server, LogStats()))
    rows = []
    for family in Collector(counted).collect():
        labels = [name for name in family.samples[0].labels if name != "le"]
        name = family.name + "_total" * (family.type == "counter")
        shown = ", ".join(f"`{each}`" for each in labels)
        rows.append([f"`{name}`", family.type, shown, family.documentation])
    assert table("Metrics") == rows
    assert ", ".join(f"{each:g}" for each in LATENCY) in " ".join(PAGE.split())


def test_every_option_has_its_row() -> None:
    own = [each for each in command.params if isinstance(each, click.Option)]
    names = [each.opts[0] for each in own]
    shared = {"--json", "--quiet", "-C", "--root"}
    rows = []
    for option in own:
        if not shared & set(option.opts):
            default = (
                f"`{option.default}`" if option.show_default and option.default not in (None, "") else ""
            )
            rows.append([f"`{option.opts[0]}`", default, option.help])
    assert table("Options") == rows
    assert "--json" in names


def test_every_limit_has_its_row() -> None:
    def shown(name: str, value: float) -> str:
        if name.endswith("_seconds"):
            return f"{value:g} s"
        return f"{value // 2**20} MiB" if value >= 2**20 else f"{value:,}"

    limits = msgspec.to_builtins(Limits())
    wanted = [[f"`{name}`", shown(name, value)] for name, value in limits.items()]
    assert [row[:2] for row in table("Limits")] == wanted
    assert f"bounded at {HEAD_BYTES // 2**10} KiB and {HEADERS} lines" in PAGE
    assert f"{PIPELINED} requests of one connection" in PAGE


def test_every_kind_of_violation_has_its_row() -> None:
    rows = table("The contract")
    assert [row[0] for row in rows] == [f"`{kind}`" for kind in Kind]
    refused = {row[0] for row in rows if row[3] == "400"}
    assert refused == {f"`{kind}`" for kind in ALWAYS_REFUSED}


def test_every_variable_has_its_row() -> None:
    sources = [ROOT / "src/ordain/cli/serve.py", ROOT / "src/ordain/core/rendering/workload.py"]
    sources += (ROOT / "src/ordain/runtime").glob("*.py")
    found = {name for path in sources for name in re.findall(r"ORDAIN_[A-Z_]+", path.read_text("utf-8"))}
    assert {row[0] for row in table("Environment variables")} == {f"`{name}`" for name in found}


def test_a_line_of_the_log_is_as_shown(served: Served) -> None:
    shown = json.loads(PAGE.split("```json\n")[1].split("```")[0])
    packed = Packed(1, ["x", "Uster"], [12.5, 3, True, 18321.0])
    scored = Scored("5d0c4e1f8a27-1", [[0.25, 0.75]], ["Yes"])
    entry = Entry(scored, ENTRY_TIME, 0.0004, packed, Describe(served.model, b""), 100)
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(entry.line()))
    assert shown == {**made, "model": "toy", "version": "7"}
    mebibytes = predictionlog.CAPACITY_BYTES // 2**20
    assert f"{predictionlog.CAPACITY:,} rows wait, or those of {mebibytes} MiB of requests" in " ".join(
        PAGE.split()
    )
    rotation = Rotation()
    assert (rotation.bytes, rotation.seconds, rotation.keep) == (8 * 2**20, 300, 4)
    assert f"given {DRAIN_LIMIT} seconds" in PAGE


def test_what_the_page_says_of_the_rendered_deployment() -> None:
    """The address, and that pause and drain fit into the time a pod is given."""
    assert '"--host", "0.0.0.0"' in (ROOT / "src/ordain/core/rendering/workload.py").read_text("utf-8")
    template = (ROOT / "src/ordain/templates/pod/server.yaml.j2").read_text("utf-8")
    (grace,) = re.findall(r"terminationGracePeriodSeconds: (\d+)", template)
    (pause,) = re.findall(r"preStop:\s+sleep:\s+seconds: (\d+)", template)
    assert f"`preStop` hook ({pause} seconds)" in PAGE
    assert f"into the pod's {grace}" in PAGE
    assert int(pause) + DRAIN_LIMIT + predictionlog.LAST < int(grace)
    assert f"{predictionlog.LAST:g} seconds" in PAGE
