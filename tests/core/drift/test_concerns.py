"""What evidence is about."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.drift.concerns import MOST, concerns, kept, news, widened
from ordain.core.drift.evidence import Settings
from ordain.core.drift.findings import of_performance
from ordain.core.drift.measured import Performance
from ordain.core.gating.verdicts import Verdict


def told(*findings: tuple[str, tuple[str, ...]], request: str = "draft") -> dict[str, Any]:
    listed = [{"kind": kind, "alarm": True, "columns": list(columns)} for kind, columns in findings]
    return {"request": request, "findings": listed}


def test_alarms_are_about_kinds_columns_and_gates() -> None:
    gate = {"kind": "fairness", "alarm": True, "groups": ["senior"], "detail": "x"}
    quiet = {"kind": "drift", "columns": ["age"]}
    alert = {"kind": "OrdainInputOutsideContract", "alarm": True}
    found = told(("drift", ("tenure",)), ("joint-shift", ("a", "b")), ("log-stale", ()), request="open")
    found["findings"] += [gate, quiet, alert]
    assert concerns(found) == {("drift", "tenure"), ("joint-shift", ""), ("fairness", "senior")}


def test_a_breach_is_about_its_gate() -> None:
    def breach(*metrics: str) -> dict[str, Any]:
        verdicts = tuple(Verdict(gate=f"quality.{each}", outcome="fail") for each in metrics)
        performance = Performance(
            start="", end="", middle="", known=300, predictions=300, labelled=300, verdicts=verdicts
        )
        found = of_performance(performance, Settings())
        return {"request": "open", "findings": msgspec.to_builtins(list(found))}

    area, both = concerns(breach("roc_auc")), concerns(breach("roc_auc", "log_loss"))
    assert area == {("performance", "quality.roc_auc")}
    assert news(both, area) == {("performance", "quality.log_loss")}
    assert news(area, both) == news(area, {("performance", "")}) == frozenset()  # a mark that names no gate


@pytest.mark.parametrize("odd", [None, [], {}, {"request": "none", "findings": []}, {"request": "draft"}])
def test_what_is_no_evidence_of_a_monitor_is_about_nothing(odd: Any) -> None:
    assert concerns(odd) == frozenset()


def test_many_columns_of_a_kind_are_all_of_it() -> None:
    many = [("drift", str(number)) for number in range(MOST + 1)]
    assert widened(many) == {("drift", "")}
    assert len(widened(many[1:])) == MOST
    assert news(frozenset({("drift", "new"), ("missingness", "new")}), many) == {("missingness", "new")}
    assert news(frozenset({("drift", "")}), many[1:]) == {("drift", "")}


NAMES = st.lists(st.text(max_size=200), max_size=MOST + 5).map(tuple)


@given(st.lists(st.tuples(st.sampled_from(["drift", "missingness", "joint-shift"]), NAMES), max_size=4))
def test_a_mark_is_about_what_its_evidence_is(findings: list[tuple[str, tuple[str, ...]]]) -> None:
    found = concerns(told(*findings))
    assert concerns({"request": "open", "findings": kept(found)}) == found
    assert news(found, found) == frozenset()
