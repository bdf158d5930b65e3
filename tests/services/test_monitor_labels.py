"""`ordain monitor` on labels of every kind: wide tables, damaged lines, impossible times, many groups."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ordain.core.drift.evidence import Evidence, Settings
from ordain.core.drift.measured import Omitted, Performance
from ordain.core.drift.text import document, text
from ordain.core.specs.bounds import Bounds
from ordain.core.specs.spec import ColumnContract, FairnessGate, QualityGate
from ordain.services.monitoring.monitor import Ask, monitor
from ordain.services.monitoring.watched import Watched
from ordain.watch.labelled import MOST_SLICES
from tests.watch.world import COLUMNS, DAY, END, NOW, ROWS, Log


def look(subject: Watched, log: Log, labels: Path, **more: Any) -> tuple[Evidence, Performance]:
    ask = Ask(**{"log": str(log.folder), "labels": str(labels), "now": NOW, "end": END, **more})
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


@pytest.mark.parametrize("yes", ["1", "1.0", "True"])
def test_a_fairness_gate_knows_a_boolean_however_it_is_written(
    yes: str, subject: Watched, quiet: Log, tmp_path: Path
) -> None:
    gate = FairnessGate(
        column="female", metric="demographic_parity_difference", max=0.5, min_group=20, rationale="x"
    )
    gated = replace(subject, told=Bounds(fairness=(gate,), columns={"female": COLUMNS["female"]}))
    no = {"1": "0", "1.0": "0.0", "True": "False"}[yes]
    rows = [{**each, "female": yes if each["female"] else no} for each in quiet.labels]
    _, measured = look(gated, quiet, quiet.write_labels(tmp_path / "labels.jsonl", rows))
    assert [each.outcome for each in measured.verdicts] == ["pass"]


def test_groups_that_are_whole_numbers_are_known_with_a_point_too(
    subject: Watched, quiet: Log, tmp_path: Path
) -> None:
    gate = FairnessGate(
        column="band", metric="demographic_parity_difference", max=0.5, min_group=20, rationale="x"
    )
    bands = ColumnContract(type="string", categories=("1", "2"))
    gated = replace(subject, told=Bounds(fairness=(gate,), columns={"band": bands}))

    def judged(*written: str) -> tuple[str, str]:
        rows = [{**each, "band": written[at % 2]} for at, each in enumerate(quiet.labels)]
        _, measured = look(gated, quiet, quiet.write_labels(tmp_path / "labels.jsonl", rows))
        (verdict,) = measured.verdicts
        return verdict.outcome, verdict.detail

    assert judged("1.0", "2.0") == judged("1", "2")
    assert judged("1", "2")[0] == "pass"
    outcome, detail = judged("low", "high")
    assert outcome == "insufficient"
    assert detail.endswith("; of band these were met: high (900), low (900)")


def test_labels_whose_time_cannot_be_read_are_told(subject: Watched, quiet: Log, tmp_path: Path) -> None:
    rows = [{**each, "time": "11/20/2026"} for each in quiet.labels]
    found, measured = look(subject, quiet, quiet.write_labels(tmp_path / "labels.jsonl", rows))
    assert (measured.labelled, measured.delay) == (3 * ROWS, None)
    detail = f"{3 * ROWS} of {3 * ROWS} labels have a time that cannot be read"
    assert told(found)["labels-damaged"] == (True, detail)


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


@pytest.mark.parametrize("time", ["2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"])
@pytest.mark.parametrize("some", [False, True])
def test_labels_of_no_possible_time_are_believed_in_nothing(
    time: str, some: bool, subject: Watched, quiet: Log, tmp_path: Path
) -> None:
    """Neither what they say counts, nor that they are there."""
    rows = [
        {**each, "time": time, "label": "No"} if at % 3 or not some else each
        for at, each in enumerate(quiet.labels)
    ]
    found, measured = look(subject, quiet, quiet.write_labels(tmp_path / "labels.jsonl", rows))
    left = ROWS if some else 0
    assert (measured.labelled, measured.impossible) == (left, 3 * ROWS - left)
    assert told(found)["labels-damaged"][0]
    assert told(found)["labels-damaged"][1].startswith(f"{3 * ROWS - left} of {3 * ROWS} labels")
    assert "labels-stale" not in told(found)
    assert "target-drift" not in told(found)
    if some:
        assert measured.recent is not None
        assert measured.recent.rows == ROWS
        assert (measured.recent.metrics["roc_auc"].value or 0) > 0.7
    else:
        assert (measured.overall, measured.recent, measured.verdicts) == (None, None, ())
        assert measured.delay is None
        assert measured.coverage == 0
        assert found.estimate is not None
        assert "nothing shows" in found.estimate.refused


def test_groups_that_are_not_shown_are_counted(subject: Watched, quiet: Log, tmp_path: Path) -> None:
    """The largest are shown; too many and too small ones are told by number."""

    def agent(at: int) -> str:
        return f"z{at % 10}" if at % 2 else f"a{at % 60:02}" if at < 1720 else "tiny"

    rows = [{**each, "agent": agent(at)} for at, each in enumerate(quiet.labels)]
    found, measured = look(subject, quiet, quiet.write_labels(tmp_path / "labels.jsonl", rows))
    shown = [each for each in measured.groups if each.name.startswith("agent=")]
    assert len(shown) <= MOST_SLICES
    assert [each.name for each in shown[:5]] == [f"agent=z{place}" for place in (1, 3, 5, 7, 9)]
    assert [each.rows for each in shown] == sorted((each.rows for each in shown), reverse=True)
    (rest,) = [each for each in measured.omitted if each.column == "agent"]
    assert rest.rows == 3 * ROWS - sum(each.rows for each in shown)
    assert rest.groups == len({each["agent"] for each in rows}) - len(shown)
    assert f"agent ({rest.groups} groups of {rest.rows} rows)" in text(found)


def test_a_slice_of_many_rows_is_measured_by_the_newest(
    subject: Watched, quiet: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the bootstrap costs is bounded, and what is older is said."""
    monkeypatch.setattr("ordain.watch.labelled.MOST_ROWS", 1000)
    old = {f"churn-2-0-{row}" for row in range(ROWS)}
    rows = [{**each, "label": "No"} if each["id"] in old else each for each in quiet.labels]
    found, measured = look(subject, quiet, quiet.write_labels(tmp_path / "labels.jsonl", rows))
    assert measured.recent is not None
    assert (measured.recent.rows, measured.recent.older) == (1000, 800)
    assert (measured.recent.metrics["roc_auc"].value or 0) > 0.7
    assert all(each.older == 0 for each in measured.groups)
    assert "1000 newest of 1800" in text(found)


