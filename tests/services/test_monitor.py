"""`ordain monitor` on logs of every kind: what drifts, what is broken, what labels say, what stays quiet."""

from __future__ import annotations

import datetime as dt
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from ordain.adapters.outcomes import Names
from ordain.core.drift.evidence import Evidence, Finding, Kind, Settings, encode
from ordain.core.gating.verdicts import Verdict
from ordain.core.specs.bounds import Bounds
from ordain.core.specs.spec import ColumnContract, FairnessGate, Gates, QualityGate
from ordain.errors import UserError
from ordain.services.monitoring.monitor import Ask, monitor
from ordain.services.monitoring.watched import Approved, Watched, watched
from tests.watch.world import COLUMNS, DAY, END, NOW, ROWS, Log, artifact, columns, trained

Inputs = dict[str, Any]


def look(subject: Watched, log: Path, settings: Settings | None = None, **more: Any) -> Evidence:
    ask = Ask(**{"log": str(log), "now": NOW, "end": END, **more})
    return monitor(subject, ask, settings or Settings())


def alarms(found: Evidence) -> dict[Kind, Finding]:
    return {each.kind: each for each in found.findings if each.alarm}


def raised(inputs: Inputs) -> None:
    inputs["price"] = inputs["price"] * 1.25


# --- drift --------------------------------------------------------------------------------------------


def test_without_drift_there_is_nothing_to_say(subject: Watched, quiet: Log) -> None:
    found = look(subject, quiet.folder)
    assert (found.outcome, found.request, found.findings) == ("pass", "none", ())
    assert [each.state for each in found.windows] == ["stable"] * 3
    assert {each.column: each.state for each in found.columns}["constant"] == "constant"
    assert "female" not in {each.column for each in found.columns}  # personal: the log does not hold it
    assert found.reading.records == 3 * ROWS


def test_a_price_rise_names_the_column_and_drafts_a_request(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, ROWS, raised if days < 2 else None)
    found = look(subject, log.folder)
    kinds = alarms(found)
    assert kinds["drift"].columns == ("price",)
    assert {"prediction-drift", "joint-shift"} <= set(kinds)
    assert kinds["joint-shift"].columns[0] == "price"
    assert (found.outcome, found.request) == ("fail", "draft")
    assert found.causes[0].suspect == "population-shift"
    (report,) = [each for each in found.columns if each.column == "price"]
    assert report.spread is not None
    assert report.spread.current[-2] > 2 * report.spread.reference[-2]


def test_one_bad_day_is_no_alarm(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, ROWS, raised if days == 1 else None)
    found = look(subject, log.folder)
    assert found.outcome == "pass"
    assert [each.state for each in found.windows] == ["stable", "drift", "stable"]
    one = look(subject, log.folder, Settings(needed=1))
    assert alarms(one)["drift"].columns == ("price",)


def test_columns_that_part_ways_are_a_joint_shift_alone(subject: Watched, tmp_path: Path) -> None:
    def shuffled(inputs: Inputs) -> None:
        inputs["visits"] = np.random.default_rng(0).permutation(inputs["visits"])

    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, 2000, shuffled)
    seen = look(subject, log.folder)
    found = alarms(seen)
    assert set(found) == {"joint-shift"}
    assert set(found["joint-shift"].columns[:2]) == {"price", "visits"}
    assert "price and visits went together by 0.7" in found["joint-shift"].detail
    spreads = {each.column for each in seen.columns if each.spread}
    assert {"price", "visits"} <= spreads
    assert seen.jointly[0].reference > 0.5 > abs(seen.jointly[0].current) + 0.3


def test_dates_booleans_and_categories_drift_too(subject: Watched, tmp_path: Path) -> None:
    def changed(inputs: Inputs) -> None:
        rows = len(inputs["vip"])
        inputs["since"] = inputs["since"] + 1500  # days since 1970
        inputs["vip"] = np.random.default_rng(1).random(rows) < 0.5
        inputs["plan"] = np.where(np.arange(rows) % 4 == 0, "enterprise", inputs["plan"])
        inputs["town"] = np.where(np.arange(rows) % 2 == 0, "", inputs["town"])

    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, ROWS, changed)
    found = look(subject, log.folder)
    drifted = {(each.kind, each.columns[0]) for each in found.findings if each.alarm}
    assert {
        ("drift", "since"),
        ("drift", "vip"),
        ("unseen-categories", "plan"),
        ("missingness", "town"),
    } <= drifted
    assert found.causes[0].suspect == "upstream-missingness"
    shown = {each.column: each.spread.cells for each in found.columns if each.spread}
    assert shown["vip"][:2] == ("false", "true")
    assert re.fullmatch(r"at most 201\d-\d\d-\d\d", shown["since"][0])
    assert found.estimate is not None
    assert "town" in found.estimate.refused


