"""Who is the same person in several policies."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.people.ties import Ties
from ordain.core.specs.governance import Key, Policy
from ordain.core.specs.governance import Person as Member
from tests.core.fleet import POLICY
from tests.core.signing import Person

KEYS = [Key(key=Person(number).key.text) for number in (1, 2, 3)]


def member(name: str, *emails: str, key: int | None = None, login: str = "") -> Member:
    return Member(
        name=name, emails=emails, keys=(KEYS[key],) if key is not None else (),
        logins={"github": login} if login else {},
    )  # fmt: skip


def policy(**people: Member) -> Policy:
    return replace(POLICY, people=people)


OLD = policy(ravi=member("Ravi", "r@x.example", key=0, login="ravi"), mei=member("Mei", "m@x.example", key=1))


def test_whatever_two_entries_share_ties_them() -> None:
    for new in (
        policy(rob=member("Rob", "R@x.example ")),
        policy(rob=member("Rob", "b@x.example", key=0)),
        policy(rob=member("Rob", "b@x.example", login="RAVI")),
        policy(rob=member(" ravi", "b@x.example")),
    ):
        ties = Ties([OLD, new])
        assert ties.everybody(["ravi"]) == ("ravi", "rob")
        assert ties.everybody(["mei", "stranger@x.example"]) == ("mei", "stranger@x.example")
        assert ties.everybody(["R@x.example", "github:Ravi"]) == ("R@x.example", "github:Ravi", "ravi", "rob")


def test_nothing_shared_is_no_tie_and_a_key_that_cannot_be_read_is_none() -> None:
    broken = Member(name="Rob", emails=("b@x.example",), keys=(Key(key="ssh-ed25519 AAAA"),))
    other = Member(name="Bob", emails=("c@x.example",), keys=(Key(key="ssh-ed25519 AAAA"),))
    assert Ties([OLD, policy(rob=broken, bob=other)]).everybody(["ravi", "bob"]) == ("bob", "ravi")
    assert Ties([]).everybody(["ravi"]) == ("ravi",)


MEMBERS = st.builds(
    lambda name, email, key, login: member(name, f"{email}@x.example", key=key, login=login),
    st.sampled_from("ABCD"), st.sampled_from("abcd"), st.sampled_from([None, 0, 1, 2]),
    st.sampled_from(["", "p", "q"]),
)  # fmt: skip
POLICIES = st.lists(st.dictionaries(st.sampled_from(["u", "v", "w"]), MEMBERS), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None)
@given(people=POLICIES, names=st.sets(st.sampled_from(["u", "v", "w", "a@x.example", "github:p"])))
def test_ties_go_both_ways_forget_nobody_and_know_no_order(
    people: list[dict[str, Member]], names: set[str]
) -> None:
    policies = [policy(**each) for each in people]
    ties, found = Ties(policies), set(Ties(policies).everybody(names))
    assert names <= found == set(Ties(policies[::-1]).everybody(names))
    assert set(ties.everybody(found)) == found
    for one in {"u", "v", "w"} & found:
        for other in set(ties.everybody([one])) - {one}:
            assert one in ties.everybody([other])
    assert found <= {*Ties([*policies, OLD]).everybody(names)}