def test_labels_that_come_early_are_no_sample(subject: Watched, tmp_path: Path) -> None:
    """Who leaves is known at once, who stays after eight days: the newest labels are all of one class."""
    gates = (QualityGate(metric="accuracy", min=0.7), QualityGate(metric="calibration_error", max=0.1))
    gated = replace(subject, told=Bounds(quality=gates, fairness=(), columns={}))
    log = Log(tmp_path / "log")
    for days in range(14):
        log.day(days, 150)
    rows = []
    for each in log.labels:
        known = dt.datetime.fromisoformat(each["time"]) - DAY * (1 if each["label"] == "Yes" else -7)
        if known < NOW:
            rows.append({**each, "time": known.isoformat()})
    labels = log.write_labels(tmp_path / "labels.jsonl", rows)
    found, measured = look(gated, log, labels, delay=8 * 86_400.0)
    early = sum(1 for each in rows if int(each["id"].split("-")[1]) < 8)
    assert found.outcome == "pass"
    assert [each.outcome for each in measured.verdicts] == ["pass", "pass"]
    assert (measured.early, measured.judged) == (early, 6 * 150)
    assert measured.overall is not None
    assert measured.overall.rows == sum(each.rows for each in measured.groups) == 6 * 150
    assert f"{early} are of younger ones, and not judged" in text(found)
    assert measured.uneven == {}
    unsaid, undeclared = look(gated, log, labels)
    assert undeclared.uneven == {"No": 192.0, "Yes": 0.0}
    words = "labels of some classes come before others (No 192 h, Yes 0 h), and the newest are no fair sample"
    assert words in text(unsaid)
    young = log.write_labels(
        tmp_path / "young.jsonl", [each for each in rows if int(each["id"].split("-")[1]) < 8]
    )
    alarm, detail = told(look(gated, log, young, delay=8 * 86_400.0)[0])["labels-stale"]
    assert alarm
    assert detail.startswith("no prediction that is old enough has a label, 900 of 2100 should have one; ")


@pytest.mark.parametrize("more", [{}, {"length": 0.0, "rows": 600}])
def test_labels_of_what_is_asked_after_the_end_are_not_looked_at(
    more: dict[str, Any], subject: Watched, tmp_path: Path
) -> None:
    """A time that is past is judged by its own predictions."""
    log = Log(tmp_path / "log")
    for days in range(8):
        log.day(days, 300)
    turned = {"Yes": "No", "No": "Yes"}
    rows = [
        {**each, "label": turned[each["label"]]} if int(each["id"].split("-")[1]) < 4 else each
        for each in log.labels
    ]
    labels = log.write_labels(tmp_path / "labels.jsonl", rows)
    found, measured = look(subject, log, labels, end=END - 4 * DAY, **more)
    assert measured.recent is not None
    assert (measured.recent.metrics["roc_auc"].value or 0) > 0.7
    assert (measured.predictions, measured.labelled) == (1200, 1200)
    assert measured.newest < "2026-11-16"
    assert "target-drift" not in told(found)


@pytest.mark.parametrize("more", [{"length": 0.0, "rows": 100}, {"horizon": 4}])
def test_labels_that_take_longer_than_the_horizon_are_judged(
    more: dict[str, Any], subject: Watched, tmp_path: Path
) -> None:
    """Thirty windows of rows may be few days, however long labels take."""
    gate = QualityGate(metric="roc_auc", min=0.7)
    gated = replace(subject, told=Bounds(quality=(gate,), fairness=(), columns={}))
    log = Log(tmp_path / "log")
    for days in range(20):
        log.day(days, 400)
    turned = {"Yes": "No", "No": "Yes"}
    rows = [
        {**each, "label": turned[each["label"]]} for each in log.labels if int(each["id"].split("-")[1]) >= 9
    ]
    labels = log.write_labels(tmp_path / "labels.jsonl", rows)
    found, measured = look(gated, log, labels, delay=9 * 86_400.0, **more)
    assert told(found)["performance"][0]
    assert (measured.predictions, measured.labelled, measured.due) == (18 * 400, 9 * 400, 9 * 400)
    assert measured.coverage == 1.0
    assert [each.rows for each in found.windows] == [100 if more.get("rows") else 400] * 3
