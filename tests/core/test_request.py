"""Merged requests as values: which review holds, and how a comment is found again."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.people.request import (
    Draft,
    Review,
    ReviewState,
    Section,
    first_line,
    marked,
    shortened,
    standing,
    utf16,
)

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


@given(st.text(max_size=200), st.integers(-5, 200), st.sampled_from([len, utf16]))
def test_what_is_too_long_ends_with_a_line(text: str, longest: int, size: Callable[[str], int]) -> None:
    found = shortened(text, longest, size)
    assert text.startswith(found)
    assert size(found) <= max(longest, 0)
    assert found == text or "\n" not in found or text[len(found)] == "\n"


def test_a_size_is_the_forges() -> None:
    assert (utf16("aé█"), utf16("😀"), utf16("\ud800")) == (3, 2, 1)
    assert shortened("😀😀\n😀", 4, utf16) == shortened("😀😀\n😀", 3) == "😀😀"
    assert len(marked("plan", "😀" * 99, 120, utf16)) < len(marked("plan", "😀" * 99, 120))


def draft(*texts: str, body: str = "It drifted.") -> Draft:
    sections = tuple(Section(name=f"part {at}", text=text) for at, text in enumerate(texts))
    return Draft(branch="b", base="main", title="t", body=body, sections=sections, whole="`a.json`")


def test_a_request_says_all_or_names_what_it_leaves_out() -> None:
    assert draft("one", "two").text(2000) == "It drifted.\n\none\n\ntwo"
    told = draft("one", "2" * 2000, "three").text(2000)
    assert told.startswith("It drifted.\n\none\n\nthree\n\n*")
    assert told.endswith("is left out (part 1): whole in `a.json`.*")
    assert "(part 0, part 1, part 2, part 3, part 4 and 4 more)" in draft(*["x" * 2000] * 9).text(2000)
    assert "left out: whole in" in draft(body="x\n" * 2000).text(2000)


@given(st.lists(st.text(max_size=900), max_size=9), st.text(max_size=3000), st.sampled_from([len, utf16]))
def test_a_request_is_never_longer_than_allowed(
    texts: list[str], body: str, size: Callable[[str], int]
) -> None:
    assert size(draft(*texts, body=body).text(2000, size)) <= 2000


def test_no_marker_begins_with_another() -> None:
    markers = ["plan", "plan2", "plan/a", "pla"]
    for one, other in itertools.permutations(markers, 2):
        assert not marked(one, "", 100).startswith(first_line(other))


@pytest.mark.parametrize("marker", ["", "Plan", "a b", "-->", "a\n", "-a", "a-", "x" * 101, "é"])
def test_what_is_no_marker(marker: str) -> None:
    with pytest.raises(ValueError, match="not a marker"):
        marked(marker, "body", 100)
