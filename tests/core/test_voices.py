"""Who is heard, where keys come and go, and what a ledger notes down of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from ordain.core.approvals.approval import Evidence
from ordain.core.approvals.sighting import MOST, sighted
from ordain.core.approvals.voices import Hearing, Speaker, name_of, sight, unseen
from ordain.core.decisions import LedgerState
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Key, Policy
from ordain.core.specs.governance import Person as Member
from ordain.core.specs.identity import Target, Transition
from tests.core.fleet import POLICY
from tests.core.signing import Person

OLD, NEW = Person(1).key, Person(2).key
CHURN = Target(environment="staging", model="churn")
TRANSITION = Transition(
    repository=POLICY.repository, branch=POLICY.branch, environment="staging", model="churn", before=None,
    after="sha256:" + "a" * 64, since=3,
)  # fmt: skip


def policy(*keys: Key, **changes: Any) -> Policy:
    ravi = Member(name="Ravi", emails=("ravi@x.example",), roles=("reviewer",), keys=keys, **changes)
    return replace(POLICY, people={"ravi": ravi})


BEFORE, AFTER = policy(Key(key=OLD.text)), policy(Key(key=NEW.text))
EXAMPLE = policy(Key(key=OLD.text, insecure_example=True))


def evidence(**changes: Any) -> Evidence:
    fields: dict[str, Any] = {
        "name": "n", "envelope": {}, "transitions": (TRANSITION,), "key": OLD.fingerprint
    }  # fmt: skip
    return Evidence(**{**fields, **changes})


def heard(
    judging: Policy, *later: Policy, seen: Policy | None = None, revoked: tuple[str, ...] = ()
) -> Speaker:
    return Hearing(judging, later, revoked, lambda _: seen).speaker(evidence())


UNKNOWN: Speaker = (None, Reason.KEY_UNKNOWN)


def test_the_first_sight_decides_whose_key_it_is() -> None:
    assert heard(BEFORE) == ("ravi", None)
    assert heard(AFTER) == UNKNOWN
    assert heard(AFTER, seen=BEFORE) == ("ravi", None)
    assert heard(BEFORE, seen=AFTER) == UNKNOWN


def test_what_is_seen_now_must_speak_by_every_policy_that_is_approved_by_now() -> None:
    assert heard(BEFORE, BEFORE) == ("ravi", None)
    assert heard(BEFORE, AFTER, BEFORE) == ("ravi", Reason.KEY_UNKNOWN)
    assert heard(BEFORE, AFTER, seen=BEFORE) == ("ravi", None)


def test_a_revoked_key_never_speaks() -> None:
    assert heard(BEFORE, revoked=(OLD.fingerprint,)) == UNKNOWN
    assert heard(AFTER, seen=BEFORE, revoked=(OLD.fingerprint,)) == UNKNOWN


def test_whether_somebody_may_speak_is_for_the_policy_that_judges() -> None:
    assert heard(replace(AFTER, people={}), seen=BEFORE)[1] == Reason.KEY_UNKNOWN
    assert heard(policy(bot=True), seen=BEFORE)[1] == Reason.KEY_UNKNOWN
    assert heard(AFTER, seen=EXAMPLE) == ("ravi", None)
    assert heard(replace(AFTER, forge="github"), seen=EXAMPLE)[1] == Reason.KEY_INSECURE
    assert heard(AFTER, seen=replace(BEFORE, people={})) == UNKNOWN


def test_a_review_is_heard_by_the_collectors_of_its_time_and_the_accounts_of_now() -> None:
    told = evidence(account=("github", "ravi-gh"), name="n#ravi-gh", kind="attested-by-collector")
    then = replace(policy(logins={"github": "ravi-gh"}), forge="github", collectors=(Key(key=OLD.text),))
    now = replace(then, collectors=(Key(key=NEW.text),))
    assert Hearing(then, (), (), unseen).speaker(told) == ("ravi", None)
    assert Hearing(now, (), (), unseen).speaker(told) == UNKNOWN
    assert Hearing(now, (), (), lambda _: then).speaker(told) == ("ravi", None)
    assert Hearing(then, (now,), (), unseen).speaker(told) == ("ravi", Reason.ACCOUNT_UNKNOWN)
    gone = replace(now, people={})
    assert Hearing(gone, (), (), lambda _: then).speaker(told) == (None, Reason.ACCOUNT_UNKNOWN)


def test_names() -> None:
    assert (sight(evidence(name="n#ravi")), sight(evidence())) == ("n", "n")
    assert name_of(evidence(key=None)) == "nobody"
    assert name_of(evidence(account=("github", "eve"))) == "github:eve"


def noted(*found: Evidence, known: Callable[[str], bool] = lambda _: False) -> tuple[str, ...]:
    state = LedgerState(since={CHURN: 3})
    return sighted(found, (state, BEFORE), Hearing(BEFORE, (), (), unseen), known)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": None},
        {"key": NEW.fingerprint},
        {"account": ("github", "ravi-gh")},
        {"transitions": (replace(TRANSITION, since=2),)},
        {"transitions": (replace(TRANSITION, branch="next"),)},
        {"transitions": (replace(TRANSITION, repository="local/other"),)},
    ],
    ids=["unsigned", "a stranger", "a review", "spent", "another branch", "another repository"],
)
def test_what_can_never_count_is_not_noted(changes: dict[str, Any]) -> None:
    assert noted(evidence(**changes)) == ()


def test_what_is_new_is_noted_once_in_order_and_not_without_end() -> None:
    assert noted(evidence(name="b"), evidence(name="a"), evidence(name="b")) == ("a", "b")
    assert noted(evidence(), known=lambda name: name == "n") == ()
    assert len(noted(*(evidence(name=f"{n}") for n in range(MOST + 1)))) == MOST
