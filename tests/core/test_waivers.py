"""What blocks, what a waiver covers, and until when."""

from __future__ import annotations

import pytest
import yaml

from ordain.core.gating.verdicts import Outcome, Verdict
from ordain.core.gating.waivers import blocking, complete, described, snippet
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Waiver

TODAY = "2026-11-20"


def waiver(gate: str = "parity", model: str = "churn", expires: str = "2026-12-31") -> Waiver:
    return Waiver(model=model, gate=gate, reason="Because of reasons.", expires=expires)


def verdict(gate: str = "parity", outcome: Outcome = "fail") -> Verdict:
    return Verdict(gate=gate, outcome=outcome, detail="why")


@pytest.mark.parametrize(
    ("outcome", "waivers", "reason"),
    [
        ("pass", [], None),
        ("fail", [], Reason.GATE_FAILED),
        ("insufficient", [], Reason.GATE_INSUFFICIENT),
        ("fail", [waiver()], None),
        ("insufficient", [waiver()], None),
        ("fail", [waiver(expires=TODAY)], None),
        ("fail", [waiver(expires="2026-11-19")], Reason.WAIVER_EXPIRED),
        ("insufficient", [waiver(expires="2026-11-19")], Reason.WAIVER_EXPIRED),
        ("fail", [waiver(gate="parity.x")], Reason.GATE_FAILED),
        ("fail", [waiver(model="fraud")], Reason.GATE_FAILED),
        ("fail", [waiver(expires="2026-01-01"), waiver(), waiver(expires="2026-02-01")], None),
    ],
)
def test_only_a_fitting_waiver_in_its_time_covers(
    outcome: Outcome, waivers: list[Waiver], reason: Reason | None
) -> None:
    weighed = blocking([verdict(outcome=outcome)], waivers, "churn", TODAY)
    assert [each.reason for each in weighed.blocked] == ([reason] if reason else [])
    used = outcome != "pass" and reason is None
    assert weighed.waivers == ((waiver(expires=max(w.expires for w in waivers)),) if used else ())


def test_a_pass_uses_no_waiver_and_order_is_kept() -> None:
    verdicts = [verdict("b"), verdict("a"), verdict("c", "pass"), verdict("d")]
    weighed = blocking(verdicts, [waiver("c"), waiver("d")], "churn", TODAY)
    assert [each.verdict.gate for each in weighed.blocked] == ["b", "a"]
    assert [each.gate for each in weighed.waivers] == ["d"]


def test_a_gate_that_says_nothing_blocks() -> None:
    found = complete([verdict("parity", "pass")], ["parity", "size"])
    assert [(each.gate, each.outcome) for each in found] == [("parity", "pass"), ("size", "insufficient")]


def test_a_verdict_in_one_line() -> None:
    full = Verdict(
        gate="size", outcome="fail", value=21.5, bound=20, interval=(21.0, 22.0), detail="too large"
    )
    assert described(full) == "size: fail (value 21.5, bound 20, interval 21 to 22) too large"
    assert described(Verdict(gate="latency", outcome="insufficient")) == "latency: insufficient"


def test_the_snippet_is_what_the_policy_takes() -> None:
    blocked = blocking([verdict("fairness.age"), verdict("size")], [], "churn", TODAY).blocked
    content = yaml.safe_load(snippet(blocked, "churn", "2026-12-20"))
    waivers = [Waiver(**each) for each in content["waivers"]]
    assert [each.gate for each in waivers] == ["fairness.age", "size"]
    assert blocking([each.verdict for each in blocked], waivers, "churn", TODAY).blocked == ()
