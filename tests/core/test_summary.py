"""A summary says what its decision says, on whose word, and nothing about what is no model."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from msgspec.structs import replace

from ordain.core.approvals import summary
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Approval, Decision, Entry
from ordain.core.evidence.attestation import to_bytes
from ordain.core.specs.governance import Waiver
from ordain.core.specs.identity import Target
from tests.core.signing import Person
from tests.core.test_ledger import A, B, decision, entry, ref

COLLECTOR, OTHER = Person(1), Person(2)
SIGN = COLLECTOR.signer(summary.SUMMARY_NAMESPACE)
KEYS = frozenset({COLLECTOR.key.fingerprint})
SHARED = Target(environment="staging", model="_shared")
RAVI = Approval(person="ravi", kind="signed-by-approver", key="k", envelope={"payload": "ravi's"})
MEI = replace(RAVI, person="mei", kind="attested-by-collector", envelope={"payload": "mei's"})
WAIVER = Waiver(model="churn", gate="parity", reason="Known.", expires="2026-12-31")


def told(one: Decision) -> dict[str, Any]:
    found: dict[str, Any] = summary.statement_of(entry(1, one), one)
    return found


def summed(one: Entry, person: Person = COLLECTOR) -> Entry:
    return replace(one, summaries=summary.summaries(one, person.signer(summary.SUMMARY_NAMESPACE)))


def test_a_release_is_known_by_its_artifact() -> None:
    content = told(decision(release=ref(7), approvals=(RAVI, RAVI)))
    assert content["subject"] == [{"name": "churn@7", "digest": {"sha256": "b" * 64}}]
    assert content["predicateType"] == "https://slsa.dev/verification_summary/v1"
    envelope = bytes_digest(to_bytes(RAVI.envelope)).removeprefix("sha256:")
    assert content["predicate"] == {
        "verifier": {"id": "ordain://r/collectors"},
        "timeVerified": "2026-11-24T12:00:00Z",
        "resourceUri": "ordain://r/main/staging/churn",
        "policy": {"uri": "ordain://r/policy.yaml@c0", "digest": {"sha256": "1" * 64}},
        "inputAttestations": [{"digest": {"sha256": envelope}}],
        "verificationResult": "PASSED",
        "verifiedLevels": [summary.SIGNED],
        "slsaVersion": "1.2",
    }


def test_a_retirement_is_known_by_its_transition() -> None:
    one = decision(after=None, before=A, release=None)
    (subject,) = told(one)["subject"]
    assert subject == {
        "name": "staging/churn", "digest": {"sha256": one.transition.id.removeprefix("sha256:")}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "result", "levels"),
    [
        ({"approvals": (RAVI,)}, "PASSED", [summary.SIGNED]),
        ({"approvals": (RAVI, MEI)}, "PASSED", [summary.ATTESTED]),
        ({"approvals": (RAVI,), "waivers": (WAIVER,)}, "PASSED", [summary.SIGNED, summary.WAIVED]),
        ({"approvals": (RAVI,), "approved": False}, "FAILED", ["FAILED"]),
    ],
)
def test_the_result_and_on_whose_word(changes: dict[str, Any], result: str, levels: list[str]) -> None:
    predicate = told(decision(release=ref(1), **changes))["predicate"]
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == (result, levels)
    assert not any(each.startswith("SLSA_") for each in predicate["verifiedLevels"])


def test_only_models_have_one() -> None:
    one = entry(1, decision(target=SHARED), decision(release=ref(1)))
    assert [each.transition.model for each in summary.summarised(one)] == ["churn"]
    assert len(summed(one).summaries) == 1
    assert summed(entry(1, decision(target=SHARED))).summaries == ()


def test_what_was_written_is_found_right() -> None:
    one = summed(entry(1, decision(release=ref(1), approvals=(RAVI,)), decision(target=SHARED)))
    assert summary.fault(one, KEYS) is None
    assert summary.fault(replace(one, summaries=()), KEYS) is None  # from before there were any


def edited(envelope: dict[str, Any]) -> dict[str, Any]:
    """The same with its verdict turned, and the signature as it was."""
    text = base64.b64decode(envelope["payload"]).replace(b"FAILED", b"PASSED")
    return {**envelope, "payload": base64.b64encode(text).decode()}


def test_what_is_wrong_is_named() -> None:
    refused = entry(1, decision(release=ref(1), approved=False))
    good = summed(refused)
    others = summed(entry(1, decision(release=ref(2), after=B)))
    for summaries, said in (
        (good.summaries * 2, "not one summary for each"),
        ((edited(good.summaries[0]),), "staging/churn"),
        (({"payload": 1},), "not a DSSE envelope"),
        (others.summaries, "otherwise than the decision"),
        (summed(refused, OTHER).summaries, "no collector"),
    ):
        assert said in (summary.fault(replace(refused, summaries=summaries), KEYS) or ""), said


def test_it_is_one_line_of_json() -> None:
    (envelope,) = summed(entry(1, decision(release=ref(1)))).summaries
    assert json.loads(json.dumps(envelope)) == envelope