def test_windows_of_rows_take_the_newest(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in (4, 3, 2, 1, 0):
        log.day(days, 500, raised if days < 2 else None)
    found = look(subject, log.folder, rows=450, length=0.0)
    assert [each.rows for each in found.windows] == [450, 450, 450]
    assert alarms(found)["drift"].columns == ("price",)
    assert look(subject, log.folder, rows=10_000, length=0.0).outcome == "insufficient"


def test_windows_of_rows_end_where_they_are_told_to(subject: Watched, tmp_path: Path) -> None:
    """So that what was seen then can be seen again, whatever came since."""
    log = Log(tmp_path / "log")
    for days in (5, 4, 3):
        log.day(days, 500)
    then: dict[str, Any] = {"rows": 450, "length": 0.0, "end": END - 3 * DAY}
    before = look(subject, log.folder, **then)
    for days in (1, 0):
        log.day(days, 500, raised)
    again = look(subject, log.folder, **then)
    assert again.windows == before.windows
    assert again.windows[-1].end < "2026-11-17"
    assert again.outcome == "pass"
    (silent,) = look(subject, log.folder, **{**then, "end": END - 1.5 * DAY - DAY / 2}).findings
    assert silent.detail.startswith("no prediction since 2026-11-16T23:58:33Z, 24.0 hours")
    assert (silent.kind, silent.alarm) == ("log-stale", False)  # in its first week a log may pause


def test_a_season_is_no_drift(subject: Watched, tmp_path: Path) -> None:
    """Every other day is expensive: against training it drifts, against the same day before it does not."""
    log = Log(tmp_path / "log")
    for days in range(8):
        log.day(days, ROWS, raised if days % 2 == 0 else None)
    assert look(subject, log.folder, Settings(needed=2)).outcome == "fail"
    found = look(subject, log.folder, Settings(needed=1), season=2)
    assert (found.outcome, found.reference) == ("pass", "windows 2 before and before that")
    lonely = look(subject, log.folder, season=2, horizon=3)
    assert lonely.outcome == "insufficient"


def test_a_season_of_few_rows_is_no_calm(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, ROWS, raised)
    for days in range(7, 10):
        log.day(days, 5)
    found = look(subject, log.folder, season=7)
    assert found.outcome == "insufficient"
    assert {each.lacks for each in found.windows} == {"5 of 50 rows to compare with"}


def test_a_feed_that_fills_gaps_is_no_missingness_upstream(subject: Watched, tmp_path: Path) -> None:
    def filled(inputs: Inputs) -> None:
        inputs["town"] = np.where(inputs["town"] == "", "town 1", inputs["town"])

    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, 3000, filled)
    found = look(subject, log.folder)
    finding = alarms(found)["missingness"]
    assert (finding.columns, finding.direction) == (("town",), "lower")
    assert "upstream-filling" in {each.suspect for each in found.causes}
    assert "upstream-missingness" not in {each.suspect for each in found.causes}


# --- bad input: a clear finding each ------------------------------------------------------------------


def test_no_log_and_an_empty_one(subject: Watched, tmp_path: Path) -> None:
    assert "log-absent" in alarms(look(subject, tmp_path / "none"))
    (tmp_path / "predictions-a-1-1-1.jsonl").write_text("")
    found = look(subject, tmp_path)
    assert "log-absent" in alarms(found)
    assert found.request == "none"


