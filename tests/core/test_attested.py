"""Attestations of merged requests: what they carry, whose word counts, and what is none."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ordain.core.approvals import attested
from ordain.core.approvals.approval import Evidence
from ordain.core.approvals.attested import Branch, observe
from ordain.core.approvals.voices import Voices, name_of
from ordain.core.evidence import attestation
from ordain.core.ledger.ledger import JUDGING
from ordain.core.people.request import Request, Review, standing
from ordain.core.people.trust import Contribution
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Policy
from ordain.core.specs.identity import Transition
from tests.core.signing import Person

COLLECTOR = Person(7).key.text
sign = Person(7).signer(attestation.REQUEST_NAMESPACE)
HEAD, MERGED = "a" * 40, "b" * 40


def policy(**changed: Any) -> Policy:
    people = {
        name: {"name": name, "emails": [f"{name}@x.example"], "logins": {"github": f"{name}-gh"}, **more}
        for name, more in {"dana": {}, "ravi": {}, "robot": {"bot": True}, "twin": {}, "other": {}}.items()
    }
    for name in ("twin", "other"):
        people[name]["logins"] = {"github": "shared"}
    return msgspec.convert(
        {
            "version": 1,
            "repository": "team/models",
            "forge": "github",
            "people": people,
            "collectors": [{"key": COLLECTOR}],
            "rules": [],
            "changes": {"reviewer": 1},
            **changed,
        },
        type=Policy,
    )


def transition() -> Transition:
    return Transition(
        repository="team/models", branch="main", environment="staging", model="churn", before=None, after="x"
    )


def review(**changed: Any) -> Review:
    made = Review(reviewer="ravi-gh", state="approved", commit=HEAD, submitted="2026-11-24T10:00:00Z")
    return replace(made, **changed)


def request(*reviews: Review, **changed: Any) -> Request:
    made = Request(
        forge="github", repository="team/models", number=7, url="https://forge.example/7", title="T",
        base="main", head=HEAD, merged=MERGED, merged_by=None, merged_at="2026-11-24T11:00:00Z",
        author="dana-gh", pushers=("dana-gh", "stranger"), reviews=reviews,
    )  # fmt: skip
    return replace(made, **changed)


def encoded(*reviews: Review, **changed: Any) -> bytes:
    branch = Branch(emails=("dana@x.example", "eve@x.example"), signers=("SHA256:nobody",))
    observed = observe(policy(), MERGED, request(*reviews, **changed), branch, {HEAD: (transition(),)})
    return attested.encode(observed, sign)


def evidence(*reviews: Review) -> Evidence:
    found = attested.read(encoded(*reviews))
    assert found is not None
    (one,) = found.evidence
    return one


def test_an_approval_that_stands_is_evidence_for_what_its_commit_declares() -> None:
    found = evidence(review())
    assert found.covers(transition())
    assert (found.kind, found.account) == ("attested-by-collector", ("github", "ravi-gh"))
    assert Voices(policy()).speaker(found) == ("ravi", None)
    assert name_of(found) == "github:ravi-gh"


def test_everyone_who_had_a_hand_in_it() -> None:
    found = attested.read(encoded(review()))
    assert found is not None
    people = attested.contributors(policy(), found).people
    assert people == ("dana", "eve@x.example", "github:stranger")


@pytest.mark.parametrize(
    ("changed", "unnamed", "open_"),
    [
        ({"pushers": ("dana-gh",)}, (), False),
        ({"pushers": ("dana-gh", "")}, (), True),
        ({"pushers": ("dana-gh", "stranger")}, (), True),
        ({"pushers": ("dana-gh", "shared")}, (), True),
        ({"pushers": ("dana-gh",), "author": None}, (), True),
        ({"pushers": ("dana-gh",)}, ("dana@x.example", "1+ravi-gh@users.noreply.github.com"), False),
        ({"pushers": ("dana-gh",)}, ("eve@x.example",), True),
    ],
)
def test_whoever_can_not_be_named_leaves_a_step_unproven(
    changed: dict[str, Any], unnamed: tuple[str, ...], open_: bool
) -> None:
    """Though every commit of it is signed."""
    branch = Branch(emails=("dana@x.example",), unnamed=unnamed)
    told = attested.read(attested.encode(observe(policy(), MERGED, request(**changed), branch, {}), sign))
    assert told is not None
    found = attested.with_word(policy(), Contribution(people=("dana",)), told).by(JUDGING)
    assert found.unproven == ((MERGED,) if open_ else ())
    assert attested.with_word(policy(), Contribution(people=("dana",)), told).by(2).unproven == ()


def test_the_first_attestations_say_nothing_of_unnamed_addresses_and_keep_their_digest() -> None:
    payload = base64.b64decode(json.loads(encoded(review()))["payload"])
    assert b"unnamed" not in payload
    branch = Branch(unnamed=("eve@x.example",))
    later = attested.encode(observe(policy(), MERGED, request(), branch, {}), sign)
    found = attested.read(later)
    assert found is not None
    assert found.observed.unnamed == ("eve@x.example",)


def test_a_forge_proves_who_made_a_step_where_it_knows_them_all_and_a_collector_says_so() -> None:
    by_git = Contribution(people=("mei",), unproven=("c1",))
    told = attested.read(encoded(review(), pushers=("dana-gh",)))
    assert told is not None
    proven = Contribution(people=("dana", "eve@x.example", "mei"))
    assert attested.with_word(policy(), by_git, told) == proven
    unknown = attested.read(encoded(review()))
    people = ("dana", "eve@x.example", "github:stranger", "mei")
    joined = Contribution(people=people, unproven=("c1",))
    assert attested.with_word(policy(), by_git, unknown) == replace(joined, strangers=(MERGED,))
    strange = policy(collectors=[{"key": Person(8).key.text}])
    assert attested.with_word(strange, by_git, told) == attested.with_word(policy(), by_git, None) == by_git


def test_an_account_that_is_gone_is_somebody() -> None:
    found = attested.read(encoded(author=None, pushers=("",)))
    assert found is not None
    people = ("dana", "eve@x.example", "github:an account that is gone")
    assert attested.contributors(policy(), found) == Contribution(people=people, strangers=(MERGED,))
    assert found.evidence == ()


@pytest.mark.parametrize(
    ("changed", "speaker"),
    [
        ({}, ("ravi", None)),
        ({"reviewer": "RAVI-gh"}, ("ravi", None)),
        ({"reviewer": "robot-gh"}, ("robot", Reason.ACCOUNT_UNKNOWN)),
        ({"reviewer": "shared"}, (None, Reason.ACCOUNT_UNKNOWN)),
        ({"reviewer": "stranger"}, (None, Reason.ACCOUNT_UNKNOWN)),
    ],
)
def test_whose_account_it_is(changed: dict[str, Any], speaker: tuple[str | None, Reason | None]) -> None:
    assert Voices(policy()).speaker(evidence(review(**changed))) == speaker


def test_another_forge_and_another_collector_say_nothing() -> None:
    found = evidence(review())
    assert Voices(policy(forge="gitlab")).speaker(found) == ("ravi", Reason.ACCOUNT_UNKNOWN)
    stranger = Person(8).key.text
    assert Voices(policy(collectors=[{"key": stranger}])).speaker(found) == (None, Reason.KEY_UNKNOWN)


def test_the_newest_verdict_stands() -> None:
    later = review(state="changes_requested", submitted="2026-11-24T10:01:00Z")
    comment = review(state="commented", submitted="2026-11-24T10:02:00Z")
    assert standing([review(), later, comment]) == ()
    assert standing([later, review(), comment]) == (review(),)
    assert standing([review(bot=True), review(reviewer="")]) == ()


def test_an_approval_covers_its_own_commit_whatever_else_was_said_in_that_second() -> None:
    """Comments on lines are reviews too, at whatever commit was the newest then."""
    comment = review(state="commented", commit="e" * 40)
    assert evidence(review(), comment).covers(transition())
    assert not evidence(review(commit="e" * 40), review(state="commented")).covers(transition())


def altered(data: bytes, old: bytes, new: bytes) -> bytes:
    envelope = json.loads(data)
    payload = base64.b64decode(envelope["payload"])
    assert old in payload
    envelope["payload"] = base64.b64encode(payload.replace(old, new)).decode()
    return json.dumps(envelope).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b" " * (attested.SIZE_LIMIT + 1),
        altered(encoded(review()), b"request/v1", b"requess/v1"),
        altered(encoded(review()), b"ravi-gh", b"mary-gh"),
        altered(encoded(review()), b"team/models/7", b"team/models/8"),
        altered(encoded(review()), b'"bot":false', b'"bot":"no"'),
    ],
    ids=[
        "nothing",
        "no envelope",
        "too large",
        "another type",
        "another digest",
        "another name",
        "another kind",
    ],
)
def test_what_is_no_attestation(data: bytes) -> None:
    assert attested.read(data) is None


def test_a_signature_for_another_purpose_is_none() -> None:
    observed = observe(policy(), MERGED, request(review()), Branch(), {})
    found = attested.read(attested.encode(observed, Person(7).signer("ledger@ordain.dev")))
    assert found is not None
    assert found.key is None
    assert found.fault
