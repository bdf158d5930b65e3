"""What a retraining request says, and that nothing in it can speak for itself there."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.adapters.forges.github import COMMENT_LIMIT
from ordain.core.drift import proposal, retraining
from ordain.core.drift.evidence import (
    Cause,
    ColumnReport,
    Evidence,
    Reading,
    Settings,
    Spread,
    encode,
)
from ordain.core.drift.evidence import Finding as Alarm
from ordain.core.drift.evidence import Tested as Compared
from ordain.core.drift.retraining import Because, Finding, Retraining
from ordain.core.people.request import utf16
from tests.core.test_retraining import NOW, record


def test_with_nothing_new_to_learn_from_people_are_told_what_they_can_do() -> None:
    told = proposal.unlearnable(because("auc fell"))
    assert "ordain rollback churn --env production" in told
    assert "ordain rollback churn\n" in proposal.unlearnable(replace(because("x"), environment=None))
    assert "- **drift**: auc fell" in proposal.breached(because("auc fell"))
    assert "- **drift**: tenure" in proposal.further(because("tenure"))


def because(*details: str) -> Because:
    findings = tuple(Finding(kind="drift", alarm=True, detail=each) for each in details)
    return Because(model="churn", findings=findings, environment="production")


def test_the_request_tells_what_was_found_and_what_came_of_it() -> None:
    released = proposal.outcome_of({"release": "churn@3", "baseline": "churn@2"}, "")
    assert released == "It was trained and passed its gates: `churn@3`, judged against churn@2."
    assert "no new release" in proposal.outcome_of(None, "")
    failed = proposal.outcome_of(None, "column `age`: 2 values\nnot numbers")
    assert failed.endswith("not numbers")
    assert failed.count("\n> ") == 2
    text = shown(because("tenure moved"), record(), failed)
    assert "tenure moved" in text
    assert '"model": "churn"' in text
    assert proposal.title("churn", because("a", "b")) == "Retrain churn: drift and 1 more"
    assert proposal.title("churn", because("a")) == "Retrain churn: drift"
    assert proposal.label("churn") == "retrain:churn"


def shown(found: Because, made: Retraining, outcome: str = "", longest: int = COMMENT_LIMIT) -> str:
    return proposal.draft(found, made, ("retrain/churn-1", "main"), outcome).text(longest, utf16)


def test_what_training_said_tells_no_secret() -> None:
    token = "ghp_" + "a1" * 18
    assert token not in proposal.outcome_of(None, f"column `plan`: `{token}` is new")


def test_a_long_document_is_named_in_the_text_and_whole_in_the_branch() -> None:
    made = record(blob="x" * 30_000)
    told = shown(because("a"), made)
    assert "whole in `pipelines/churn/retraining.json` of this branch" in told
    assert "xxx" not in told
    assert len(made.evidence["blob"]) == 30_000


def wide(columns: int, cells: int = 10) -> Evidence:
    """Every column drifted, each with its distributions."""
    tested = Compared(test="location", p=0, adjusted=0, effect=1.0, drifted=True, direction="higher")
    shares = (1 / cells,) * cells
    spread = Spread(cells=tuple(f"{at} – {at}.9 😀" for at in range(cells)), reference=shares, current=shares)
    names = [f"column_{at}" for at in range(columns)]
    return Evidence(
        model="churn", environment="production", release="churn@1", artifact="sha256:" + "a" * 64,
        reference="profile", observed="2026-11-27T00:00:00Z", settings=Settings(), outcome="fail",
        request="draft", windows=(), key="sha256:" + "b" * 64, reading=Reading(),
        findings=tuple(Alarm(kind="drift", alarm=True, detail=f"{name} lies higher", columns=(name,))
                       for name in names),
        columns=tuple(ColumnReport(column=name, role="feature", ordered=True, state="drift", drifted=3,
                                   alarms=("location",), tests=(tested,), spread=spread) for name in names),
        causes=(Cause(suspect="population-shift", because="most columns moved"),),
    )  # fmt: skip


def evidence(found: Evidence) -> tuple[Because, Retraining]:
    read, whole = retraining.because(encode(found), "churn", "e.json")
    return read, retraining.retraining(read, whole, NOW)


def balanced(text: str) -> bool:
    """Whether nothing is open at the end: neither a part that folds nor a block of code."""
    fences = re.findall(r"^`{3,}", text, re.MULTILINE)
    return text.count("<details>") == text.count("</details>") and len(fences) % 2 == 0


@pytest.mark.parametrize("columns", [1, 40, 200, 400])
def test_what_a_forge_has_no_room_for_is_left_out_by_whole_parts_and_named(columns: int) -> None:
    text = shown(*evidence(wide(columns)), outcome="It was trained")
    assert utf16(text) <= COMMENT_LIMIT
    assert balanced(text)
    assert "It was trained" in text
    assert "most columns moved" in text
    assert (f"- and {columns - proposal.MOST} more" in text) == (columns > proposal.MOST)
    assert "distributions" not in text or text.endswith(
        "whole in `pipelines/churn/retraining.json` of this branch.*"
    )
    left = re.search(r"left out \((.*?)\): whole in", text)
    assert bool(left) == (columns >= 200)
    if left:
        assert "more" in left[1]


def test_whatever_evidence_says_what_must_be_said_has_room() -> None:
    odd = "\U0010ffff<" * 1000
    findings = tuple(Finding(kind=odd, alarm=True, detail=odd) for _ in range(1000))
    found = Because(model="churn", findings=findings)
    failed = proposal.outcome_of(None, "\n".join([odd] * 100))
    for outcome in ("It was trained", failed):
        text = shown(found, record(), outcome)
        assert utf16(text) <= COMMENT_LIMIT
        assert outcome[:60] in text


@given(st.text(max_size=200))
def test_evidence_is_never_markup_a_link_or_a_mention(text: str) -> None:
    whole = shown(because(text), record(note=text))
    told = whole.split("<details>")[0]
    assert not any(each in told.split(": ", 1)[-1] for each in ("<script", "](", "@"))
    assert whole.count("<details>") == 1 or "<details>" in text
    fence = whole.split("</summary>\n\n", 1)[1].split("json", 1)[0]
    assert whole.count(f"\n{fence}\n") == 1
