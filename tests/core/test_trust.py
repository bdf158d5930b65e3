"""Whose key, whose address: who somebody is by a policy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.git import commits
from ordain.core.git.commits import Commit, Identity, attach, compose, parse
from ordain.core.ledger.ledger import JUDGING
from ordain.core.people import trust
from ordain.core.people.trust import Contribution, Keyring, contribution, person_of
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Key, Policy
from ordain.core.specs.governance import Person as Member
from tests.core.fleet import POLICY
from tests.core.signing import Person

DANA, RAVI, BOT, STRANGER = (Person(number) for number in (1, 2, 3, 4))
UNREADABLE = Key(key="ssh-ed25519 AAAA")


def member(name: str, *keys: Key, **changes: Any) -> Member:
    return Member(
        name=name.title(), emails=(f"{name}@x.example", f" {name.upper()}@y.example "), keys=keys, **changes
    )


def key(person: Person, **changes: Any) -> Key:
    return Key(key=f"{person.key.text} comment", **changes)


def policy(**people: Member) -> Policy:
    return replace(POLICY, people=people)


KNOWN = policy(
    dana=member("dana", key(DANA)),
    ravi=member("ravi", key(RAVI), UNREADABLE),
    bot=member("bot", key(BOT), bot=True),
)


def test_a_key_speaks_for_its_person() -> None:
    ring = Keyring(KNOWN)
    assert [ring.owner(each.key.fingerprint) for each in (DANA, RAVI, BOT, STRANGER)] == [
        "dana",
        "ravi",
        "bot",
        None,
    ]
    faults = [ring.fault(each.key.fingerprint) for each in (DANA, RAVI, BOT, STRANGER)]
    assert faults == [None, None, Reason.KEY_UNKNOWN, Reason.KEY_UNKNOWN]


def test_a_revoked_key_speaks_for_nobody_whoever_lists_it() -> None:
    ring = Keyring(replace(KNOWN, revoked=(DANA.key.text, UNREADABLE.key)))
    assert ring.owner(DANA.key.fingerprint) is None
    assert ring.fault(DANA.key.fingerprint) == Reason.KEY_UNKNOWN
    assert ring.owner(RAVI.key.fingerprint) == "ravi"
    keyed = replace(KNOWN, collectors=(key(DANA), key(RAVI)), revoked=(DANA.key.text,))
    assert trust.collectors(keyed) == {RAVI.key.fingerprint}


@pytest.mark.parametrize("order", [("dana", "ravi", "mei"), ("mei", "ravi", "dana")])
def test_a_key_that_several_list_speaks_for_nobody(order: tuple[str, ...]) -> None:
    ring = Keyring(policy(**{name: member(name, key(DANA)) for name in order}))
    assert ring.owner(DANA.key.fingerprint) is None
    assert ring.fault(DANA.key.fingerprint) == Reason.KEY_UNKNOWN


def test_a_key_that_one_person_lists_twice_is_theirs() -> None:
    assert Keyring(policy(dana=member("dana", key(DANA), key(DANA)))).owner(DANA.key.fingerprint) == "dana"


def test_an_example_key_is_good_on_the_local_forge_only() -> None:
    found = policy(dana=member("dana", key(DANA, insecure_example=True)))
    assert Keyring(found).fault(DANA.key.fingerprint) is None
    assert Keyring(replace(found, forge="github")).fault(DANA.key.fingerprint) == Reason.KEY_INSECURE


def test_collectors_are_keys_that_can_be_read_and_kept_secret() -> None:
    found = replace(KNOWN, collectors=(key(BOT, insecure_example=True), key(DANA), UNREADABLE))
    assert trust.collectors(found) == {BOT.key.fingerprint, DANA.key.fingerprint}
    assert trust.collectors(replace(found, forge="gitlab")) == {DANA.key.fingerprint}


def test_a_key_beyond_ascii_speaks_for_nobody() -> None:
    assert trust.fingerprint("ssh-ed25519 é") is None


@pytest.mark.parametrize(
    ("name", "email", "expected"),
    [
        ("Anyone", "dana@x.example", "dana"), ("", " DANA@X.example ", "dana"), ("", "ravi@y.example",
        "ravi"),
        ("Dana", "dana@z.example", "dana@z.example"), ("Dana", "DANA@z.example", "dana@z.example"),
        (" Eve ", "", "eve"), (" ", " ", "nobody"), (KNOWN.people["dana"].name, "", "dana"),
    ],
)  # fmt: skip
def test_people_are_known_by_address(name: str, email: str, expected: str) -> None:
    assert person_of(KNOWN, Identity(name=name, email=email)) == expected


def commit(author: str, signer: Person | None, message: str = "x") -> Commit:
    raw = compose("0" * 40, (), (Identity(name=author, email=f"{author}@x.example"), 1), message)
    return parse(f"by {author}", attach(raw, signer.sign(raw, commits.NAMESPACE)) if signer else raw)


@pytest.mark.parametrize(
    ("made", "forge", "people", "unproven"),
    [
        ([], "local", (), ()),
        ([commit("dana", DANA)], "local", ("dana",), ()),
        ([commit("dana", RAVI)], "local", ("dana", "ravi"), ()),
        ([commit("dana", None)], "local", ("dana",), ("by dana",)),
        ([commit("dana", STRANGER)], "local", ("dana",), ("by dana",)),
        ([commit("dana", None)], "github", ("dana",), ("by dana",)),
        ([commit("eve", BOT)], "local", ("bot", "eve@x.example"), ("by eve",)),
        ([commit("dana", DANA, "x\n\nCo-authored-by: R <ravi@x.example>")], "local", ("dana", "ravi"), ()),
        ([commit("ravi", RAVI), commit("dana", None)], "local", ("dana", "ravi"), ("by dana",)),
    ],
)
def test_contributors_are_whom_commits_name_and_who_signed(
    made: list[Commit], forge: Any, people: tuple[str, ...], unproven: tuple[str, ...]
) -> None:
    found = contribution(replace(KNOWN, forge=forge), made)
    assert found.by(JUDGING) == Contribution(people=people, unproven=unproven)


@pytest.mark.parametrize("line", ["ravi", "Ravi", "ravi@x.example", "Ravi <ravi@x.example> <x>"])
def test_a_maker_who_cannot_be_read_is_nobody_known_whoever_signed(line: str) -> None:
    raw = compose("0" * 40, (), (Identity(name="dana", email="dana@x.example"), 1), "x")
    raw = raw.replace(b"author dana <dana@x.example> 1 +0000", f"author {line}".encode())
    found = contribution(KNOWN, [parse("c", attach(raw, DANA.sign(raw, commits.NAMESPACE)))])
    assert found.by(JUDGING) == Contribution(people=("dana", f"unreadable: {line}"), unproven=("c",))


NO_REPLY = "users.noreply.forge.example"


@pytest.mark.parametrize(
    ("line", "people", "strange"),
    [
        ("Ravi <ravi@x.example>", ("ravi",), False),
        ("Ravi <ravi@home.example>", ("ravi", "ravi@home.example"), True),
        ("RAVI-GH <me@home.example>", ("me@home.example", "ravi"), True),
        (f"Me <1234+ravi-gh@{NO_REPLY}>", ("ravi", f"1234+ravi-gh@{NO_REPLY}"), False),
        (f"Me <ravi-gh@{NO_REPLY}>", ("ravi", f"ravi-gh@{NO_REPLY}"), False),
        (f"Me <12-ravi.gl@{NO_REPLY}>", ("ravi", f"12-ravi.gl@{NO_REPLY}"), False),
        (f"Me <1+eve@{NO_REPLY}>", (f"1+eve@{NO_REPLY}",), True),
        ("Eve <eve@home.example>", ("eve@home.example",), True),
        ("Ravi <dana@x.example>", ("ravi",), False),
        ("Ravi", ("ravi",), False),
        ("Eve", ("eve",), True),
        ("", ("nobody",), True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("role", ["author", "co-author"])
def test_whoever_is_named_by_another_address_could_be_anybody(
    line: str, people: tuple[str, ...], strange: bool, role: str
) -> None:
    """Though somebody of the policy signs; whose name or account stands there counts as well."""
    if role == "author" and "<" not in line:
        return  # unreadable as an author, which is another test
    logins = {"github": "ravi-gh", "gitlab": "ravi.gl"}
    known = policy(dana=member("dana", key(DANA)), ravi=member("ravi", logins=logins))
    raw = compose(
        "0" * 40, (), (Identity(name="dana", email="dana@x.example"), 1), f"x\n\nCo-authored-by: {line}"
    )
    if role == "author":
        raw = raw.replace(b"author dana <dana@x.example>", f"author {line}".encode(), 1)
    found = contribution(known, [parse("c", attach(raw, DANA.sign(raw, commits.NAMESPACE)))])
    everybody = tuple(sorted({"dana", *people}))
    assert found.by(JUDGING) == Contribution(people=everybody, unproven=("c",) if strange else ())
    assert found.by(2).unproven == ()


NAMES = st.lists(st.sampled_from("abcd"), max_size=4).map(tuple)
CONTRIBUTIONS = st.builds(Contribution, people=NAMES, unproven=NAMES, likely=NAMES, strangers=NAMES)


@settings(max_examples=60, deadline=None)
@given(one=CONTRIBUTIONS, two=CONTRIBUTIONS)
def test_joining_forgets_nobody_and_no_order(one: Contribution, two: Contribution) -> None:
    both = one.joined(two)
    assert both == two.joined(one) == both.joined(one)
    assert both.people == tuple(sorted({*one.people, *two.people}))
    assert both.unproven == tuple(sorted({*one.unproven, *two.unproven}))
    assert both.by(JUDGING) == one.by(JUDGING).joined(two.by(JUDGING))
    vouched = one.vouched(two).by(JUDGING)
    assert (vouched.people, vouched.unproven) == (both.by(JUDGING).people, two.by(JUDGING).unproven)
