"""Approvals: what one covers, how it is read from outside, and what waits for one."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.approvals import approval
from ordain.core.approvals.approval import POLICY_TARGET, Evidence, gather, pending, policy_subject
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Deployed, LedgerState, Pending
from ordain.core.evidence import attestation
from ordain.core.people.trust import Contribution
from ordain.core.specs.governance import Rule
from ordain.core.specs.identity import Target, Transition
from tests.core.fleet import POLICY
from tests.core.signing import Person

ADA = Person(1)
CHURN, FRAUD = Target(environment="staging", model="churn"), Target(environment="staging", model="fraud")
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ONE = Transition(
    repository="local/example", branch="main", environment="staging", model="churn", before=None, after=A
)
TWO = replace(ONE, model="fraud", before=A, after=None, since=3)
CHANGE = replace(ONE, environment="_policy", model="_policy", before=A, after=B)


def sealed(
    *transitions: Transition, namespace: str = attestation.APPROVAL_NAMESPACE, **changes: Any
) -> bytes:
    content = {**approval.statement(transitions, "c" * 40), **changes}
    return attestation.to_bytes(attestation.seal(content, ADA.signer(namespace)))


def read(data: bytes) -> Evidence:
    found = approval.read(data)
    assert found is not None
    return found


def predicate(**changes: Any) -> dict[str, Any]:
    return {**approval.statement([ONE], "c" * 40)["predicate"], **changes}


def test_what_is_signed_is_read() -> None:
    data = sealed(TWO, CHANGE, ONE)
    found = read(data)
    assert found.transitions == (CHANGE, ONE, TWO)
    assert (found.key, found.fault, found.kind) == (ADA.key.fingerprint, "", "signed-by-approver")
    assert found.name == bytes_digest(data)
    assert found.envelope == json.loads(data)
    assert found.covers(ONE)
    assert found.covers(TWO)


@pytest.mark.parametrize(
    "change",
    [{"repository": "local/other"}, {"branch": "next"}, {"environment": "production"}, {"model": "fraud"},
     {"before": B}, {"after": B}, {"after": None}, {"since": 1}],
    ids=str,
)  # fmt: skip
def test_nothing_but_the_same_transition_is_covered(change: dict[str, Any]) -> None:
    other = replace(ONE, **change)
    assert other.id != ONE.id
    assert not read(sealed(ONE)).covers(other)


@pytest.mark.parametrize(
    "transitions",
    [(), (ONE, replace(ONE, model="fraud", branch="next")), (ONE, replace(ONE, model="fraud",
    repository="x")),
     (ONE, replace(ONE, after=B)), (ONE, ONE)],
    ids=["none", "two branches", "two repositories", "one target twice", "one transition twice"],
)  # fmt: skip
def test_what_no_approval_can_say(transitions: tuple[Transition, ...]) -> None:
    with pytest.raises(ValueError, match="an approval covers"):
        approval.statement(transitions, "c" * 40)


def test_a_signature_that_does_not_hold_is_kept_as_a_fault() -> None:
    for namespace in (attestation.LEDGER_NAMESPACE, "git"):
        found = read(sealed(ONE, namespace=namespace))
        assert found.key is None
        assert "namespace" in found.fault
    other = json.loads(sealed(ONE))
    other["signatures"] = json.loads(sealed(TWO))["signatures"]
    assert read(attestation.to_bytes(other)).key is None
    other["signatures"] = [{"keyid": "", "sig": "!"}]
    assert read(attestation.to_bytes(other)).fault == "not base64"


WRONG_ID = [{"name": "staging/churn", "digest": {"sha256": "0" * 64}}]


@pytest.mark.parametrize(
    "changes",
    [
        {"predicateType": attestation.DECISION_TYPE}, {"subject": []}, {"subject": WRONG_ID},
        {"subject": [{"name": "staging/churn", "digest": {}}]},
        {"subject": [{"name": "production/churn", "digest": {"sha256": ONE.id[7:]}}]},
        {"subject": [*WRONG_ID, {"name": "staging/churn", "digest": {"sha256": ONE.id[7:]}}]},
        {"predicate": {}}, {"predicate": predicate(extra=1)},
        {"predicate": predicate(repository="local/other")},
        {"predicate": predicate(branch="next")}, {"predicate": predicate(transitions=[])},
        {"predicate": predicate(transitions=[msgspec.to_builtins(replace(ONE, after=B))])},
        {"predicate": predicate(transitions=[{**msgspec.to_builtins(ONE), "since": "0"}])},
    ],
    ids=str,
)  # fmt: skip
def test_what_contradicts_itself_is_no_approval(changes: dict[str, Any]) -> None:
    assert approval.read(sealed(ONE, **changes)) is None


@pytest.mark.parametrize("size", [approval.SIZE_LIMIT + 1])
def test_what_is_too_large_is_not_looked_at(size: int) -> None:
    data = sealed(ONE)
    assert approval.read(data + b" " * (approval.SIZE_LIMIT - len(data))) is not None
    assert approval.read(data + b" " * (size - len(data))) is None


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), draw=st.data())
def test_any_bytes_are_an_approval_or_none(data: bytes, draw: st.DataObject) -> None:
    assert approval.read(data) is None
    envelope = {**json.loads(sealed(ONE)), "payload": base64.b64encode(data).decode()}
    assert approval.read(attestation.to_bytes(envelope)) is None
    whole = sealed(ONE)
    at = draw.draw(st.integers(0, len(whole) - 1))
    found = approval.read(whole[:at] + data[:2] + whole[at + 1 :])
    # Whatever still has a key says what was signed; anything else has none.
    assert found is None or found.key is None or found.transitions == (ONE,)


@settings(max_examples=100, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.integers() | st.text(max_size=3), lambda each: st.lists(each, max_size=2)
    )
)
def test_any_signed_predicate_is_an_approval_or_none(value: Any) -> None:
    with contextlib.suppress(UnicodeEncodeError):
        for name in ("repository", "transitions", "revision"):
            found = approval.read(sealed(ONE, predicate=predicate(**{name: value})))
            assert found is None or found.transitions == (ONE,)


# -- what waits ----------------------------------------------------------------------------------


def running(*targets: Target, subject: str = A) -> LedgerState:
    deployed = {
        each: Deployed(target=each, subject=subject, intent="i", files="f", release=None, since=4, source="s")
        for each in targets
    }
    return LedgerState(deployed=deployed, since=dict.fromkeys(targets, 4))


def test_every_difference_waits_and_the_policy_comes_first() -> None:
    state = running(CHURN, FRAUD)
    changed = replace(POLICY, rules=(Rule(approvals={"r": 1}),))
    wanted = {
        CHURN: B, POLICY_TARGET: policy_subject(changed), Target(environment="a", model="z"): A,
    }  # fmt: skip
    found = pending(wanted, state, POLICY)
    assert [(each.target.label, each.before, each.after, each.since) for each in found] == [
        ("_policy/_policy", policy_subject(POLICY), policy_subject(changed), 0),
        ("a/z", None, A, 0), ("staging/churn", A, B, 4), ("staging/fraud", A, None, 4),
    ]  # fmt: skip
    assert {(each.repository, each.branch) for each in found} == {("local/example", "main")}


def test_nothing_waits_where_all_is_as_wanted() -> None:
    wanted = {CHURN: A, POLICY_TARGET: policy_subject(POLICY)}
    assert pending(wanted, running(CHURN), POLICY) == ()
    approved = replace(running(CHURN), policy=B)
    assert [each.before for each in pending(wanted, approved, POLICY)] == [B]


def test_the_policys_subject_follows_its_meaning() -> None:
    assert policy_subject(POLICY) == policy_subject(replace(POLICY, rollback=None, waivers=()))
    assert policy_subject(POLICY) != policy_subject(replace(POLICY, branch="next"))


def test_hands_gather_until_nothing_waits() -> None:
    earlier = {
        CHURN: Pending(target=CHURN, contributors=("dana",), unproven=("c1",), risk="high"),
        FRAUD: Pending(target=FRAUD, contributors=("mei",)),
    }
    made = Contribution(people=("ravi",), unproven=("c2",))
    found = gather(earlier, [ONE, CHANGE], {CHURN: True}, made, {CHURN: "low"})
    assert found == {
        CHURN: Pending(target=CHURN, contributors=("dana", "ravi"), unproven=("c1", "c2"), risk="high"),
        POLICY_TARGET: Pending(target=POLICY_TARGET, contributors=("ravi",), unproven=("c2",)),
    }
    assert gather(earlier, [ONE], {CHURN: False}, made, {}) == {CHURN: earlier[CHURN]}
    assert gather(earlier, [], {}, made, {}) == {}
