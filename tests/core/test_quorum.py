"""How many people of which role, and whether those at hand fill the places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.approvals.quorum import (
    declared_risk,
    higher,
    once,
    required,
    roles_of,
    signed_only,
    unfilled,
)
from ordain.core.specs.governance import SHARED, Person, Policy, Risk, Rule
from ordain.core.specs.identity import Target
from tests.core.fleet import COPIED, POLICY, SPEC, STAGING, fleet

CHURN, SHARED_TARGET = (
    Target(environment="staging", model="churn"),
    Target(environment="staging", model=SHARED),
)


def policy(*rules: dict[str, Any], rollback: dict[str, int] | None = None) -> Policy:
    return replace(POLICY, rules=tuple(Rule(**each) for each in rules), rollback=rollback)


def test_the_higher_risk_counts() -> None:
    assert higher() is None
    assert higher(None, None) is None
    assert higher(None, "low") == "low"
    assert higher("low", "high", None, "medium") == "high"


def test_declared_risk_is_that_of_the_model_or_the_highest_pinned() -> None:
    instance = fleet({"churn": SPEC, "demand": COPIED}, {"staging": STAGING})
    demand = Target(environment="staging", model="demand")
    assert declared_risk(None, CHURN) is None
    assert declared_risk(instance, Target(environment="nowhere", model="churn")) is None
    assert declared_risk(instance, Target(environment="staging", model="ghost")) is None
    assert (declared_risk(instance, CHURN), declared_risk(instance, demand)) == ("high", "low")
    assert declared_risk(instance, SHARED_TARGET) == "high"
    assert declared_risk(fleet({"demand": COPIED}, {"staging": STAGING}), SHARED_TARGET) == "low"


@pytest.mark.parametrize(
    ("rules", "target", "risk", "expected"),
    [
        ([], CHURN, "low", None),
        ([{"approvals": {"r": 1}}], CHURN, None, {"r": 1}),
        ([{"approvals": {"r": 1}}, {"approvals": {"r": 2, "s": 1}}], CHURN, "low", {"r": 2, "s": 1}),
        ([{"approvals": {"r": 2}}, {"approvals": {"r": 1}}], CHURN, "low", {"r": 2}),
        ([{"environments": ("production",), "approvals": {"r": 1}}], CHURN, "low", None),
        ([{"environments": ("staging",), "approvals": {"r": 1}}], CHURN, "low", {"r": 1}),
        ([{"environments": (), "approvals": {"r": 1}}], CHURN, "low", None),
        ([{"models": ("churn",), "approvals": {"r": 1}}], CHURN, "low", {"r": 1}),
        ([{"models": ("fraud",), "approvals": {"r": 1}}], CHURN, "low", None),
        ([{"models": ("churn", SHARED), "approvals": {"r": 1}}], SHARED_TARGET, "low", None),
        ([{"approvals": {"r": 1}}], SHARED_TARGET, "low", {"r": 1}),
        ([{"risk": ("low",), "approvals": {"r": 1}}], CHURN, "low", {"r": 1}),
        ([{"risk": ("low", "medium"), "approvals": {"r": 1}}], CHURN, None, None),
        ([{"risk": ("high",), "approvals": {"r": 1}}], CHURN, None, {"r": 1}),
    ],
)
def test_every_rule_that_matches_must_be_met(
    rules: list[dict[str, Any]], target: Target, risk: Risk | None, expected: dict[str, int] | None
) -> None:
    for action in ("deploy", "change", "retire", "rollback"):
        assert required(policy(*rules), target, action, risk) == expected


def test_policies_and_rollbacks_have_places_of_their_own() -> None:
    found = policy({"approvals": {"r": 2}}, rollback={"s": 1})
    assert required(found, CHURN, "policy", None) == {"reviewer": 1}
    assert required(found, CHURN, "rollback", "high") == {"s": 1}
    assert required(found, CHURN, "change", "high") == {"r": 2}


OWNED = replace(
    POLICY,
    people={name: Person(name=name, emails=(), roles=("r",)) for name in ("ada", "mei")},
    owners={"churn": ("ada",), "demand": ("mei",)},
)


def test_people_own_the_models_that_the_policy_gives_them() -> None:
    demand = Target(environment="staging", model="demand")
    assert [roles_of(OWNED, "ada", each) for each in (CHURN, demand, SHARED_TARGET)] == [
        {"r", "owner"}, {"r"}, {"r", "owner"},
    ]  # fmt: skip
    boast = replace(OWNED, people={"mei": Person(name="mei", emails=(), roles=("owner",))})
    assert roles_of(boast, "mei", CHURN) == set()


def test_what_demands_own_signatures() -> None:
    strict = {"approvals": {"r": 1}, "risk": ("high",), "signed": True}
    found = policy(strict, {"approvals": {"r": 1}}, rollback={"s": 1})
    assert signed_only(found, CHURN, "change", "high")
    assert signed_only(found, CHURN, "change", None)
    assert signed_only(found, CHURN, "rollback", "high")
    assert not signed_only(found, CHURN, "change", "low")
    assert signed_only(found, CHURN, "policy", None)
    assert not signed_only(policy({"approvals": {"r": 1}}), CHURN, "policy", None)


@pytest.mark.parametrize(
    ("needed", "people", "expected"),
    [
        ({}, {"a": {"r"}}, {}),
        ({"r": 1}, {}, {"r": 1}),
        ({"r": 2, "s": 1}, {"a": {"r"}}, {"r": 1, "s": 1}),
        ({"r": 1, "s": 1}, {"a": {"r", "s"}}, {"s": 1}),
        ({"r": 1, "s": 1}, {"a": {"r", "s"}, "b": {"r"}}, {}),
        ({"r": 1, "s": 1}, {"a": {"r"}, "b": {"r"}}, {"s": 1}),
        ({"r": 1, "s": 1, "t": 1}, {"a": {"r", "s"}, "b": {"r"}, "c": {"r", "t"}}, {}),
        ({"r": 1}, {"a": {"x"}, "b": set()}, {"r": 1}),
    ],
)
def test_nobody_fills_two_places(
    needed: dict[str, int], people: dict[str, set[str]], expected: dict[str, int]
) -> None:
    assert unfilled(needed, people) == expected


def _most(places: list[str], people: Mapping[str, set[str]]) -> int:
    """The most places that can be filled, by trying every order."""
    names = [*people, *([""] * len(places))]
    return max(
        sum(role in people.get(name, ()) for role, name in zip(places, order, strict=False))
        for order in permutations(names, len(places))
    )


@settings(max_examples=60, deadline=None)
@given(
    needed=st.dictionaries(st.sampled_from("rst"), st.integers(1, 2), max_size=2),
    people=st.dictionaries(st.sampled_from("abcd"), st.sets(st.sampled_from("rst"))),
)
def test_as_many_places_are_filled_as_can_be(needed: dict[str, int], people: dict[str, set[str]]) -> None:
    places = [role for role, count in needed.items() for _ in range(count)]
    empty = unfilled(needed, people)
    assert sum(empty.values()) == len(places) - _most(places, people)
    assert all(0 < count <= needed[role] for role, count in empty.items())


ONE = {"a": ("a", "b"), "b": ("a", "b")}


def _names(people: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for each in people for name in ONE.get(each, (each,)))


@pytest.mark.parametrize(
    ("roles", "cited", "people"),
    [
        ({}, (), {}),
        ({"a": {"r"}, "b": {"r"}, "c": {"r"}}, ("a", "c"), {"a": {"r"}, "c": {"r"}}),
        ({"a": {"r"}, "b": {"r", "s"}}, ("a", "b"), {"a": {"r", "s"}}),
        ({"b": {"r"}, "c": set()}, ("b",), {"b": {"r"}}),
    ],
    ids=["nobody", "twice", "more roles under another name", "by one name only"],
)
def test_one_person_counts_once_under_all_their_names(
    roles: dict[str, set[str]], cited: tuple[str, ...], people: dict[str, set[str]]
) -> None:
    assert once(roles, _names) == (cited, people)
