"""Merged requests as values: which review holds, and how a comment is found again."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.people.request import Review, ReviewState, first_line, marked, standing

STATES: tuple[ReviewState, ...] = ("approved", "changes_requested", "dismissed", "commented")


@given(st.lists(st.tuples(st.sampled_from(["", "a", "A", "b"]), st.sampled_from(STATES), st.booleans())))
def test_nobody_approves_whose_last_word_was_another(given_: list[tuple[str, ReviewState, bool]]) -> None:
    reviews = [
        Review(reviewer=login, state=state, commit=None, submitted="", bot=bot)
        for login, state, bot in given_
    ]
    stands = {each.reviewer.casefold(): each for each in standing(reviews)}
    for login in {each.reviewer.casefold() for each in reviews}:
        spoken = [each for each in reviews if each.reviewer.casefold() == login and each.state != "commented"]
        approves = bool(login) and bool(spoken) and spoken[-1].state == "approved" and not spoken[-1].bot
        assert (login in stands) == approves
        assert not approves or stands[login] == spoken[-1]


def test_a_comment_begins_with_its_marker() -> None:
    assert marked("plan", "body", 100) == "<!-- ordain:plan -->\nbody"
    assert marked("plan/production/churn", "b", 100).startswith(first_line("plan/production/churn"))


@given(st.text(max_size=200))
def test_a_comment_is_never_longer_than_allowed(body: str) -> None:
    text = marked("plan", body, 120)
    assert len(text) <= 120
    assert text.startswith(f"{first_line('plan')}\n")
    assert text.endswith(body) or "cut" in text


def test_no_marker_begins_with_another() -> None:
    markers = ["plan", "plan2", "plan/a", "pla"]
    for one, other in itertools.permutations(markers, 2):
        assert not marked(one, "", 100).startswith(first_line(other))


@pytest.mark.parametrize("marker", ["", "Plan", "a b", "-->", "a\n", "-a", "a-", "x" * 101, "é"])
def test_what_is_no_marker(marker: str) -> None:
    with pytest.raises(ValueError, match="not a marker"):
        marked(marker, "body", 100)
