"""What a pin says, and what is different behind a source."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.data import pins
from ordain.core.data.pins import Piece, Pin
from ordain.errors import UserError

URLS = st.from_regex(r"https://h\.example/[a-z0-9/]{1,8}", fullmatch=True)


def pin(content: dict[str, str], mark: str = "") -> Pin:
    return Pin(pieces=tuple(
        Piece(url=url, size=1, sha256=hashlib.sha256(text.encode()).hexdigest(), mark=mark)
        for url, text in sorted(content.items())
    ))  # fmt: skip


CONTENT = st.dictionaries(URLS, st.text(max_size=3), min_size=1, max_size=6)


@given(CONTENT, CONTENT)
def test_two_pins_are_different_exactly_when_their_content_is(
    before: dict[str, str], after: dict[str, str]
) -> None:
    found = pins.difference(pin(before), pin(after))
    assert (found.told == "") == (before == after) == (pin(before).identity == pin(after).identity)
    assert set(found.added) == after.keys() - before.keys()
    assert set(found.removed) == before.keys() - after.keys()


@given(CONTENT)
def test_a_pin_survives_its_file_and_marks_decide_nothing(content: dict[str, str]) -> None:
    made = pin(content, "m")
    assert pins.decode(pins.encode(made), "source.json") == made
    assert made.identity == pin(content).identity
    assert pins.difference(pin(content), made).told == ""


def test_everything_is_new_where_nothing_was_pinned() -> None:
    found = pins.difference(None, pin({f"https://h.example/{n}": "" for n in range(5)}))
    assert found.told.startswith("5 new: https://h.example/0, ")
    assert found.told.endswith("and 2 more")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"\xff", b'{"pieces": []}', b"[" * 10_000, b'{"pieces": [], "odd": 1}']
)
def test_what_is_no_pin_is_named(data: bytes) -> None:
    with pytest.raises(UserError, match="no pin of a source"):
        pins.decode(data, "source.json")


@pytest.mark.parametrize(
    ("piece", "source", "belongs"),
    [
        ("s3://b/x.csv", "s3://b/x.csv", True),
        ("s3://b/x.csv", "s3://b/*.csv", True),
        ("s3://b/[1].csv", "s3://b/[1]*.csv", True),
        ("s3://b/1.csv", "s3://b/[1]*.csv", False),
        ("s3://c/x.csv", "s3://b/*.csv", False),
        ("s3://b/y.csv", "s3://b/x.csv", False),
    ],
)
def test_a_piece_is_one_that_the_url_stands_for(piece: str, source: str, belongs: bool) -> None:
    assert pins.belongs(piece, source) is belongs


def test_its_identity_is_what_the_pieces_hold() -> None:
    one = pin({"https://h.example/a": "x"}, mark="1")
    assert one.identity == pin({"https://h.example/a": "x"}, mark="2").identity
    assert one.identity != pin({"https://h.example/a": "y"}, mark="1").identity
