"""Whose word counts for what was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.drift import asker as asking
from ordain.core.drift.asker import Asker, asker
from ordain.core.drift.retraining import Retraining, essence
from ordain.core.git.commits import Commit, Identity, attach, compose, parse
from ordain.core.people.trust import bots
from tests.core.signing import Person
from tests.core.test_trust import BOT, DANA, KNOWN, RAVI, STRANGER, UNREADABLE, key, member, policy

ASKED = Retraining(
    asked="2026-11-27T12:00:00Z", digest="sha256:" + "c" * 64, evidence={"model": "churn", "request": "open"}
)


def commit(email: str, signer: Person | None, message: str = "Retrain churn") -> Commit:
    raw = compose("a" * 40, ("b" * 40,), (Identity(name="Bot", email=email), 1), message)
    signed = raw if signer is None else attach(raw, signer.sign(raw, "git"))
    return parse("c" * 40, signed)


def test_bots_are_known_by_keys_of_their_own_that_are_secret() -> None:
    assert bots(KNOWN) == {BOT.key.fingerprint}
    assert bots(replace(KNOWN, revoked=(BOT.key.text,))) == set()
    assert (
        bots(policy(bot=member("bot", key(DANA), UNREADABLE, bot=True), dana=member("dana", key(DANA))))
        == set()
    )
    example = policy(bot=member("bot", key(BOT, insecure_example=True), bot=True))
    assert bots(example) == {BOT.key.fingerprint}
    assert bots(replace(example, forge="github")) == set()


@pytest.mark.parametrize(
    ("signer", "own"), [(BOT, True), (RAVI, True), (DANA, False), (STRANGER, False), (None, False)]
)
def test_where_commits_are_signed_a_signature_tells_ones_own_and_no_address_does(
    signer: Person | None, own: bool
) -> None:
    """RAVI asks now, by hand; the bot of the policy counts beside him."""
    assert asker(KNOWN, RAVI.key.fingerprint, "bot@x.example").made(commit("bot@x.example", signer)) is own


def test_where_nobody_signs_the_address_has_to_do() -> None:
    found = asker(KNOWN, None, "Bot@X.example")
    assert found.made(commit("bot@x.example", None))
    assert found.made(commit("other@x.example", BOT))
    assert not found.made(commit("other@x.example", None))


def test_a_changed_commit_is_nobodys() -> None:
    made = commit("bot@x.example", BOT)
    assert not Asker(keys=frozenset({BOT.key.fingerprint})).made(replace(made, signed=made.signed + b"x"))


def test_a_mark_says_what_was_asked_for_and_of_which_model() -> None:
    message = asking.told("churn", ASKED)
    assert asking.heard("churn", message) == essence(ASKED)
    assert asking.heard("fraud", message) is None
    assert asking.heard("churn", "Retrain churn: drift\n\nand why") is None


@given(st.text(max_size=200), st.booleans())
def test_whatever_a_message_says_is_read_or_is_none(text: str, subject: bool) -> None:
    asking.heard("churn", f"{asking.SUBJECT}churn\n\n{text}" if subject else text)
