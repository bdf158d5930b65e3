"""The ledger as history: complete, closed where something took over, and safe in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.decisions import Approval, Decision, Entry
from ordain.core.gating.release import Release
from ordain.core.ledger import history
from ordain.core.ledger.history import Event
from ordain.core.reasons import Reason
from ordain.core.reports import history_html, history_text
from ordain.core.specs.governance import Waiver
from ordain.core.specs.identity import ReleaseRef, Transition

DIGEST = "sha256:" + "0" * 64


def ref(number: int) -> ReleaseRef:
    return ReleaseRef(model="churn", number=number, record=f"record-{number}", artifact=f"artifact-{number}")


def decision(environment: str, **changed: Any) -> Decision:
    transition = Transition(
        repository="x", branch="main", environment=environment, model="churn", before=None, after=DIGEST
    )
    return Decision(
        transition=transition, **{"action": "deploy", "approved": True, "reason": Reason.APPROVED, **changed}
    )


def entry(sequence: int, *decisions: Decision) -> Entry:
    return Entry(
        sequence=sequence,
        previous=None,
        repository="x",
        branch="main",
        source=str(sequence) * 40,
        policy=DIGEST,
        policy_source="f" * 40,
        renderer=1,
        decisions=decisions,
        manifests=DIGEST,
        observed=f"2026-11-0{sequence}T00:00:00Z",
    )


def record() -> Release:
    return msgspec.convert(
        {
            "model": "churn",
            "number": 1,
            **dict.fromkeys(("training_slice", "parameters", "code", "lock", "artifact"), DIGEST),
            "data": {
                **dict.fromkeys(("source", "rows", "train", "holdout"), DIGEST),
                "row_count": 10,
                "holdout_count": 2,
            },
            "champion": {"candidate": "c", "estimator": "e", "metric": "roc_auc", "score": 0.8},
            "artifact_bytes": 5,
            "metrics": {"roc_auc": 0.83},
            "verdicts": [{"gate": "quality.roc_auc", "outcome": "pass"}],
            "looks": 1,
        },
        type=Release,
    )


WAIVER = Waiver(model="churn", gate="fairness.x", reason="small and known", expires="2027-01-31")
APPROVAL = Approval(person="mei", kind="signed-by-approver", key="SHA256:abc", envelope={})
LEDGER = [
    entry(
        1,
        decision("staging", release=ref(1), approvals=(APPROVAL,), waivers=(WAIVER,), contributors=("dana",)),
    ),
    entry(
        2,
        decision("staging", release=ref(2), action="change"),
        decision("production", approved=False, reason=Reason.SELF_APPROVAL, release=ref(1)),
        decision("_policy", action="policy"),
    ),
    entry(3, decision("production", release=ref(1))),
    entry(4, decision("production", action="retire")),
]


def events() -> tuple[Event, ...]:
    return history.history(LEDGER, {"record-1": record()})


def test_every_decision_is_an_event_and_ends_when_something_takes_over() -> None:
    assert [(each.entry, each.environment, each.action, each.until) for each in events()] == [
        (1, "staging", "deploy", "2026-11-02T00:00:00Z"),
        (2, "staging", "change", None),
        (2, "production", "deploy", None),
        (2, "_policy", "policy", None),
        (3, "production", "deploy", "2026-11-04T00:00:00Z"),
        (4, "production", "retire", None),
    ]


def test_an_event_carries_its_evidence() -> None:
    first, second = events()[:2]
    assert (first.release, first.artifact, first.data, first.rows) == ("churn@1", "artifact-1", DIGEST, 10)
    assert (first.metric, first.score, first.gates) == ("roc_auc", 0.83, {"quality.roc_auc": "pass"})
    assert first.waivers == ("fairness.x until 2027-01-31: small and known",)
    assert [(each.person, each.kind, each.key) for each in first.approvers] == [
        ("mei", "signed-by-approver", "SHA256:abc")
    ]
    assert (second.data, second.rows, second.metric, second.score, second.gates) == (
        None,
        None,
        None,
        None,
        {},
    )


def test_what_runs_is_the_newest_approved_event_of_each_target() -> None:
    assert [(each.environment, each.release) for each in history.running(events())] == [
        ("staging", "churn@2")
    ]
    before = history.history(LEDGER[:3], {})
    assert [(each.environment, each.release) for each in history.running(before)] == [
        ("production", "churn@1"),
        ("staging", "churn@2"),
    ]


def test_one_environment_and_the_policy() -> None:
    found = history.selected(events(), "staging")
    assert [each.environment for each in found] == ["staging", "staging", "_policy"]
    assert history.selected(events(), None) == events()


def test_csv_has_one_line_an_event() -> None:
    rows = list(csv.DictReader(io.StringIO(history.as_csv(events()), newline="")))
    assert len(rows) == 6
    assert rows[0]["approvers"] == "mei (signed-by-approver, SHA256:abc)"
    assert rows[0]["approved"] == "true"
    assert rows[0]["rows"] == "10"
    assert rows[1]["data"] == ""
    assert rows[2]["reason"] == "self-approval"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        (" =1", "' =1"),
        ("\n=1", "'\n=1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("＝1", "'＝1"),
        ("|cmd", "'|cmd"),
        ("plain", "plain"),
        ("a=b", "a=b"),
        (-3, "-3"),
        (0.5, "0.5"),
        (True, "true"),
        (None, ""),
    ],
)
def test_cells(value: object, expected: str) -> None:
    assert history.cell(value) == expected


@given(st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_no_text_becomes_a_formula_or_another_row(text: str) -> None:
    event = Event(
        observed="2026",
        entry=1,
        source="s",
        environment="e",
        model=text,
        action="deploy",
        approved=False,
        reason=Reason.APPROVALS_MISSING,
        detail=text,
        contributors=(text,),
    )
    rows = list(csv.reader(io.StringIO(history.as_csv([event]), newline="")))
    assert len(rows) == 2
    for value in rows[1]:
        assert value.lstrip()[:1] not in tuple("=+-@")
    assert rows[1][history.COLUMNS.index("model")].removeprefix("'") in (text, text.removeprefix("'"))


# -- for people ----------------------------------------------------------------------------------


def test_the_page_is_self_contained_and_tells_every_decision() -> None:
    page = history_html.page(events(), "every <decision>")
    assert "every &lt;decision&gt;" in page
    assert "default-src 'none'" in page
    for word in ("<script", "http://", "https://"):
        assert word not in page
    assert page.count("<h2>") == len(events())
    assert "<h2>policy, 2026-11-02T00:00:00Z</h2>" in page
    assert "deploy, refused: self-approval" in page
    assert "fairness.x until 2027-01-31: small and known" in page
    assert '<p class="faint">nothing</p>' in history_html.page((), "nothing ran then")


def test_the_facts_of_a_decision() -> None:
    first = events()[0]
    assert dict(history_text.facts(first)) == {
        "entry": "1, judged commit 111111111111",
        "artifact": "artifact-1, roc_auc 0.8300",
        "data": "000000000000, 10 rows",
        "approved by": "mei, signed by approver, SHA256:abc",
        "made by": "dana",
        "waived": "fairness.x until 2027-01-31: small and known",
        "gates": "1 of 1 pass",
    }
    worse = replace(first, detail="late", gates={"a": "pass", "b": "fail"}, data=None, metric=None)
    assert dict(history_text.facts(worse))["gates"] == "1 of 2 pass; b fail"
    assert dict(history_text.facts(worse))["because"] == "late"


@given(st.text(max_size=30))
@settings(deadline=None)
def test_no_text_becomes_markup(text: str) -> None:
    event = replace(events()[0], detail=f"<b>{text}", model=f"<i>{text}", contributors=(f"<u>{text}",))
    page = history_html.page([event], f"<s>{text}")
    assert not re.search(r"<[bius]>", page)
