"""What headings say, and the names that columns get."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.setup import headings
from ordain.core.specs.lookalikes import look
from ordain.core.specs.parts import COLUMN_PATTERN, LETTERS


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("CustomerID", "customer_id"),
        ("customer-id", "customer_id"),
        ("Customer Id", "customer_id"),
        ("HTTPStatusCode", "http_status_code"),
        ("petal length (cm)", "petal_length_cm"),
        ("Größe", "grosse"),
        ("código.postal", "codigo_postal"),
        ("年齢", "年齢"),
        ("__proto__", "proto"),
        ("", ""),
    ],
)
def test_a_heading_is_read_as_words(heading: str, words: str) -> None:
    assert headings.words(heading) == words


@pytest.mark.parametrize(
    "heading", ["valid", "paid", "identity", "keyboard", "monthly", "idea", "PhoneService"]
)
def test_words_that_hold_other_words(heading: str) -> None:
    says = (
        headings.is_key,
        headings.is_numbering,
        headings.is_sensitive,
        headings.is_personal,
        headings.is_code,
    )
    assert not any(each(heading) for each in says)


def test_names_follow_headings_as_far_as_a_contract_can_hold_them() -> None:
    found = headings.fitted(
        ["Größe", "年齢", "a/b", "1st", "x", "x", "x_2", "", " y ", 'a "b"', "__proto__", "😀", "שלום"]
    )
    wanted = [
        "Größe",
        "年齢",
        "a/b",
        "1st",
        "x",
        "x_3",
        "x_2",
        "column_8",
        "y",
        "a _b",
        "proto",
        "column_12",
        "column_13",
    ]
    assert found == wanted


def test_letters_with_accents_apart_are_composed() -> None:
    assert headings.fitted([unicodedata.normalize("NFD", "Größe")]) == ["Größe"]
    assert headings.fitted(["Größe (m²)", "Ｙ"]) == ["Größe (m2)", "Y"]


def test_names_that_look_alike_are_told_apart() -> None:
    assert headings.fitted(["age", "аge", "口", "ロ"]) == ["age", "аge_2", "口", "ロ_2"]


def test_letters_are_letters_that_read_from_left_to_right() -> None:
    allowed = [each for each in map(chr, range(0x110000)) if re.match(f"[{LETTERS}]", each)]
    assert len(allowed) > 20_000
    for each in allowed:
        assert unicodedata.category(each).startswith("L")
        assert unicodedata.bidirectional(each) == "L"
        assert unicodedata.normalize("NFC", each) == each


@given(st.lists(st.text(max_size=80), max_size=12))
def test_any_headings_become_different_names(given_headings: list[str]) -> None:
    names = headings.fitted(given_headings)
    assert len(set(map(look, names))) == len(names) == len(given_headings)
    assert all(re.search(COLUMN_PATTERN, each) for each in names)
    assert headings.fitted(names) == names


@given(st.text(max_size=80))
def test_a_name_that_will_do_stays(heading: str) -> None:
    if re.search(COLUMN_PATTERN, heading):
        assert headings.fitted([heading]) == [heading]
