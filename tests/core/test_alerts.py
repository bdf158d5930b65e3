"""What Alertmanager sends, and which of it asks for a request."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.drift import alerts, retraining
from ordain.core.drift.brief import LIMIT
from ordain.errors import UserError

LABELS = {"alertname": "Odd", "model": "churn", "environment": "production"}


def alert(status: str = "firing", annotations: dict[str, str] | None = None, **labels: str) -> dict[str, Any]:
    """As Alertmanager sends it, with members that are not read."""
    return {
        "status": status, "labels": {**LABELS, **labels}, "annotations": annotations or {"summary": "odd"},
        "startsAt": "2026-11-27T12:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "1",
        "generatorURL": "http://prometheus/graph",
    }  # fmt: skip


def message(*found: dict[str, Any], **more: Any) -> bytes:
    whole = {
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "ordain",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://a",
        "alerts": found,
    }  # fmt: skip
    return json.dumps({**whole, **more}).encode()


def said(*found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each.model, each.environment, each.level) for each in alerts.said(alerts.read(message(*found)))]


def test_an_alert_asks_when_its_rule_says_so_or_it_is_about_data() -> None:
    assert said(alert()) == []
    assert said(alert(retrain="draft")) == [("churn", "production", "draft")]
    assert said(alert(retrain="open")) == [("churn", "production", "open")]
    assert said(alert(alertname="OrdainInputOutsideContract")) == [("churn", "production", "draft")]
    assert said(alert(alertname="OrdainInputOutsideContract", retrain="none")) == []
    assert said(alert(alertname="OrdainLatencyBudgetBurn")) == []
    assert said(alert("resolved", retrain="open")) == []


def test_alerts_of_one_model_in_one_environment_are_one() -> None:
    found = [
        alert(retrain="draft"),
        alert(retrain="draft"),
        alert(retrain="open", alertname="Worse"),
        alert(retrain="draft", environment="staging"),
        alert(retrain="draft", model="fraud"),
    ]
    assert said(*found) == [("churn", "production", "open"), ("churn", "staging", "draft"),
                            ("fraud", "production", "draft")]  # fmt: skip
    evidence = alerts.said(alerts.read(message(*found)))[0].evidence
    because, _ = retraining.because(evidence.encode(), "churn", "x")
    assert [each.kind for each in because.alarms] == ["Odd", "Worse"]
    assert (because.environment, because.request) == ("production", "open")


@pytest.mark.parametrize("name", ["", "Churn", "../x", "a" * 41, "a\n"])
def test_what_names_no_model_and_environment_asks_for_nothing(name: str) -> None:
    assert said(alert(retrain="open", model=name)) == []
    assert said(alert(retrain="open", environment=name)) == []


def test_what_is_told_is_short() -> None:
    found = [
        alert(retrain="open", alertname=f"{at}" * 400, annotations={"summary": "s" * 500}) for at in range(99)
    ]
    (each,) = alerts.said(alerts.read(message(*found)))
    assert len(json.dumps(each.evidence)) < LIMIT
    assert len(json.loads(each.evidence)["findings"]) == alerts.MOST_FINDINGS


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no message"),
        (b"[]", "no message"),
        (b"\xff", "no message"),
        (b"[" * 100_000, "no message"),
        (message(version="3"), "no message"),
        (message(alert("burning")), "no message"),
        (b" " * (alerts.BODY_LIMIT + 1), "larger than"),
        (message(*[{"status": "firing", "labels": {}}] * (alerts.MOST_ALERTS + 1)), "more than 1000 alerts"),
    ],
)
def test_what_is_no_message_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        alerts.read(body)


@given(
    st.binary(max_size=200)
    | st.dictionaries(st.text(max_size=9), st.text(max_size=9)).map(json.dumps).map(str.encode)
)
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(UserError):
        alerts.said(alerts.read(body))


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50)), st.text(max_size=500))
def test_whatever_an_alert_says_is_evidence_of_its_own_model(labels: dict[str, str], summary: str) -> None:
    found = alert(annotations={"summary": summary}, **{**labels, "retrain": "open", "model": "churn"})
    for each in alerts.said(alerts.read(message(found))):
        because, _ = retraining.because(each.evidence.encode(), "churn", "x")
        assert because.request == "open"
