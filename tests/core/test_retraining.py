"""When evidence becomes a request."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from msgspec.structs import replace

from ordain.core.drift import retraining
from ordain.core.drift.evidence import Evidence, Reading, Settings, encode, key_of
from ordain.core.drift.evidence import Finding as Alarm
from ordain.core.drift.retraining import Earlier, Retraining
from ordain.core.people.request import Opened
from ordain.core.redaction import GONE
from ordain.errors import UserError

NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
DOCUMENT = {"model": "churn", "findings": [{"kind": "drift", "alarm": True, "detail": "tenure moved"}]}


def document(**changes: Any) -> bytes:
    return json.dumps({**DOCUMENT, **changes}).encode()


def record(when: dt.datetime = NOW, **changes: Any) -> Retraining:
    found, whole = retraining.because(document(**changes), "churn", "e.json")
    return retraining.retraining(found, whole, when)


def test_a_broken_log_is_nothing_that_training_mends() -> None:
    found, _ = retraining.because(document(request="none"), "churn", "e.json")
    assert found.alarms == ()


def test_evidence_is_read_and_carried_whole() -> None:
    found, whole = retraining.because(document(columns=["x"], environment="production"), "churn", "e.json")
    assert (found.alarms[0].detail, found.environment) == ("tenure moved", "production")
    made = retraining.retraining(found, whole, NOW)
    assert (made.asked, made.time) == ("2026-11-27T12:00:00Z", NOW)
    assert retraining.decode(retraining.encode(made)) == made
    assert made.evidence["columns"] == ["x"]


def test_a_secret_in_a_cell_is_in_neither_the_branch_nor_the_request() -> None:
    token = "ghp_" + "a1" * 18
    told = {"model": "churn", "findings": [{"kind": "new", "alarm": True, "detail": f"plan: `{token}`"}],
            "columns": {"plan": {"counts": {token: 3, "basic": 4}}}}  # fmt: skip
    found, document = retraining.because(json.dumps(told).encode(), "churn", "x")
    kept = retraining.retraining(found, document, NOW)
    assert token not in retraining.encode(kept).decode()
    assert token not in str(found)
    assert '"basic": 4' in retraining.encode(kept).decode()
    assert kept.evidence["columns"]["plan"]["counts"][GONE] == 3


def test_a_storm_has_one_key() -> None:
    key = "sha256:" + "a" * 64
    assert record(key=key).digest == record(key=key, observed="later").digest == key
    assert record(key="odd").digest not in {"odd", record().digest}


def test_what_a_monitor_writes_is_evidence() -> None:
    artifact = "sha256:" + "a" * 64
    written = Evidence(
        model="churn", environment="production", release="churn@1", artifact=artifact, reference="profile",
        observed="2026-11-27T00:00:00Z", settings=Settings(), outcome="fail", request="draft", windows=(),
        key=key_of("churn", "production", artifact), reading=Reading(),
        findings=(Alarm(kind="drift", alarm=True, detail="tenure moved"), Alarm(
            kind="log-stale", alarm=False, detail="an hour")),
    )  # fmt: skip
    found, whole = retraining.because(encode(written), "churn", "e.json")
    assert [each.detail for each in found.alarms] == ["tenure moved"]
    assert (found.environment, found.request) == ("production", "draft")
    assert retraining.retraining(found, whole, NOW).digest == written.key


def test_alarms_of_the_log_are_told_from_those_that_training_mends() -> None:
    alarms = [{"kind": each, "alarm": True} for each in ("drift", "log-stale")]
    for request, unmended in (("draft", ("log-stale",)), ("", ())):
        found, _ = retraining.because(document(findings=alarms, request=request), "churn", "e.json")
        assert found.unmended == unmended


def test_nothing_alarming_is_no_alarm() -> None:
    found, _ = retraining.because(document(findings=[{"kind": "drift"}]), "churn", "e.json")
    assert found.alarms == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no evidence"),
        (b"[]", "no evidence"),
        (b"\xff", "no evidence"),
        (b"{" * 5000, "no evidence"),
        (b'{"model": "churn"}', "no evidence"),
        (document(findings=[{"kind": 3}]), "no evidence"),
        (document(model="fraud"), "of the model fraud, not of churn"),
        (b" " * (retraining.EVIDENCE_LIMIT + 1), "larger than"),
    ],
)
def test_what_is_no_evidence_for_the_model_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        retraining.because(data, "churn", "e.json")
    assert caught.value.where == "e.json"


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"asked": 1}'])
def test_a_damaged_record_counts_for_nothing(data: bytes) -> None:
    assert retraining.decode(data) is None
    odd = Retraining(asked="yesterday", digest="x", evidence=None)
    assert odd.time < NOW - 1000 * DAY


OPEN = Opened(number=1, url="page", title="t", branch="b", base="main", author=None, created="x")


@pytest.mark.parametrize(
    ("earlier", "opened", "answer"),
    [
        ((), (), ("ask", "")),
        ((), (OPEN,), ("open", "page")),
        ((Earlier(retraining=record(NOW), branch="b"),), (OPEN,), ("open", "page")),
        ((Earlier(retraining=record(NOW), branch="b"),), (), ("resume", "b")),
        ((Earlier(retraining=record(NOW - 9 * DAY), branch="b"),), (), ("resume", "b")),
        ((Earlier(retraining=record(NOW - DAY)),), (), ("known", "2026-11-26T12:00:00Z")),
        ((Earlier(retraining=record(NOW), branch=None),), (), ("known", "2026-11-27T12:00:00Z")),
        ((Earlier(retraining=record(NOW - DAY, x=1), branch="b"),), (), ("cooling", "2026-11-28T12:00:00Z")),
        ((Earlier(retraining=record(NOW - 2 * DAY, x=1), branch=None),), (), ("ask", "")),
        ((Earlier(retraining=record(NOW + DAY, x=1)),), (), ("ask", "")),
        ((Earlier(retraining=replace(record(), asked="9999-12-31T23:59:59Z"), branch="b"),), (), ("ask", "")),
        ((Earlier(retraining=replace(record(), asked="\x1b[2J")),), (), ("known", "\\x1b[2J")),
    ],
)
def test_one_request_at_a_time_once_for_each_evidence_and_not_too_often(
    earlier: tuple[Earlier, ...], opened: tuple[Opened, ...], answer: tuple[str, str]
) -> None:
    assert retraining.judge(record(), earlier, opened, 2 * DAY) == answer


KEY = "sha256:" + "c" * 64
DRIFT, BREACH = record(request="draft", key=KEY), record(request="open", key=KEY)
DRAFT = replace(OPEN, draft=True)


@pytest.mark.parametrize(
    ("wanted", "earlier", "opened", "answer"),
    [
        (BREACH, (), (DRAFT,), ("ready", "page")),
        (BREACH, (), (OPEN,), ("open", "page")),
        (DRIFT, (), (DRAFT,), ("open", "page")),
        (BREACH, (Earlier(retraining=DRIFT),), (), ("cooling", "2026-11-28T12:00:00Z")),
        (BREACH, (Earlier(retraining=replace(DRIFT, asked="2026-11-20T12:00:00Z")),), (), ("ask", "")),
        (BREACH, (Earlier(retraining=BREACH),), (), ("known", "2026-11-27T12:00:00Z")),
        (DRIFT, (Earlier(retraining=BREACH),), (), ("known", "2026-11-27T12:00:00Z")),
    ],
)
def test_a_breach_is_more_than_drift(
    wanted: Retraining, earlier: tuple[Earlier, ...], opened: tuple[Opened, ...], answer: tuple[str, str]
) -> None:
    assert retraining.judge(wanted, earlier, opened, DAY) == answer


@pytest.mark.parametrize(
    ("wanted", "earlier", "answer"),
    [
        (BREACH, (), False),
        (BREACH, (Earlier(retraining=record(x=1)),), False),
        (BREACH, (Earlier(retraining=BREACH),), True),
        (BREACH, (Earlier(retraining=DRIFT, marked=True),), True),
        (DRIFT, (Earlier(retraining=BREACH, marked=True), Earlier(retraining=DRIFT)), False),
        (DRIFT, (Earlier(retraining=DRIFT, marked=True), Earlier(retraining=DRIFT)), False),
    ],
)
def test_what_was_asked_for_without_a_mark_gets_one(
    wanted: Retraining, earlier: tuple[Earlier, ...], answer: bool
) -> None:
    assert retraining.unremembered(wanted, earlier) is answer


def about(kind: str, *names: str, days: int = 0, request: str = "draft", key: str = KEY) -> Retraining:
    """Evidence about some columns, so many days before now."""
    findings = [{"kind": kind, "alarm": True, "columns": [each], "detail": "x"} for each in names]
    return record(NOW - days * DAY, request=request, key=key, findings=findings)


OTHER = "sha256:" + "d" * 64
ALERT = [{"kind": "OrdainInputOutsideContract", "alarm": True, "detail": "x"}]
OLD = record(NOW - 300 * DAY, request="draft", key=KEY, findings=ALERT)


@pytest.mark.parametrize(
    ("wanted", "earlier", "answer"),
    [
        (about("drift", "tenure"), [about("drift", "tenure", days=300)], "known"),
        (about("drift", "tenure"), [about("drift", "tenure", "plan", days=300)], "known"),
        (about("drift", "tenure", "plan"), [about("drift", "tenure", days=300)], "ask"),
        (about("drift", "x", "y"), [about("drift", each, days=9) for each in ("x", "y")], "known"),
        (about("drift", "tenure", "plan"), [about("drift", "tenure", days=1)], "cooling"),
        (about("schema-change", "plan"), [about("drift", "plan", days=300)], "ask"),
        (about("drift", "plan"), [about("fairness", "senior", days=300, request="open")], "ask"),
        (about("performance", "", request="open"), [about("fairness", "x", days=9, request="open")], "ask"),
        (about("drift", "plan", key=OTHER), [about("drift", "plan", days=9)], "ask"),
        (record(request="draft", key=KEY, findings=ALERT), [about("drift", "plan", days=300)], "known"),
        (record(request="draft", key=KEY, findings=ALERT), [OLD], "known"),
        (about("drift", "plan"), [OLD], "ask"),
        (about("drift", "plan"), [replace(OLD, asked="2026-11-07T12:00:00Z")], "known"),
        (about("drift", "plan"), [replace(retraining.essence(OLD), asked="2026-11-07T12:00:00Z")], "known"),
    ],
)  # fmt: skip
def test_a_request_that_was_turned_down_silences_nothing_else(
    wanted: Retraining, earlier: list[Retraining], answer: str
) -> None:
    for told in (earlier, [retraining.essence(each) for each in earlier]):
        known = [Earlier(retraining=each) for each in told]
        assert retraining.judge(wanted, known, (), 3 * DAY)[0] == answer
        assert answer != "known" or retraining.unremembered(wanted, known)


def test_what_is_found_beyond_what_was_asked_for_has_a_name() -> None:
    known = [Earlier(retraining=about("drift", "tenure")), Earlier(retraining=about("drift", "x", key=OTHER))]
    marker = retraining.further(about("drift", "plan", "tenure"), known)
    assert marker.startswith("found-")
    assert marker == retraining.further(about("drift", "plan"), known)
    assert marker != retraining.further(about("missingness", "plan"), known)
    quiet = about("drift", "tenure"), record(request="draft", key=KEY, findings=ALERT), record()
    assert [retraining.further(each, known) for each in quiet] == ["", "", ""]
    vague = [Earlier(retraining=record(request="draft", key=KEY, findings=ALERT))]
    assert retraining.further(about("drift", "plan"), vague) == ""


def test_a_storm_of_columns_that_come_and_go_tells_each_of_them_once() -> None:
    """A month of looks, each at some of six columns that are near their bound."""
    columns = ("a", "b", "c", "d", "e", "f")
    earlier = [Earlier(retraining=about("drift", "a", days=30), marked=True)]
    comments = 0
    for day in range(29, -1, -1):
        found = about(
            "drift", *(each for place, each in enumerate(columns) if 37 * day >> place & 1), days=day
        )
        if retraining.further(found, earlier):
            comments += 1
            mark = retraining.essence(replace(found, told=True))
            assert retraining.decode(retraining.encode(mark)) == mark
            earlier.append(Earlier(retraining=mark, marked=True))
    assert 2 <= comments <= 5
    newest = about("drift", *columns[1:])
    assert retraining.further(newest, earlier) == ""
    # What was only told may have a request of its own, and holds none up.
    assert retraining.judge(newest, earlier, (), 3 * DAY) == ("ask", "")
    assert not retraining.covered(newest, [each.retraining for each in earlier])
    assert not retraining.unremembered(newest, earlier)
    # In another request it is news again.
    again = [*earlier, Earlier(retraining=about("drift", "b"), marked=True)]
    assert retraining.further(newest, again).startswith("found-")


def test_an_alert_belongs_to_the_storm_of_what_runs() -> None:
    artifact = "sha256:" + "a" * 64
    found, whole = retraining.because(document(request="draft", environment="production"), "churn", "e.json")
    assert retraining.retraining(found, whole, NOW, artifact).digest == key_of(
        "churn", "production", artifact
    )
    own = retraining.retraining(found, whole, NOW).digest
    assert own == record(request="draft", environment="production").digest
    data, whole = retraining.because(document(environment="production"), "churn", "e.json")
    assert retraining.retraining(data, whole, NOW, artifact).digest == record(environment="production").digest


def test_a_mark_is_small_and_tells_a_breach_from_drift() -> None:
    assert retraining.marks("churn") == "refs/ordain/asked/churn"
    short = {"model": "churn", "request": "open", "findings": [{"kind": "drift", "alarm": True}]}
    assert retraining.essence(BREACH).evidence == short
    assert retraining.essence(BREACH).breach
    assert retraining.essence(record()).evidence == {"model": "churn"}
    odd = Retraining(asked="x", digest=KEY, evidence=[])
    assert (retraining.essence(odd).evidence, odd.breach) == ({}, False)
