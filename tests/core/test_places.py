"""Where a ledger lies, by its own approved policies."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ordain.core.ledger.ledger import POLICY_TARGET, Record
from ordain.core.ledger.places import Found, Place, governing, place_of, reigns, remembered_as, standing
from tests.core.fleet import POLICY
from tests.core.test_ledger import A, B, decision, entry

MAIN = Place(base="main", ledger="main")
TRUNK = Place(base="trunk", ledger="trunk")
LIVE, NEXT = Place(base="main", ledger="live"), Place(base="main", ledger="next")


def records(count: int) -> tuple[Record, ...]:
    return tuple(Record(path="", digest=f"{n}", key="", entry=entry(n)) for n in range(1, count + 1))


def found(place: Place, count: int, *named: Place) -> Found:
    return Found(place=place, records=records(count), named=named)


@pytest.mark.parametrize(
    ("forge", "place", "one"), [("local", MAIN, True), ("github", LIVE, False), ("gitlab", LIVE, False)]
)
def test_a_policy_names_two_branches(forge: str, place: Place, one: bool) -> None:
    policy = replace(POLICY, forge=forge)
    assert place_of(policy) == place
    assert place_of(policy).one == one


def test_a_ledger_that_does_not_say_that_it_lies_there_does_not() -> None:
    stray = found(TRUNK, 9, MAIN)
    assert standing([stray]) is None
    assert standing([stray, found(MAIN, 1, MAIN)]) == found(MAIN, 1, MAIN)


def test_the_longest_counts_and_of_equals_the_one_that_the_newest_policy_names() -> None:
    left, kept = found(LIVE, 3, LIVE, NEXT), found(NEXT, 4, LIVE, NEXT)
    assert standing([left, kept]) == standing([kept, left]) == kept
    copied = found(NEXT, 3, LIVE, NEXT)
    assert standing([left, copied]) == standing([copied, left]) == copied
    assert standing([left, found(NEXT, 2, LIVE)]) == left


def test_policies_in_their_order() -> None:
    assert reigns((), "c0") == ("c0",)
    change = decision(B, POLICY_TARGET)
    one, two = entry(1, policy_source="c0"), entry(2, change, policy_source="c0")
    chain = [Record(path="", digest=A, key="", entry=each) for each in (one, two)]
    assert reigns(chain[:1], "c0") == ("c0",)
    assert reigns(chain, "c0") == ("c0", two.source)


def test_the_newest_base_branch_that_is_there_governs() -> None:
    assert governing((MAIN, TRUNK), {"main": "c1", "trunk": "c2"}) == "trunk"
    assert governing((MAIN, TRUNK), {"main": "c1"}) == "main"
    assert governing((MAIN, TRUNK), {}) is None


@pytest.mark.parametrize(
    ("address", "branch", "place"),
    [
        ("", None, "g"),
        ("", "live", "g in #live"),
        ("/srv/deploy.git", None, "g in /srv/deploy.git"),
        ("file:///srv/deploy.git/", None, "g in /srv/deploy.git"),
        ("/", None, "g in /"),
        ("git@forge.example:acme/deploy.git", "live", "g in https://forge.example/acme/deploy#live"),
        ("ssh://git@forge.example:22/acme/deploy/", "live", "g in https://forge.example/acme/deploy#live"),
        ("https://forge.example/acme/deploy", "live", "g in https://forge.example/acme/deploy#live"),
    ],
)
def test_a_ledger_is_remembered_by_where_it_is_and_not_by_how_that_was_written(
    address: str, branch: str | None, place: str
) -> None:
    assert remembered_as("g", address, branch) == place
