"""`ordain monitor` on labels of every kind: wide tables, damaged lines, impossible times, many groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ordain.core.drift.evidence import Evidence, Settings
from ordain.core.drift.measured import Omitted, Performance
from ordain.core.drift.text import document, text
from ordain.core.specs.bounds import Bounds
from ordain.core.specs.spec import FairnessGate
from ordain.services.monitoring.monitor import Ask, monitor
from ordain.services.monitoring.watched import Approved, Watched, watched
from tests.watch.world import COLUMNS, END, NOW, Log, artifact

ROWS = 600


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = artifact(tmp_path_factory.mktemp("artifact"))
    return watched(folder, "churn@production", folder, Approved(release="churn@7"))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Log:
    log = Log(tmp_path_factory.mktemp("quiet") / "log")
    for days in range(3):
        log.day(days, ROWS)
    return log


def look(subject: Watched, log: Log, labels: Path) -> tuple[Evidence, Performance]:
    ask = Ask(log=str(log.folder), labels=str(labels), now=NOW, end=END)
    found = monitor(subject, ask, Settings())
    assert found.performance is not None
    return found, found.performance


def told(found: Evidence) -> dict[str, tuple[bool, str]]:
    return {each.kind: (each.alarm, each.detail) for each in found.findings}


@pytest.mark.parametrize("first", [0, 1200])
def test_a_fairness_gate_sees_its_column_in_a_wide_table(
    first: int, subject: Watched, quiet: Log, tmp_path: Path
) -> None:
    """Whatever stands beside it, and from whatever row on it is there."""
    gate = FairnessGate(
        column="female", metric="demographic_parity_difference", max=0.5, min_group=20, rationale="x"
    )
    gated = replace(subject, told=Bounds(fairness=(gate,), columns={"female": COLUMNS["female"]}))
    wide: dict[str, Any] = {f"a{place:02}": "x" for place in range(25)}
    rows = [
        {name: value for name, value in {**wide, **each}.items() if at >= first or name != "female"}
        for at, each in enumerate(quiet.labels)
    ]
    found, measured = look(gated, quiet, quiet.write_labels(tmp_path / "labels.jsonl", rows))
    (verdict,) = measured.verdicts
    assert "neither labels nor log" not in verdict.detail
    assert verdict.outcome == "pass"
    left_out = [f"a{place}" for place in range(20, 25)]
    assert [each.column for each in measured.omitted if not each.groups] == left_out
    assert "a20 (the whole column)" in text(found)
    assert "a20 (the whole column)" in document(found)


@pytest.mark.parametrize("bad", [1, 30])
def test_a_bad_line_of_labels_costs_itself(bad: int, subject: Watched, quiet: Log, tmp_path: Path) -> None:
    path = quiet.write_labels(tmp_path / "labels.jsonl")
    whole = path.read_text().splitlines()
    path.write_text("\n".join([*whole[:50], *["{oops"] * bad, *whole[50:], ""]))
    found, measured = look(subject, quiet, path)
    assert (measured.labelled, measured.corrupt, measured.unreadable) == (3 * ROWS, bad, 0)
    detail = f"{bad} of {3 * ROWS + bad} lines of labels cannot be read, or have no id"
    assert told(found)["labels-damaged"] == (bad == 30, detail)
    assert Omitted(column="female") not in measured.omitted
