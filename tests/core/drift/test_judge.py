"""Windows in, verdicts out: flags, alarms over windows, reports, causes and what they ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.artifacts.profile import Categories, Numbers
from ordain.core.drift import evidence as documents
from ordain.core.drift.breach import quality, verdicts
from ordain.core.drift.causes import suspected
from ordain.core.drift.coming import Ebb
from ordain.core.drift.counts import Counted, Joint, Reference, Window, bins, counted, reference_of
from ordain.core.drift.evidence import ColumnReport, Evidence, Finding, Kind, Moved, Reading, Settings, Test
from ordain.core.drift.findings import kind_of, of_health, of_performance, of_source
from ordain.core.drift.freshness import Freshness, age, period
from ordain.core.drift.judge import (
    JOINTLY,
    beyond_shares,
    column_reports,
    joint_report,
    judge,
    spread,
    target_report,
    window_report,
)
from ordain.core.drift.measured import Estimate, Measurement, Omitted, Performance, Slice, Stopped
from ordain.core.drift.refusal import Grounds, refusal
from ordain.core.drift.season import season
from ordain.core.drift.summary import Looked, Subject, findings_of, summary
from ordain.core.drift.tails import Draw
from ordain.core.drift.text import bar, document, text
from ordain.core.gating.gates import Group
from ordain.core.gating.statistics import Share
from ordain.core.gating.verdicts import Verdict
from ordain.core.specs.bounds import Bounds
from ordain.core.specs.spec import FairnessGate, QualityGate
from ordain.errors import UserError

SETTINGS = Settings()
FRESH = Freshness(silent=1.0, patience=24.0)
PRICE = Numbers(edges=(10.0, 20.0), counts=(1000, 1000, 1000), missing=10, outside=6, low=0, high=30)
PLAN = Categories(categories={"x": 2000, "y": 1000}, missing=0, other=10)
ANSWER = Numbers(edges=(0.5,), counts=(700, 300), low=0.1, high=0.9)
REFERENCE = reference_of({"price": PRICE, "plan": PLAN}, {"p_Yes": ANSWER})


def window(
    price: tuple[int, ...] = (100, 100, 100), plan: tuple[int, ...] = (200, 100), **more: int
) -> Window:
    """Counts of one window; `missing` and `beyond` are of the price, `unseen` of the plan."""
    rows = sum(price) + more.get("missing", 0)
    return Window(
        start="2026-11-19T00:00:00Z",
        end="2026-11-20T00:00:00Z",
        rows=more.get("rows", rows),
        features={
            "price": Counted(
                cells=price, labels=bins(PRICE), ordered=True, missing=more.get("missing", 1),
                beyond=more.get("beyond", 0),
            ),
            "plan": Counted(
                cells=plan, labels=("x", "y"), ordered=False, beyond=more.get("unseen", 1)
            ),
        },
        answers={"p_Yes": Counted(cells=(210, 90), labels=bins(ANSWER), ordered=True)},
    )  # fmt: skip


STABLE, HIGHER = window(), window(price=(50, 100, 150))


def reports(*windows: Window) -> dict[str, documents.ColumnReport]:
    judged = [judge(each, REFERENCE, SETTINGS) for each in windows]
    return {each.column: each for each in column_reports(judged, REFERENCE, SETTINGS)}


def looked(*windows: Window, reading: Reading | None = None, **more: object) -> Looked:
    judged = [judge(each, REFERENCE, SETTINGS) for each in windows]
    read = reading or Reading(files=1, records=900, newest="2026-11-20T00:00:00Z")
    return Looked(
        judged=judged,
        reference=REFERENCE,
        reading=read,
        recent=read,
        fresh=FRESH,
        **more,  # type: ignore[arg-type]
    )


def found(*windows: Window) -> dict[Kind, Finding]:
    return {each.kind: each for each in findings_of(looked(*windows), "churn", SETTINGS)}


def whole(seen: Looked, estimate: Estimate | None = None) -> Evidence:
    subject = Subject(
        model="churn", environment="production", release="churn@7", artifact="sha256:1", observed="now",
        reference="profile",
    )  # fmt: skip
    return summary(subject, seen, findings_of(seen, "churn", SETTINGS), estimate, SETTINGS)


# --- windows ------------------------------------------------------------------------------------------


def test_a_stable_window_shows_nothing() -> None:
    made = reports(STABLE, STABLE, STABLE)
    assert {each.state for each in made.values()} == {"stable"}
    assert all(each.spread is None for each in made.values())
    assert window_report(judge(STABLE, REFERENCE, SETTINGS)).state == "stable"
    assert found(STABLE, STABLE) == {}


def test_one_window_is_no_alarm_and_two_of_three_are() -> None:
    assert reports(STABLE, STABLE, HIGHER)["price"].alarms == ()
    made = reports(HIGHER, STABLE, HIGHER)["price"]
    assert made.state == "drift"
    assert made.drifted == 2
    assert "location" in made.alarms
    assert {each.direction for each in made.tests if each.test == "location"} == {"higher"}
    assert made.spread is not None
    assert made.spread.reference[0] == pytest.approx(1000 / 3010, abs=1e-6)
    assert window_report(judge(HIGHER, REFERENCE, SETTINGS)).state == "drift"
    finding = found(HIGHER, STABLE, HIGHER)["drift"]
    assert finding.alarm
    assert "price lies higher in 2 of the last 3 windows" in finding.detail


def test_lower_is_said_too() -> None:
    lower = window(price=(150, 100, 50))
    assert "price lies lower" in found(lower, lower)["drift"].detail


def test_below_a_minimum_the_answer_is_insufficient_and_never_stable() -> None:
    few = window(price=(3, 3, 3), plan=(6, 3))
    judged = judge(few, REFERENCE, SETTINGS)
    assert window_report(judged).state == "insufficient"
    assert {each.state for each in reports(few, few, few).values()} == {"insufficient"}
    assert whole(looked(few, few, few)).outcome == "insufficient"
    assert judge(STABLE, None, SETTINGS).sufficient is False


def test_a_reference_with_few_rows_is_insufficient_and_says_so() -> None:
    thin = reference_of(
        {"price": Numbers(edges=(10.0, 20.0), counts=(4, 4, 4), missing=1), "plan": PLAN}, {"p_Yes": ANSWER}
    )
    (price, *others) = column_reports([judge(HIGHER, thin, SETTINGS)] * 3, thin, SETTINGS)
    assert (price.state, price.lacks) == ("insufficient", "12 of 50 values to compare with")
    assert {each.state for each in others} == {"stable"}
    season_of = Reference(
        features=window(price=(2, 2, 1), plan=(3, 2)).features,
        answers={},
    )
    judged = judge(HIGHER, season_of, SETTINGS)
    assert window_report(judged).state == "insufficient"
    assert window_report(judged).lacks == "6 of 50 rows to compare with"
    assert window_report(judge(STABLE, None, SETTINGS)).lacks.startswith("nothing to compare with")
    assert window_report(judge(window((1, 1, 1)), REFERENCE, SETTINGS)).lacks == "3 of 50 predictions"
    few = window(price=(5, 5, 5), missing=300)
    assert reports(few)["price"].state == "insufficient"
    assert reports(few)["price"].lacks == "15 of 50 values in the newest window"
    assert "not judged: price: 15 of 50 values in the newest window" in text(whole(looked(few)))
    assert "insufficient: 3 of 50 predictions" in text(whole(looked(window((1, 1, 1)))))


def test_values_that_are_missing_less_often_are_no_missingness_upstream() -> None:
    often = reference_of(
        {"price": Numbers(edges=(10.0, 20.0), counts=(1000,) * 3, missing=900), "plan": PLAN}, {}
    )
    seen = looked(STABLE, STABLE)
    judged = [judge(each, often, SETTINGS) for each in (STABLE, STABLE)]
    fewer = Looked(judged=judged, reference=often, reading=seen.reading, recent=seen.recent, fresh=seen.fresh)
    (finding,) = [each for each in findings_of(fewer, "churn", SETTINGS) if each.kind == "missingness"]
    assert "price is missing less often" in finding.detail
    assert [each.suspect for each in suspected([finding])] == ["upstream-filling"]
    empty = window(price=(0, 0, 0), missing=300)
    assert found(empty, empty)["missingness"].direction == "higher"


def test_a_window_without_any_value_of_a_column_is_missingness() -> None:
    empty = window(price=(0, 0, 0), missing=300)
    made = reports(empty, empty, empty)["price"]
    assert made.alarms == ("missing",)
    assert found(empty, empty)["missingness"].columns == ("price",)


def test_categories_that_were_never_seen_and_numbers_out_of_range() -> None:
    strange = window(unseen=60, beyond=40)
    kinds = found(strange, strange)
    assert kinds["unseen-categories"].columns == ("plan",)
    assert "categories the reference lacks" in kinds["unseen-categories"].detail
    assert kinds["out-of-range"].columns == ("price",)
    assert "exceeds the reference's range" in kinds["out-of-range"].detail
    shares = beyond_shares([judge(strange, REFERENCE, SETTINGS)])
    assert shares["price"] == pytest.approx(40 / 300)
    assert beyond_shares([]) == {}


def test_another_mix_of_categories() -> None:
    mixed = window(plan=(100, 200))
    assert "plan is distributed differently" in found(mixed, mixed)["drift"].detail


def test_an_alarm_whose_newest_window_cannot_tell() -> None:
    empty = window(price=(5, 5, 5), missing=300)
    assert "too few values to tell" in found(HIGHER, HIGHER, empty)["drift"].detail


def test_a_constant_column_and_one_without_values() -> None:
    constant = Numbers(edges=(), counts=(3000,), low=7, high=7)
    nothing = Numbers(edges=(), counts=(0,), missing=3000)
    reference = reference_of({"c": constant, "n": nothing}, {})
    features = {
        "c": Counted(cells=(300,), labels=bins(constant), ordered=True),
        "n": Counted(cells=(0,), labels=bins(nothing), ordered=True, missing=300),
    }
    one = Window(start="a", end="b", rows=300, features=features, answers={})
    made = {
        each.column: each.state
        for each in column_reports([judge(one, reference, SETTINGS)], reference, SETTINGS)
    }
    assert made == {"c": "constant", "n": "insufficient"}
    moved = {**features, "c": Counted(cells=(300,), labels=("",), ordered=True, beyond=300)}
    judged = judge(Window(start="a", end="b", rows=300, features=moved, answers={}), reference, SETTINGS)
    assert judged.shows("c", "beyond")


def test_a_column_that_left_the_log_is_not_compared() -> None:
    gone = Window(start="a", end="b", rows=300, features={}, answers={})
    assert reports(gone, gone)["price"].state == "insufficient"


def test_a_joint_shift_names_its_columns() -> None:
    moved = (
        Moved(columns=("price", "plan"), of=("", "x"), reference=0.7, current=0.1),
        Moved(columns=("price", "price"), of=("", ""), reference=1, current=2),
        Moved(columns=("plan",), of=("y",), reference=0, current=-1),
    )
    joint = Joint(p=1e-9, effect=0.5, columns=("price", "plan"), moved=moved)
    shifted = Window(
        **{name: getattr(STABLE, name) for name in STABLE.__struct_fields__ if name != "joint"}, joint=joint
    )
    finding = found(shifted, shifted)["joint-shift"]
    assert finding.columns == ("price", "plan")
    assert "price and plan = x went together by 0.70 and now do by 0.10" in finding.detail
    seen = whole(looked(shifted, shifted))
    assert {each.column for each in seen.columns if each.spread} == {"price", "plan"}
    assert seen.jointly == moved
    for told in (text(seen), document(seen)):
        assert "the variance of price is 2.00 where 1.00 was" in told
        assert "plan = y moved by -1.00 standard deviations" in told
    assert whole(looked(STABLE, shifted)).jointly == ()
    assert joint_report([judge(shifted, REFERENCE, SETTINGS)], SETTINGS).state == "stable"
    assert joint_report([judge(STABLE, REFERENCE, SETTINGS)], SETTINGS).state == "insufficient"
    assert joint_report([], SETTINGS).column == JOINTLY


def test_a_column_has_labels_for_its_cells() -> None:
    assert counted(PRICE).labels == ("at most 10", "10 to 20", "above 20")
    assert bins(Numbers(edges=(), counts=(0,))) == ("any value",)
    near = Numbers(edges=(15000.1, 15000.2, 2e20), counts=(0,) * 4)
    assert bins(near) == ("at most 15000.1", "15000.1 to 15000.2", "15000.2 to 2e+20", "above 2e+20")
    assert bins(Numbers(edges=(12345.0, 23456.0), counts=(0,) * 3))[1] == "12345 to 23456"
    assert bins(near, "date") == bins(near)
    days = Numbers(edges=(0.5, 365.0), counts=(0,) * 3)
    assert bins(days, "date") == ("at most 1970-01-01", "1970-01-01 to 1971-01-01", "above 1971-01-01")
    assert bins(ANSWER, "boolean") == ("false", "true")
    assert bins(PRICE, "boolean") == bins(PRICE)
    assert counted(PLAN).beyond == 10


def test_many_categories_are_shown_by_the_most_frequent() -> None:
    many = Counted(cells=tuple(range(1, 101)), labels=tuple(map(str, range(100))), ordered=False)
    made = spread(many, many)
    assert len(made.cells) == 23
    assert made.cells[0] == "99"
    assert made.cells[-3:] == ("all others", "not in the reference's list", "missing")
    assert sum(made.reference) == pytest.approx(1, abs=1e-4)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(50, 2000))
def test_whatever_is_counted_is_judged_without_a_fault(seed: int, rows: int) -> None:
    source = np.random.default_rng(seed)
    price = tuple(source.multinomial(rows, source.dirichlet([1, 1, 1])).tolist())
    plan = tuple(source.multinomial(rows, source.dirichlet([0.2, 0.2])).tolist())
    made = whole(looked(*[window(price=price, plan=plan, missing=int(source.integers(0, rows)))] * 3))
    assert documents.decode(documents.encode(made), "x") == made
    assert text(made)
    assert document(made)


# --- seasons ------------------------------------------------------------------------------------------


def test_a_season_is_the_same_time_before_and_before_that() -> None:
    windows = {0: HIGHER, 1: STABLE, 2: HIGHER, 3: STABLE, 4: HIGHER}
    made = season(windows, windows, 4, 2)
    assert made is not None
    assert made.features["price"].cells == (100, 200, 300)
    assert judge(HIGHER, made, SETTINGS).shows("price", "location") is False
    assert season(windows, windows, 1, 2) is None
    assert season({}, {0: window(rows=0)}, 2, 2) is None
    young = season({}, windows, 4, 2)
    assert young is not None
    assert young.features == made.features
    assert not any(each.absent_of_all.total for each in young.answers.values())


# --- target -------------------------------------------------------------------------------------------


def test_the_target_drifts_in_k_of_m_parts_of_its_labels() -> None:
    before = Counted(cells=(700, 300), labels=("No", "Yes"), ordered=False)
    same, other = (Counted(cells=each, labels=("No", "Yes"), ordered=False) for each in ((70, 30), (40, 60)))
    assert target_report(before, [same] * 3, SETTINGS).state == "stable"
    assert target_report(before, [same, other, same], SETTINGS).state == "stable"
    made = target_report(before, [same, other, other], SETTINGS)
    assert (made.state, made.role, made.column) == ("drift", "target", "(target)")
    assert kind_of(made, made.alarms[0]) == "target-drift"
    numbers = Counted(cells=(300, 300, 300), labels=("", "", ""), ordered=True)
    higher = Counted(cells=(50, 100, 150), labels=("", "", ""), ordered=True)
    assert "location" in target_report(numbers, [higher] * 3, SETTINGS).alarms
    assert told_of(made).startswith("the target is distributed differently than in training in 2 of 3 parts")
    assert told_of(replace(made, tests=())).endswith("the newest one has too few values to tell")


def told_of(target: ColumnReport) -> str:
    (finding,) = findings_of(looked(STABLE, STABLE, target=target), "churn", SETTINGS)
    assert finding.kind == "target-drift"
    return finding.detail


@pytest.mark.parametrize("shares", [[0.73, 0.27], [0.1] * 10])
def test_quiet_labels_are_no_drift_of_the_target(shares: list[float]) -> None:
    """Of 200 looks without any drift, at most a few are an alarm."""
    source, labels = np.random.default_rng(0), tuple(map(str, range(len(shares))))

    def counts(rows: int) -> Counted:
        return Counted(cells=tuple(source.multinomial(rows, shares).tolist()), labels=labels, ordered=False)

    found = [target_report(counts(5000), [counts(100) for _ in range(3)], SETTINGS) for _ in range(200)]
    assert sum(bool(each.alarms) for each in found) <= 4


# --- the log itself -----------------------------------------------------------------------------------


def said(reading: Reading, silent: float | None = 1.0, recent: Reading | None = None) -> dict[Kind, Finding]:
    made = of_source(reading, "churn", Freshness(silent=silent, patience=24.0))
    return {each.kind: each for each in (*made, *of_health(reading, recent or reading))}


def test_an_absent_an_empty_and_a_silent_log() -> None:
    assert said(Reading(), None)["log-absent"].alarm
    assert said(Reading(files=1), None)["log-absent"].alarm
    assert said(Reading(files=1, records=5), 30.0)["log-stale"].alarm
    assert said(Reading(files=1, records=5)) == {}


def test_since_when_a_log_is_silent_is_said() -> None:
    reading = Reading(files=1, records=5)
    (stale,) = of_source(
        reading, "churn", Freshness(silent=30.0, patience=24.0, newest="2026-11-18T18:00:00Z")
    )
    assert stale.detail.startswith("no prediction since 2026-11-18T18:00:00Z, 30.0 hours before")
    ebb = ("2026-11-19T00:00:00Z", Ebb(since=1, rows=1, usual=600))
    (thin,) = of_source(reading, "churn", Freshness(silent=1.0, patience=24.0, ebb=ebb))
    assert thin.kind == "log-stale"
    assert "1 since 2026-11-19T00:00:00Z; 600 a window are usual" in thin.detail
    assert thin.alarm


def test_a_young_log_may_pause_for_a_weekend() -> None:
    def alarmed(hours: float, **more: Any) -> bool:
        fresh = Freshness(silent=hours, patience=24.0, lasted=hours, age=120.0, **more)
        (stale,) = of_source(Reading(files=1, records=5), "churn", fresh)
        assert "the log is 5.0 days old" in stale.detail
        return stale.alarm

    assert [alarmed(hours) for hours in (30, 48, 72, 73)] == [False, False, False, True]
    assert not alarmed(24, ebb=("x", Ebb(since=1, rows=1, usual=600)))


def test_what_is_usual_repeats_each_week() -> None:
    assert [period(hours, 0) for hours in (1.0, 6.0, 24.0, 168.0)] == [168, 28, 7, 0]
    assert [period(hours, 0) for hours in (5.0, 36.0, 240.0)] == [0, 0, 0]
    assert period(1.0, 5) == 5


def test_the_age_of_a_log_is_told_in_its_first_week() -> None:
    assert age([0, 0, 5, 0], 24.0) == 48.0
    assert age([0] * 3 + [5] * 7, 24.0) is None
    assert age([5, 5, 5], 24.0) is None, "it may go back further"
    assert age([0, 0], 24.0) is None


def test_ids_that_are_used_again_are_an_alarm_and_files_that_come_twice_none() -> None:
    twice = said(Reading(files=2, records=1000, duplicates=1000))["log-duplicated"]
    assert not twice.alarm
    again = Reading(files=1, records=1000, duplicates=500, reused=400)
    assert said(again)["log-duplicated"].alarm
    assert "400 of them are of another time" in said(again)["log-duplicated"].detail
    assert not said(again, recent=Reading(files=1, records=1000))["log-duplicated"].alarm
    crowded = Reading(files=1, records=1000, duplicates=20, reused=20, mistaken=0.02)
    assert "log-duplicated" not in said(crowded)  # so many are taken for duplicates by mistake


def test_a_log_of_something_else() -> None:
    other = said(Reading(files=1, other_models={"fraud": 10}), None)
    assert other["log-foreign"].alarm
    assert "fraud (10)" in other["log-foreign"].detail
    assert "log-absent" not in other
    assert not said(Reading(files=1, records=9, other_models={"fraud": 10}))["log-foreign"].alarm
    assert said(Reading(files=1, other_versions={"6": 10}), None)["log-foreign"].alarm
    assert not said(Reading(files=1, records=9, other_versions={"6": 10}))["log-foreign"].alarm


@pytest.mark.parametrize(
    ("reading", "kind", "alarm"),
    [
        (Reading(files=50, records=1000, corrupt=1), "log-damaged", False),
        (Reading(files=1, records=1000, corrupt=20), "log-damaged", True),
        (Reading(files=2, records=1000, unreadable=1), "log-damaged", True),
        (Reading(files=1, records=1000, future=1), "log-future", False),
        (Reading(files=1, records=1000, future=50), "log-future", True),
        (Reading(files=1, records=1000, absent={"price": 1000}), "schema-change", True),
        (Reading(files=1, records=1000, mistyped={"price": 3}), "schema-change", False),
        (Reading(files=1, records=1000, extra={"new": 1000}), "schema-change", False),
        (Reading(files=1, records=1000, mistaken=0.02), "log-crowded", False),
    ],
)
def test_what_is_wrong_with_a_log_is_said(reading: Reading, kind: Kind, alarm: bool) -> None:
    assert said(reading)[kind].alarm is alarm


def test_the_health_of_a_log_is_that_of_the_judged_windows() -> None:
    history = Reading(files=100, records=100_000, corrupt=50_000, unreadable=50, absent={"price": 100_000})
    well, ill = Reading(files=1, records=1000), Reading(files=1, records=1000, corrupt=20)
    assert not said(history, recent=well)["log-damaged"].alarm
    assert "schema-change" not in said(history, recent=well)
    diluted = said(Reading(files=100, records=100_000, corrupt=20), recent=ill)["log-damaged"]
    assert diluted.alarm
    assert "20 and 0 of 1 in the judged windows" in diluted.detail
    assert said(history, recent=Reading(files=2, records=1000, unreadable=1))["log-damaged"].alarm


# --- labels -------------------------------------------------------------------------------------------


def labelled(**more: object) -> Performance:
    facts: dict[str, object] = {
        "start": "2026-11-01T00:00:00Z", "middle": "2026-11-10T00:00:00Z", "end": "2026-11-20T00:00:00Z",
        "newest": "2026-11-19T00:00:00Z", "known": 500, "predictions": 1000, "labelled": 500,
    }  # fmt: skip
    facts |= more
    old = {"due": facts["predictions"], "punctual": facts["labelled"]}
    return Performance(**{**old, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "kind", "alarm"),
    [
        ({"known": 0, "labelled": 0}, "labels-absent", True),
        ({"stopped": Stopped(since="x", due=200, labelled=3, usual=0.9)}, "labels-stale", True),
        ({"labelled": 0, "overdue": 9}, "labels-stale", True),
        ({"labelled": 0, "overdue": 9, "unmatched": 500}, "labels-stale", True),
        ({"labelled": 0}, "labels-stale", False),
        ({"files": 200, "unreadable": 1}, "labels-damaged", False),
        ({"files": 2, "unreadable": 1}, "labels-damaged", True),
        ({"unknown": 6}, "labels-damaged", True),
        ({"impossible": 5}, "labels-damaged", False),
        ({"impossible": 500, "labelled": 0, "newest": ""}, "labels-damaged", True),
        ({"corrupt": 5}, "labels-damaged", False),
        ({"corrupt": 6}, "labels-damaged", True),
        ({"labelled": 0, "predictions": 0}, "labels-stale", False),
        ({"newest": "2026-11-02T00:00:00Z"}, "labels-stale", True),
        ({"labelled": 60}, "performance", False),
        ({"early": 440}, "performance", False),
        ({"uneven": {"No": 480.0, "Yes": 96.0}}, "performance", False),
        ({"verdicts": (Verdict(gate="fairness.female", outcome="fail"),)}, "fairness", True),
        ({"verdicts": (Verdict(gate="quality.f1", outcome="insufficient"),)}, "performance", False),
        (
            {
                "verdicts": (Verdict(gate="quality.f1", outcome="fail"),),
                "waived": {"quality.f1": "2027-01-31"},
            },
            "performance",
            False,
        ),
    ],
)
def test_what_is_wrong_with_labels_is_said(more: dict[str, object], kind: Kind, alarm: bool) -> None:
    (made,) = of_performance(labelled(**more), SETTINGS)
    assert (made.kind, made.alarm) == (kind, alarm)
    assert made.groups == (("female",) if kind == "fairness" else ())


def test_what_is_too_young_for_a_label_lacks_none() -> None:
    assert labelled(due=600, punctual=450).coverage == 0.75
    young = labelled(due=0, punctual=0, labelled=0)
    assert [(each.kind, each.alarm) for each in of_performance(young, SETTINGS)] == [("labels-stale", False)]
    early = labelled(due=0, punctual=0, newest="2026-11-02T00:00:00Z")
    assert list(of_performance(early, SETTINGS)) == []
    known_at_once = labelled(due=0, punctual=0, labelled=40, early=40, newest="")
    assert [(each.kind, each.alarm) for each in of_performance(known_at_once, SETTINGS)] == [
        ("labels-stale", False),
        ("performance", False),
    ]


def test_coverage() -> None:
    assert labelled().coverage == 0.5
    assert labelled(predictions=0).coverage is None
    assert list(of_performance(labelled(), SETTINGS)) == []


@pytest.mark.parametrize(
    ("gate", "interval", "outcome"),
    [
        (QualityGate(metric="f1", min=0.8), (0.7, 0.79), "fail"),
        (QualityGate(metric="f1", min=0.8), (0.7, 0.85), "insufficient"),
        (QualityGate(metric="f1", min=0.8), (0.81, 0.85), "pass"),
        (QualityGate(metric="rmse", max=0.8), (0.81, 0.85), "fail"),
        (QualityGate(metric="rmse", min=0.1, max=0.8), (0.2, 0.3), "pass"),
        (QualityGate(metric="f1"), (0.2, 0.3), "pass"),
        (QualityGate(metric="f1", min=0.8), None, "insufficient"),
    ],
)
def test_a_quality_gate_fails_only_beyond_doubt(
    gate: QualityGate, interval: tuple[float, float] | None, outcome: str
) -> None:
    assert quality(gate, Measurement(value=0.75, interval=interval)).outcome == outcome


def test_fairness_has_the_gates_own_states() -> None:
    gate = FairnessGate(
        column="female", metric="demographic_parity_difference", max=0.2, min_group=50, rationale="x"
    )
    declared = Bounds(quality=(QualityGate(metric="f1", min=0.5),), fairness=(gate,))

    def groups(first: int, second: int) -> dict[str, list[Group]]:
        nothing = Share(0, 1000)
        return {
            "female": [
                Group("false", Share(first, 1000), nothing, nothing),
                Group("true", Share(second, 1000), nothing, nothing),
            ]
        }

    outcomes = [
        [each.outcome for each in verdicts(declared, {}, told)]
        for told in (groups(500, 500), groups(100, 900), groups(400, 590), {})
    ]
    assert outcomes == [
        ["insufficient", "pass"],
        ["insufficient", "fail"],
        ["insufficient", "insufficient"],
        ["insufficient", "insufficient"],
    ]


# --- estimates ----------------------------------------------------------------------------------------

PASSED = Verdict(gate="calibration", outcome="pass", bound=0.08)
GOOD, BAD = Measurement(value=0.02, interval=(0.01, 0.05)), Measurement(value=0.2, interval=(0.15, 0.3))
UNSURE = Measurement(value=0.1, interval=(0.02, 0.3))


@pytest.mark.parametrize(
    ("task", "gate", "seen", "why"),
    [
        ("binary", PASSED, None, ""),
        ("binary", PASSED, GOOD, ""),
        ("binary", None, GOOD, ""),
        ("binary", PASSED, UNSURE, ""),
        ("binary", None, Measurement(value=0.01), ""),
        ("binary", None, None, "nothing shows"),
        ("binary", None, UNSURE, "nothing shows"),
        ("binary", Verdict(gate="calibration", outcome="insufficient"), None, "nothing shows"),
        ("binary", PASSED, BAD, "contradict"),
        ("multiclass", PASSED, GOOD, "one of two classes"),
    ],
)
def test_an_estimate_is_refused_when_its_conditions_fail(
    task: str, gate: Verdict | None, seen: Measurement | None, why: str
) -> None:
    reason = refusal(task, Grounds(gate=gate, seen=seen, beyond={"price": 0.01}), ())
    assert bool(reason) is bool(why)
    assert why in reason


def test_an_estimate_is_refused_where_the_model_was_never_checked() -> None:
    grounds = Grounds(gate=PASSED, seen=GOOD, beyond={"price": 0.2})
    assert "price" in refusal("binary", grounds, ())
    broken = Finding(kind="missingness", alarm=True, detail="", columns=("plan",))
    assert "plan" in refusal("binary", Grounds(gate=PASSED, seen=GOOD, beyond={}), (broken,))


def test_an_estimate_allows_for_the_calibration_error_that_is_known() -> None:
    def error(gate: float | None, seen: float | None) -> float:
        told = None if gate is None else Verdict(gate="calibration", outcome="pass", value=gate)
        shown = None if seen is None else Measurement(value=seen)
        return Grounds(gate=told, seen=shown, beyond={}).error

    assert (error(0.02, 0.01), error(0.02, None), error(None, None), error(0.2, None)) == (
        0.01,
        0.02,
        0.05,
        0.05,
    )


# --- what follows -------------------------------------------------------------------------------------


def alarm(kind: Kind, *columns: str) -> Finding:
    return Finding(kind=kind, alarm=True, detail="", columns=columns)


@pytest.mark.parametrize(
    ("alarms", "suspects"),
    [
        ([alarm("schema-change", "a"), alarm("missingness", "a")], ["schema-change", "upstream-missingness"]),
        ([alarm("drift", "a"), alarm("performance")], ["population-shift"]),
        ([alarm("target-drift", "(target)")], ["concept-shift"]),
        ([alarm("target-drift", "t"), alarm("performance")], ["concept-shift"]),
        ([alarm("target-drift", "t"), alarm("prediction-drift", "p")], ["label-shift"]),
        ([alarm("missingness", "a"), alarm("target-drift", "t")], ["upstream-missingness", "label-shift"]),
        ([alarm("drift", "a"), alarm("target-drift", "t")], ["population-shift", "label-shift"]),
        ([alarm("performance")], ["concept-shift"]),
        ([Finding(kind="drift", alarm=False, detail="", columns=("a",))], []),
    ],
)
def test_suspected_causes(alarms: list[Finding], suspects: list[str]) -> None:
    assert [each.suspect for each in suspected(alarms)] == suspects


def test_what_moved_alone_and_what_moved_jointly_are_told_apart() -> None:
    (jointly,) = suspected([alarm("joint-shift", "a", "b")])
    assert jointly.because == "inputs no longer go together as they did: a, b"
    (alone,) = suspected([alarm("joint-shift", "a", "b"), alarm("drift", "a")])
    assert alone.because == "inputs moved: a, b"


def test_many_columns_are_counted() -> None:
    (cause,) = suspected([alarm("drift", *(f"c{place}" for place in range(20)))])
    assert cause.because.endswith("and 12 more")


def test_drift_drafts_and_a_breach_opens() -> None:
    assert documents.request_of(()) == "none"
    assert documents.request_of((alarm("log-stale"),)) == "none"
    assert documents.request_of((alarm("drift", "a"),)) == "draft"
    assert documents.request_of((alarm("drift", "a"), alarm("fairness"))) == "open"


def test_a_storm_has_one_key_and_another_release_another() -> None:
    one = whole(looked(HIGHER, HIGHER))
    two = whole(looked(HIGHER, HIGHER, window(unseen=60)))
    assert one.key == two.key
    assert one.key != documents.key_of("churn", "production", "sha256:2")


# --- documents ----------------------------------------------------------------------------------------


def full() -> Evidence:
    metrics = {"f1": Measurement(value=0.5, interval=(0.4, 0.6)), "log_loss": Measurement(value=None)}
    slices = Slice(name="all", rows=500, metrics=metrics), Slice(name="female=1", rows=200, metrics=metrics)
    omitted = (Omitted(column="<i>", groups=3, rows=60), *(Omitted(column=f"c{at}") for at in range(9)))
    everything = Slice(name="all", rows=500, older=9, metrics=metrics)
    performance = labelled(
        overall=everything, recent=slices[0], groups=slices[1:], omitted=omitted, delay=(24.0, 48.0)
    )
    reading = Reading(files=2, records=900, duplicates=3, extra={"<b>": 900})
    estimate = Estimate(rows=900, metrics={"f1": Measurement(value=0.51)})
    return whole(looked(HIGHER, HIGHER, HIGHER, reading=reading, performance=performance), estimate)


def test_a_report_for_a_terminal() -> None:
    told = text(full())
    assert "churn@production (churn@7): ALARM" in told
    assert "900 predictions in 2 files; not judged: 3 duplicate" in told
    assert "labels: 500 of 1000 predictions (50.0%)" in told
    assert "estimate without labels, over 900 predictions: f1 0.510" in told
    assert "suspected: population-shift" in told
    assert "next: ordain retrain churn --because FILE" in told
    assert "above 20" in told
    assert "groups not shown: <i> (3 groups of 60 rows), c0 (the whole column), c1" in told
    assert "c6 (the whole column) and 2 more" in told


def test_a_report_of_nothing() -> None:
    told = text(whole(looked(STABLE, STABLE), Estimate(refused="too few")))
    assert "nothing to act on" in told
    assert "refused: too few" in told
    assert "next:" not in told
    assert "labels: 0 of 0 predictions since" in text(
        whole(looked(STABLE, STABLE, performance=labelled(predictions=0, labelled=0)))
    )


def test_a_report_as_markdown_holds_no_markup_from_outside() -> None:
    told = document(full())
    assert "<b>" not in told
    assert "| **alarm** | drift | price |" in told
    assert "|  | all | all | female=1 |" in told
    assert "| rows | 500 newest of 509 | 500 | 200 |" in told
    assert "<i>" not in told
    assert "| f1 | 0.500 (0.400-0.600) | 0.500 (0.400-0.600) | 0.500 (0.400-0.600) |" in told
    assert "| log_loss | - | - | - |" in told
    assert "Labels&#58; 500 of 1000 predictions" in told
    assert "Estimate without labels, over 900 predictions" in told
    assert "<details>" in told
    few = document(whole(looked(STABLE, performance=labelled(labelled=3))))
    assert "Labels&#58; 3 of 1000 predictions" in few
    assert document(whole(looked(STABLE))).endswith("\n")


def test_bars() -> None:
    assert bar(0) == ""
    assert bar(1) == "█" * 24
    assert bar(0.5) == "█" * 12


def test_what_is_no_evidence_is_refused() -> None:
    for data in (b"", b"{}", b"[" * 5000, b"x" * (documents.LIMIT + 1)):
        with pytest.raises(UserError, match="not evidence"):
            documents.decode(data, "file.json")


def test_tests_name_their_kinds() -> None:
    report = reports(STABLE)["price"]
    kinds: dict[Test, Kind] = {"missing": "missingness", "joint": "joint-shift", "beyond": "out-of-range"}
    assert {test: kind_of(report, test) for test in kinds} == kinds


def test_a_reference_may_have_no_rows() -> None:
    empty = Reference(features={"c": Counted(cells=(0,), labels=("",), ordered=True)}, answers={})
    current = {"c": Counted(cells=(0,), labels=("",), ordered=True)}
    judged = judge(Window(start="", end="", rows=100, features=current, answers={}), empty, SETTINGS)
    assert judged.tests == {}
    assert beyond_shares([judged]) == {}
    assert counted(Numbers(edges=(), counts=(0,))).absent_of_all == Draw(0, 0)