def test_a_log_that_went_silent(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.day(4, ROWS)
    found = look(subject, log.folder)
    assert "log-stale" in alarms(found)
    assert found.outcome == "fail"
    assert {each.state for each in found.windows} == {"insufficient"}


@pytest.mark.parametrize(("model", "version"), [("fraud", "7"), ("churn", "6")])
def test_a_log_from_another_model_or_version(
    subject: Watched, tmp_path: Path, model: str, version: str
) -> None:
    log = Log(tmp_path / "log", model=model, version=version)
    log.day(0, ROWS, raised)
    found = look(subject, log.folder)
    assert "log-foreign" in alarms(found)
    assert found.reading.records == 0
    assert {**found.reading.other_models, **found.reading.other_versions} == {
        (model if model != "churn" else version): ROWS
    }
    assert all(each.state in {"insufficient", "constant"} for each in found.columns)


def test_versions_that_answer_at_once_are_judged_apart(subject: Watched, quiet: Log, tmp_path: Path) -> None:
    canary = Log(tmp_path / "log", version="8")
    canary.day(0, ROWS, raised, seed=9)
    for path in quiet.folder.iterdir():
        (canary.folder / f"x{path.name}").write_bytes(path.read_bytes())
    found = look(subject, canary.folder)
    assert found.outcome == "pass"
    assert found.reading.other_versions == {"8": ROWS}
    assert [each.kind for each in found.findings] == ["log-foreign"]


@pytest.mark.parametrize("other", [{"version": "8"}, {"model": "fraud"}])
def test_faults_of_others_in_the_same_file_are_theirs(
    subject: Watched, tmp_path: Path, other: dict[str, str]
) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        records = log.day(days, ROWS)
        odd = [
            {**each, **other, "id": f"x{each['id']}", "inputs": [{"price": "x", "new": 1}]}
            for each in records
        ]
        log.write([row for pair in zip(records, odd, strict=True) for row in pair], f"both-{days}.jsonl")
        (log.folder / f"predictions-pod-1-{1_700_000_000_001 + 2 * days}-1.jsonl").unlink()
    found = look(subject, log.folder)
    assert [each.kind for each in found.findings] == ["log-foreign"]
    assert (found.outcome, found.reading.records) == ("pass", 3 * ROWS)
    assert found.reading.absent == found.reading.mistyped == found.reading.extra == {}


def test_a_version_that_is_shown_the_same_requests_hides_nothing(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        shadow = [{**each, "version": "8"} for each in log.day(days, ROWS, raised)]
        log.write(shadow, f"predictions-pod-0-{1_600_000_000_000 + days}-1.jsonl")  # read first
    labels = log.write_labels(tmp_path / "labels.jsonl")
    found = look(subject, log.folder, labels=str(labels))
    assert (found.reading.records, found.reading.duplicates) == (3 * ROWS, 0)
    assert found.reading.other_versions == {"8": 3 * ROWS}
    assert alarms(found)["drift"].columns == ("price",)
    assert found.performance is not None
    assert (found.performance.labelled, found.performance.unmatched) == (3 * ROWS, 0)
    assert {each.name for each in found.performance.versions} == {"version=7", "version=8"}
    assert [each.rows for each in look(subject, log.folder, rows=ROWS, length=0.0).windows] == [ROWS] * 3


def test_an_id_that_stands_for_many_predictions_is_an_alarm(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, ROWS)
        log.write([{**each, "id": "request"} for each in Log(tmp_path / "other").day(days, ROWS, seed=3)])
    found = look(subject, log.folder)
    finding = alarms(found)["log-duplicated"]
    hidden = 3 * ROWS - 1  # of one id, one is judged
    assert finding.detail.startswith(f"{hidden} predictions were left out")
    assert f"{hidden} of them are of another time" in finding.detail
    assert found.reading.reused == hidden
    assert found.request == "none"


def test_a_file_that_comes_twice_is_only_noted(subject: Watched, quiet: Log, tmp_path: Path) -> None:
    for path in quiet.folder.iterdir():
        for name in ("a", "b"):
            (tmp_path / f"{name}-{path.name}").write_bytes(path.read_bytes())
    found = look(subject, tmp_path)
    assert [(each.kind, each.alarm) for each in found.findings] == [("log-duplicated", False)]
    assert (found.reading.duplicates, found.reading.reused) == (3 * ROWS, 0)


def test_many_names_are_counted_to_the_last(subject: Watched, quiet: Log, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    records = log.day(1, ROWS, seed=5)
    log.write([{**each, "id": f"x{at}", "version": f"v{at}"} for at, each in enumerate(records)])
    found = look(subject, log.folder)
    assert sum(found.reading.other_versions.values()) == ROWS
    assert found.reading.other_versions["(others)"] == ROWS - 50


def test_columns_that_changed(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        records = log.day(days, ROWS)
        for each in records:
            row = each["inputs"][0]
            row["price"] = f"{row['price']} EUR"
            row["cost"] = row.pop("visits")
        log.write(records, f"predictions-pod-1-{1_700_000_000_001 + 2 - days}-1.jsonl")
    for path in sorted(log.folder.iterdir()):
        text = path.read_text()
        if "EUR" not in text:
            path.unlink()
    found = look(subject, log.folder)
    shapes = {each.columns[0] for each in found.findings if each.kind == "schema-change" and each.alarm}
    assert shapes == {"price", "visits"}
    assert found.causes[0].suspect == "schema-change"
    assert "cost" in found.reading.extra


def test_a_window_of_nothing_but_missing_values(subject: Watched, tmp_path: Path) -> None:
    def nothing(inputs: Inputs) -> None:
        for name in ("price", "visits", "since", "constant"):
            inputs[name] = np.full(len(inputs[name]), np.nan)

    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, ROWS, nothing)
    found = look(subject, log.folder)
    gone = {each.columns[0] for each in found.findings if each.kind == "missingness"}
    assert gone == {"price", "visits", "since", "constant"}


def test_a_single_row(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.day(0, 1)
    found = look(subject, log.folder)
    assert found.outcome == "insufficient"
    assert found.windows[-1].rows == 1


def test_a_constant_that_changes(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, ROWS, lambda inputs: inputs.update(constant=np.full(ROWS, 8.0)))
    found = alarms(look(subject, log.folder))
    assert found["out-of-range"].columns == ("constant",)


def single(subject: Watched) -> Watched:
    """The same release, trained where there was one town."""
    made = subject.profile
    town = type(made.features["town"])(categories={"here": 5000})  # type: ignore[call-arg]
    joint = tuple(replace(each, means=each.means[:2], products=each.products[:3]) for each in made.joint)
    features = {**made.features, "town": town}
    coded = ("price", "visits")
    return replace(subject, profile=replace(made, features=features, coded=coded, joint=joint))


def towns(names: Any, inputs: Inputs) -> None:
    inputs["town"] = names


def test_a_reference_with_one_category(subject: Watched, tmp_path: Path) -> None:
    calm, moved = Log(tmp_path / "calm"), Log(tmp_path / "moved")
    for days in range(3):
        calm.day(days, ROWS, partial(towns, np.full(ROWS, "here", dtype=object)))
        moved.day(days, ROWS, partial(towns, np.array(["here", "there"] * (ROWS // 2), dtype=object)))
    quiet = look(single(subject), calm.folder)
    assert {each.column: each.state for each in quiet.columns}["town"] == "constant"
    assert "unseen-categories" not in alarms(quiet)
    assert alarms(look(single(subject), moved.folder))["unseen-categories"].columns == ("town",)


@pytest.mark.slow
def test_ten_thousand_categories(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, 4000, partial(towns, np.array([f"t{days}-{place}" for place in range(4000)])))
    for watched_ in (subject, single(subject)):
        found = look(watched_, log.folder)
        assert alarms(found)["unseen-categories"].columns == ("town",)
        assert len(encode(found)) < 100_000  # they are counted, and not listed


def test_times_in_the_future(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(-2, 3):
        log.day(days, ROWS)
    found = look(subject, log.folder)
    assert "log-future" in alarms(found)
    assert found.reading.future > ROWS
    assert [each.rows for each in found.windows] == [ROWS] * 3


@pytest.mark.slow
def test_what_is_older_than_the_horizon_is_not_remembered(
    subject: Watched, quiet: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordain.watch.seen.BITS", 17)
    log = Log(tmp_path / "log")
    log.day(60, 30_000)
    for file in quiet.folder.iterdir():
        (log.folder / f"x{file.name}").write_bytes(file.read_bytes())
    short = look(subject, log.folder)
    assert short.reading.mistaken < 0.01
    assert (short.findings, sum(each.rows for each in short.windows)) == ((), 3 * ROWS)
    long = look(subject, log.folder, horizon=70)
    assert [each.kind for each in long.findings if each.kind.startswith("log-")] == ["log-crowded"]


def test_windows_of_rows_follow_time_and_not_files(subject: Watched, tmp_path: Path) -> None:
    one, two = Log(tmp_path / "log"), Log(tmp_path / "log")
    for days in range(3, -1, -1):
        one.day(days, ROWS, raised if days < 2 else None)
    for place, file in enumerate(sorted(one.folder.iterdir(), reverse=True)):
        file.rename(two.folder / f"predictions-x-1-{place + 1}-1.jsonl")
    found = look(subject, two.folder, Settings(windows=2), length=0.0, rows=2 * ROWS)
    assert [each.state for each in found.windows] == ["stable", "drift"]
    assert found.windows[0].end < found.windows[1].start
    assert [each.rows for each in found.windows] == [2 * ROWS] * 2


def test_late_doubled_unordered_and_damaged_records(subject: Watched, quiet: Log, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for place, path in enumerate(sorted(quiet.folder.iterdir())):
        text = path.read_text()
        (log.folder / f"predictions-b-1-{place + 1}-1.jsonl").write_text(text)
        (log.folder / f"again-{path.name}").write_text(text)
    (log.folder / "broken.jsonl").write_text('{"id": \n' * 5)
    (log.folder / "broken.parquet").write_text("PAR1")
    found = look(subject, log.folder)
    assert found.reading.duplicates == 3 * ROWS
    assert found.reading.records == 3 * ROWS
    assert found.reading.corrupt == 5
    assert found.reading.unreadable == 1
    assert found.reading.out_of_order > 0
    assert [each.rows for each in found.windows] == [ROWS] * 3
    assert "log-damaged" in alarms(found)


def test_a_bad_day_of_long_ago_is_no_alarm(subject: Watched, quiet: Log, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    records = log.day(60, ROWS)
    for each in records:
        del each["inputs"][0]["town"]
    (path,) = log.folder.iterdir()
    path.write_text("".join(json.dumps(each) + "\nbroken\n" for each in records))
    for file in quiet.folder.iterdir():
        (log.folder / f"x{file.name}").write_bytes(file.read_bytes())
    found = look(subject, log.folder)
    assert found.outcome == "pass"
    assert [each.kind for each in found.findings] == ["log-damaged"]
    assert (found.reading.corrupt, found.reading.absent) == (ROWS, {"town": ROWS})


@pytest.mark.parametrize("window", [{}, {"length": 0.0, "rows": ROWS}])
def test_a_bad_day_is_not_hidden_by_a_long_history(
    subject: Watched, quiet: Log, tmp_path: Path, window: dict[str, Any]
) -> None:
    log = Log(tmp_path / "log")
    for days in range(43, 3, -1):
        log.day(days, ROWS // 10)
    for place, each in enumerate(sorted(quiet.folder.iterdir(), reverse=True)):
        lines = each.read_text().splitlines(keepends=True)
        if place == 2:
            lines = [line if at % 20 else "broken\n" for at, line in enumerate(lines)]
        (log.folder / f"predictions-z-1-{1_800_000_000_000 + place}-1.jsonl").write_text("".join(lines))
    found = look(subject, log.folder, **window)
    assert found.reading.corrupt < 0.01 * found.reading.records
    assert "log-damaged" in alarms(found)


# --- labels -------------------------------------------------------------------------------------------


def test_late_labels_measure_performance_by_group(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(10):
        log.day(days, ROWS)
    known = [each for each in log.labels if not each["id"].startswith(("churn-0-", "churn-1-"))]
    labels = log.write_labels(tmp_path / "labels.jsonl", [*known, {"id": "nobody", "label": "Yes"}])
    found = look(subject, log.folder, labels=str(labels))
    measured = found.performance
    assert measured is not None
    assert (measured.predictions, measured.labelled, measured.known) == (6000, 4800, 4801)
    assert measured.coverage == 0.8
    assert measured.unmatched == 1
    assert measured.delay == (24.0, 24.0)
    assert measured.overall is not None
    assert measured.recent is not None
    assert measured.recent.rows == 1800
    auc = measured.overall.metrics["roc_auc"]
    assert auc.interval is not None
    assert auc.interval[0] < (auc.value or 0) < auc.interval[1]
    assert {each.name for each in measured.groups} == {"female=0", "female=1"}
    assert found.outcome == "pass"
    estimate = found.estimate
    assert estimate is not None
    assert estimate.refused == ""
    interval = estimate.metrics["roc_auc"].interval
    assert interval is not None
    assert interval[0] - 0.02 < (auc.value or 0) < interval[1] + 0.02


def declared(subject: Watched, gates: Gates) -> Watched:
    """The same release in a clone whose spec has these gates."""
    from ordain.adapters.files import read_state
    from ordain.core.state.instance import is_state_path, read_instance

    spec = read_instance(read_state(Path(__file__).parents[2], is_state_path)).models.models["churn"]
    return replace(
        subject, spec=replace(spec, gates=replace(spec.gates, quality=gates.quality, fairness=gates.fairness))
    )


def test_a_breach_opens_a_request_and_fairness_is_told_by_group(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, 1000)
    turned = [{**each, "label": "No" if each["label"] == "Yes" and each["female"] else each["label"]}
              for each in log.labels]  # fmt: skip
    labels = log.write_labels(tmp_path / "labels.jsonl", turned)
    gates = Gates(
        quality=(QualityGate(metric="roc_auc", min=0.9),),
        fairness=(
            FairnessGate(
                column="female", metric="equalized_odds_difference", max=0.5, min_group=20, rationale="x"
            ),
            FairnessGate(column="senior_citizen", metric="equalized_odds_difference", max=0.2, rationale="x"),
        ),
    )
    found = look(declared(subject, gates), log.folder, labels=str(labels))
    assert found.request == "open"
    assert "quality.roc_auc fail" in alarms(found)["performance"].detail
    assert found.performance is not None
    outcomes = {each.gate: each.outcome for each in found.performance.verdicts}
    assert outcomes["fairness.senior_citizen"] == "insufficient"
    assert outcomes["fairness.female"] in {"insufficient", "fail"}
    assert "target-drift" in alarms(found)
    assert [each.suspect for each in found.causes] == ["concept-shift"]


def test_a_gate_that_people_waived_is_told_and_no_alarm_until_then(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, 1000)
    labels = str(log.write_labels(tmp_path / "labels.jsonl"))
    gates = Gates(quality=(QualityGate(metric="roc_auc", min=0.99),))
    for day, alarm in (("2026-11-20", False), ("2026-11-19", True)):
        waived = replace(declared(subject, gates), waived={"quality.roc_auc": day})
        found = look(waived, log.folder, labels=labels)
        (told,) = [each for each in found.findings if "quality.roc_auc fail" in each.detail]
        assert (told.alarm, told.detail.endswith(f"; waived until {day}")) == (alarm, not alarm)
        assert found.request == ("open" if alarm else "none")


def fair(column: str, bound: float = 0.02) -> FairnessGate:
    return FairnessGate(
        column=column, metric="demographic_parity_difference", max=bound, min_group=20, rationale="x"
    )


def test_groups_that_the_log_tells_are_watched_hashed_ones_too(subject: Watched, tmp_path: Path) -> None:
    def dearer(inputs: Inputs) -> None:
        for name in ("vip", "female"):
            inputs["price"] = np.where(inputs[name], inputs["price"] + 25, inputs["price"])

    log, hashes = Log(tmp_path / "log"), {1: "aaaaaaaaaaaaaaaa", 0: "bbbbbbbbbbbbbbbb"}
    for days in range(3):
        records = log.day(days, ROWS, dearer)
        for each, told in zip(records, log.labels[-ROWS:], strict=True):
            each["inputs"][0]["female"] = hashes[told["female"]]  # as a server logs what is personal
        log.write(records, f"predictions-pod-1-{1_700_000_000_001 + 2 * days}-1.jsonl")
    bare = [{name: each[name] for name in ("id", "label", "time")} for each in log.labels]
    labels = str(log.write_labels(tmp_path / "labels.jsonl", bare))
    gates = Gates(quality=(), fairness=(fair("vip"), fair("female"), fair("senior_citizen")))
    spec = declared(subject, gates)
    bounds = Bounds(
        fairness=gates.fairness,
        columns={**COLUMNS, "senior_citizen": ColumnContract(type="boolean", personal=True)},
    )
    found = look(replace(spec, told=bounds), log.folder, labels=labels)
    assert found.performance is not None
    verdicts = {each.gate: each for each in found.performance.verdicts}
    assert {name: each.outcome for name, each in verdicts.items()} == {
        "fairness.vip": "fail", "fairness.female": "fail", "fairness.senior_citizen": "insufficient"
    }  # fmt: skip
    assert "where it is true" in verdicts["fairness.vip"].detail
    assert "where female is hash aaaaaaaaaaaaaaaa" in verdicts["fairness.female"].detail
    assert "its fairness is not watched" in verdicts["fairness.senior_citizen"].detail
    assert found.request == "open"
    assert {"vip=true", "female=aaaaaaaaaaaaaaaa"} <= {each.name for each in found.performance.groups}
    assert found.reading.mistyped == found.reading.extra == {}


def test_a_promised_group_that_the_log_never_shows_is_missed(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(3):
        records = log.day(days, ROWS)
        for each in records:
            each["inputs"][0]["female"] = "aaaaaaaaaaaaaaaa"
        log.write(records, f"predictions-pod-1-{1_700_000_000_001 + 2 * days}-1.jsonl")
    bare = [{name: each[name] for name in ("id", "label", "time")} for each in log.labels]
    labels = str(log.write_labels(tmp_path / "labels.jsonl", bare))
    bounds = Bounds(fairness=(fair("female", 0.5),), columns=COLUMNS)
    found = look(replace(subject, told=bounds), log.folder, labels=labels)
    assert found.performance is not None
    (verdict,) = found.performance.verdicts
    assert verdict.outcome == "insufficient"
    assert "none of those seen (1)" in verdict.detail


def test_labels_that_do_not_come(subject: Watched, quiet: Log, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert "labels-absent" in alarms(look(subject, quiet.folder, labels=str(nothing)))
    strangers = quiet.write_labels(tmp_path / "labels.jsonl", [{"id": "x", "label": "Yes"}])
    assert "labels-stale" in alarms(look(subject, quiet.folder, labels=str(strangers)))
    old = [each for each in quiet.labels if each["id"].startswith("churn-2-")]
    quiet.write_labels(tmp_path / "labels.jsonl", old)
    stale = look(subject, quiet.folder, labels=str(tmp_path / "labels.jsonl"), horizon=3)
    assert "labels-stale" in alarms(stale)


def test_labels_that_stopped_are_told_soon_and_since_when(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(20):
        log.day(days, 100)

    def told(young: int, trickle: int = 0, **more: Any) -> str:
        """With labels of predictions of so many days ago and older, and a few of younger ones."""
        rows = []
        for each in log.labels:
            _, days, _, row = each["id"].split("-")
            if int(days) >= young or int(row) < trickle:
                rows.append({**each, **more})
        labels = str(log.write_labels(tmp_path / "labels.jsonl", rows))
        stale = alarms(look(subject, log.folder, labels=labels)).get("labels-stale")
        return stale.detail if stale else ""

    assert told(1) == ""  # they take a day
    assert told(2) == ""  # one window is no gap
    assert told(3).startswith("labels stopped: 0 of 200 predictions since 2026-11-17T00:00:00Z")
    assert told(8, trickle=3).startswith("labels stopped: 21 of 700 predictions since 2026-11-12T00:00:00Z")
    assert told(0, time="") == ""
    assert told(8, time="") == ""  # nothing says how long they take: not before half of the time is over
    assert told(17, time="").startswith("no prediction since 2026-11-02T23:52:48Z")


def test_a_log_that_all_but_stopped_is_told_since_when(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(2, 10):
        log.day(days, ROWS)
    for days in range(2):
        log.day(days, 1, seed=3)  # a probe
    stale = alarms(look(subject, log.folder))["log-stale"].detail
    assert stale == "predictions all but stopped: 2 since 2026-11-18T00:00:00Z; 600 a window are usual"
    later = alarms(look(subject, log.folder, end=END + 3 * DAY, now=NOW + 3 * DAY))["log-stale"].detail
    assert later == stale
    silent = alarms(look(subject, log.folder, end=END + 8 * DAY, now=NOW + 8 * DAY))["log-stale"].detail
    assert silent.startswith("no prediction since 2026-11-19T12:00:00Z, 204.0 hours before")


def test_a_model_that_is_asked_on_weekdays_only_is_stale_on_a_monday_and_on_no_sunday(
    subject: Watched, tmp_path: Path
) -> None:
    log = Log(tmp_path / "log")
    for days in range(6, 24):
        if (END - DAY * (days + 1)).isoweekday() < 6:
            log.day(days, 100)

    def stale(date: str, season: int = 7) -> str:
        end = dt.datetime.fromisoformat(f"{date}T00:00:00Z")
        found = alarms(look(subject, log.folder, end=end, now=end, season=season)).get("log-stale")
        return found.detail if found else ""

    assert stale("2026-11-15") == stale("2026-11-16") == ""
    assert stale("2026-11-15", season=0) == stale("2026-11-16", season=0) == "", "a week shows it"
    assert stale("2026-11-17", season=0).startswith("predictions all but stopped: 0 since 2026-11-16")
    monday = "predictions all but stopped: 0 since 2026-11-16T00:00:00Z; 100 a window are usual"
    assert stale("2026-11-17") == monday
    assert stale("2026-11-21").startswith("no prediction since 2026-11-13")  # a whole season


@pytest.mark.parametrize("hours", [1, 6])
def test_nights_and_weekends_are_no_silence_in_windows_of_hours(
    hours: int, subject: Watched, tmp_path: Path
) -> None:
    """Whatever the horizon is: of thirty such windows it is shorter than the week that is usual."""
    log = Log(tmp_path / "log")
    for days in range(1, 29):
        day = END - DAY * (days + 1)
        if day.isoweekday() < 6:
            log.office(days, 180)

    def stale(date: str, hour: int) -> tuple[bool, str] | None:
        end = dt.datetime.fromisoformat(f"{date}T{hour:02}:00:00Z")
        asked = look(subject, log.folder, end=end, now=max(end, NOW), length=hours * 3600.0)
        return next(((each.alarm, each.detail) for each in asked.findings if each.kind == "log-stale"), None)

    for date in ("2026-11-15", "2026-11-16", "2026-11-18"):  # a Sunday, a Monday, a Wednesday
        assert [stale(date, hour) for hour in (0, 6, 12, 18)] == [None] * 4
    assert stale("2026-11-19", 6) is None
    found = stale("2026-11-19", 18)  # on a Thursday, when nothing came
    assert found is not None
    assert found[0]
    assert found[1].startswith("predictions all but stopped: 0 since 2026-11-19T")


def test_weekends_are_no_silence_in_windows_of_rows(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(1, 22):
        if (END - DAY * (days + 1)).isoweekday() < 6:
            log.office(days, 180)

    def stale(date: str) -> bool:
        end = dt.datetime.fromisoformat(f"{date}T05:17:00Z")
        return "log-stale" in alarms(look(subject, log.folder, end=end, now=end, length=0.0, rows=100))

    week = [stale(f"2026-11-{day}") for day in range(14, 21)]  # from a Saturday to a Friday
    assert week == [False] * 6 + [True]  # nothing came on Thursday


def test_a_time_that_is_past_is_silent_whatever_came_later(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in (*range(3), *range(8, 20)):
        log.day(days, 60)
    found = alarms(look(subject, log.folder, end=END - 4 * DAY))["log-stale"]
    assert found.detail.startswith("predictions all but stopped: 0 since 2026-11-12")
    only_later = look(subject, log.folder, end=END - 25 * DAY)
    assert {"log-stale", "log-absent"}.isdisjoint(alarms(only_later))


def test_the_first_weekend_of_a_log_is_told_and_no_alarm(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(6, 10):  # Tuesday, 10 November to Friday, 13 November
        log.day(days, 100)

    def told(date: str) -> tuple[bool, str]:
        end = dt.datetime.fromisoformat(f"{date}T00:00:00Z")
        found = look(subject, log.folder, end=end, now=end)
        return next((each.alarm, each.detail) for each in found.findings if each.kind == "log-stale")

    alarm, detail = told("2026-11-16")
    assert not alarm
    assert detail.endswith("the log is 6.0 days old, and only a week of it shows whether it pauses so")
    assert told("2026-11-18")[0], "a Tuesday without any, when the one before had some"


def test_labels_that_take_their_time_are_not_missed_before(subject: Watched, tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    for days in range(10):
        log.day(days, 300)
    old = [each for each in log.labels if int(each["id"].split("-")[1]) >= 7]
    labels = str(log.write_labels(tmp_path / "labels.jsonl", old))
    assert "labels-stale" in alarms(look(subject, log.folder, labels=labels, horizon=10))
    found = look(subject, log.folder, labels=labels, horizon=10, delay=7 * 86_400.0)
    assert "labels-stale" not in alarms(found)
    measured = found.performance
    assert measured is not None
    assert (measured.predictions, measured.labelled, measured.due, measured.punctual) == (3000, 900, 900, 900)
    assert measured.coverage == 1.0
    # Nothing is old enough yet: no coverage, and no alarm.
    young = look(subject, log.folder, labels=labels, end=END - 6 * DAY, delay=7 * 86_400.0)
    assert "labels-stale" not in alarms(young)
    assert (young.performance or measured).coverage is None


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_columns_of_labels_have_the_names_that_they_have(
    subject: Watched, quiet: Log, tmp_path: Path, ending: str
) -> None:
    other = {"id": "other", "label": "x"}
    rows = [
        {"number": each["id"], "left": each["label"], **other, "female": each["female"]}
        for each in quiet.labels
    ]
    path = tmp_path / f"labels.{ending}"
    frame = pd.DataFrame(rows)
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    found = look(subject, quiet.folder, labels=str(path), names=Names(id="number", label="left"))
    assert found.performance is not None
    assert found.performance.labelled == 1800
    assert {each.name for each in found.performance.groups} == {"female=0", "female=1"}
    with pytest.raises(UserError, match="no columns `number` and `gone`"):
        look(subject, quiet.folder, labels=str(path), names=Names(id="number", label="gone"))


def test_labels_of_no_class_or_of_no_possible_time(subject: Watched, quiet: Log, tmp_path: Path) -> None:
    def damage(**more: str) -> str:
        rows = [{**each, **more} for each in quiet.labels]
        labels = quiet.write_labels(tmp_path / "labels.jsonl", rows)
        return alarms(look(subject, quiet.folder, labels=str(labels)))["labels-damaged"].detail

    assert damage(label="yes") == "1800 of 1800 labels are no class or value of the model"
    for time in ("1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z"):
        assert damage(time=time).startswith("1800 of 1800 labels are of before their prediction")
    well = look(subject, quiet.folder, labels=str(quiet.write_labels(tmp_path / "labels.jsonl")))
    assert "labels-damaged" not in {each.kind for each in well.findings}


def test_an_estimate_needs_calibration(subject: Watched, quiet: Log, tmp_path: Path) -> None:
    unknown = look(subject, quiet.folder).estimate
    assert unknown is not None
    assert "nothing shows" in unknown.refused
    passed = replace(subject, calibration=Verdict(gate="calibration", outcome="pass", bound=0.05))
    known = look(passed, quiet.folder).estimate
    assert known is not None
    assert known.metrics
    wrong = [{**each, "label": "No"} for each in quiet.labels]
    labels = quiet.write_labels(tmp_path / "labels.jsonl", wrong)
    contradicted = look(passed, quiet.folder, labels=str(labels)).estimate
    assert contradicted is not None
    assert "contradict" in contradicted.refused
    silent = look(passed, tmp_path / "none").estimate
    assert silent is not None
    assert "too few" in silent.refused


# --- what is watched ----------------------------------------------------------------------------------


def test_only_the_approved_artifact_is_watched(tmp_path: Path) -> None:
    folder = artifact(tmp_path / "a")
    whole = watched(tmp_path, "churn@production", folder, Approved())
    assert watched(tmp_path, "churn@production", folder, Approved(artifact=whole.artifact)) == whole
    assert whole.versions == frozenset({whole.artifact[7:19]})
    with pytest.raises(UserError, match="was approved"):
        watched(tmp_path, "churn@production", folder, Approved(artifact="sha256:" + "0" * 64))
    with pytest.raises(UserError, match="is of the model"):
        watched(tmp_path, "fraud@production", folder, Approved())
    (folder / "extra").write_text("x")
    for target in (folder, tmp_path / "none"):
        with pytest.raises(UserError, match="nothing else"):
            watched(tmp_path, "churn@production", target, Approved())


def test_a_profile_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    folder = artifact(tmp_path / "a")
    (folder / "profile.json").write_text('{"version": 1}')
    with pytest.raises(UserError, match="profile is of no use"):
        watched(tmp_path, "churn@production", folder, Approved())


@pytest.mark.parametrize(
    "target", ["churn", "@production", "churn@", "", "churn@..", "../../x@production", "churn@a/b", "c\n@a"]
)
def test_a_target_names_both(target: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not name"):
        watched(tmp_path, target, None, Approved())


def test_without_an_artifact_a_clone_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no artifact was named"):
        watched(tmp_path, "churn@production", None, Approved())


def test_a_clone_knows_its_models_and_environments(tmp_path: Path, state_files: dict[str, bytes]) -> None:
    for name, data in state_files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for target, match in (
        ("fraud@production", "no model"),
        ("churn@nowhere", "no environment"),
        ("churn@staging", "no release"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=match):
            watched(tmp_path, target, None, Approved())
    folder = artifact(tmp_path / "a")
    known = watched(tmp_path, "churn@staging", folder, Approved())
    assert known.spec is not None
    assert known.release == ""


def test_the_evidence_is_small_and_the_same_twice(subject: Watched, quiet: Log) -> None:
    from ordain.core.drift.evidence import encode

    one, two = (encode(look(subject, quiet.folder)) for _ in range(2))
    assert one == two
    assert len(one) < 30_000
    schema = Path(__file__).parents[2] / "src/ordain/schemas/evidence.schema.json"
    jsonschema.validate(json.loads(one), json.loads(schema.read_text()))
    assert columns(1, 1)["price"].shape == (1,)
    assert END - DAY < NOW < END + dt.timedelta(days=1)
    assert trained(400).rows == 400


# --- releases that are young --------------------------------------------------------------------------


def replaced(folder: Path, change: Any = None) -> Log:
    """Version 6 for nine days, then version 7 for three."""
    old = Log(folder / "log", "6")
    for days in range(3, 12):
        old.day(days, ROWS, raised if days % 2 == 0 else None)
    new = Log(folder / "log")
    for days in range(3):
        new.day(days, ROWS, change or (raised if days % 2 == 0 else None))
    return new


def test_a_young_release_has_the_season_of_what_the_model_was_asked(subject: Watched, tmp_path: Path) -> None:
    """Inputs do not depend on who answers; answers do, and have nothing to be compared with yet."""
    found = look(subject, replaced(tmp_path).folder, Settings(needed=1), season=2, horizon=12)
    assert [each.lacks for each in found.windows] == [""] * 3
    assert found.outcome == "pass"
    dear = look(subject, replaced(tmp_path / "dear", raised).folder, Settings(needed=1), season=2, horizon=12)
    assert "drift" in alarms(dear)
    only = look(subject, replaced(tmp_path / "weekly").folder, Settings(needed=1), season=4, horizon=12)
    answers = {each.lacks for each in only.columns if each.role == "answer"}
    assert answers == {"0 of 50 values to compare with"}


def test_a_canary_that_is_shown_the_same_requests_doubles_no_season(subject: Watched, tmp_path: Path) -> None:
    alone, both = Log(tmp_path / "alone"), Log(tmp_path / "both")
    for days in range(6):
        both.write([{**each, "version": "8"} for each in both.day(days, ROWS)])
        alone.day(days, ROWS)
    ask: dict[str, Any] = {"season": 2, "horizon": 9}
    assert look(subject, alone.folder, **ask).columns == look(subject, both.folder, **ask).columns


def test_versions_of_other_columns_say_nothing_about_a_season(subject: Watched, tmp_path: Path) -> None:
    new = Log(tmp_path / "log")
    for days in range(6):
        new.day(days, ROWS)
    old = Log(tmp_path / "log", "6")
    for days in range(2, 6):
        records = Log(tmp_path / "old").day(days, ROWS, seed=1)
        for each in records:
            del each["inputs"][0]["town"]
        old.write([{**each, "version": "6"} for each in records])
    assert look(subject, new.folder, season=2, horizon=9).outcome == "pass"


def test_the_first_day_of_a_release_is_no_alarm_of_labels(subject: Watched, tmp_path: Path) -> None:
    """Labels take a day, as those of the version before show; nobody has declared it."""

    def stale(young: int, **more: Any) -> tuple[bool, str] | None:
        old = Log(tmp_path / f"{young}{more}", "6")
        for days in range(young, 12):
            old.day(days, 100)
        new = Log(old.folder)
        for days in range(young):
            new.day(days, 100)
        rows = [{**each, **more} for each in old.labels]
        labels = str(old.write_labels(tmp_path / "labels.jsonl", rows))
        found = look(subject, new.folder, labels=labels, horizon=12)
        return next(((e.alarm, e.detail) for e in found.findings if e.kind == "labels-stale"), None)

    young = stale(1)
    assert young is not None
    assert not young[0]
    assert young[1] == (
        "no prediction of this release has a label yet, 0 of 100 are old enough for one; "
        "1100 of 1100 labels belong to other versions"
    )
    assert stale(3) == (True, young[1].replace("0 of 100", "200 of 300").replace("1100", "900"))
    # Where nothing says how long they take, half of the horizon.
    assert (stale(5, time="") or (True,))[0] is False
    assert (stale(8, time="") or (False,))[0] is True
