"""Reading YAML: every value with its place, every trap as a problem, never an exception."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ordain.core.yaml.yamldoc import MAX_BYTES, MAX_DEPTH, Document, dotted, read_yaml
from ordain.core.yaml.yamltext import MAX_PROBLEMS, Place


def read(text: str) -> Document:
    return read_yaml("x.yaml", text.encode())


def faults(text: str) -> list[tuple[int, int, str, str]]:
    return [(p.line, p.column, p.key, p.code) for p in read(text).problems]


def only(text: str) -> tuple[int, int, str, str]:
    (fault,) = faults(text)
    return fault


def test_values_and_their_places() -> None:
    document = read('a: 1\nb:\n  - x\n  - {c: 2.5, d: "Yes", e: ~, f: true, g: -7}\n')
    assert document.problems == ()
    assert document.complete
    assert document.value == {
        "a": 1,
        "b": ["x", {"c": 2.5, "d": "Yes", "e": None, "f": True, "g": -7}],
    }
    assert document.place(("a",)) == Place(1, 4)
    assert document.key_place(("b", 1, "d")) == Place(4, 14)
    assert document.place(("b", 1, "d")) == Place(4, 17)
    assert document.place(("b", 9, "z")) == document.place(("b",))
    assert document.key_place(("b", 0)) == Place(2, 1)
    assert document.key_place(()) == Place(1, 1)
    assert document.plain["b", 0] == "x"
    assert ("b", 1, "d") not in document.plain


def test_a_document_that_was_not_read_has_no_places() -> None:
    assert Document(file="x").place(("a",)) == (0, 0)
    assert Document(file="x").key_place(("a",)) == (0, 0)


def test_columns_count_characters_and_a_byte_order_mark_counts_nothing() -> None:
    assert read("\ufeffé: ü\n").place(("é",)) == Place(1, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [1\n", (3, 1, "", "yaml-syntax")),
        ("a: b: c", (1, 5, "", "yaml-syntax")),
        ("a:\n\t- b\n", (2, 1, "", "tab")),
        ("a:\n  b: 1\n \tc: 2\n", (3, 2, "", "tab")),
        ("a: 1\nb: 2\na: 3\n", (3, 1, "a", "duplicate-key")),
        ("a: {b: 1, b: 1}", (1, 11, "a.b", "duplicate-key")),
        ("a: 1\n<<<<<<< ours\nb: 2\n=======\nb: 3\n>>>>>>> theirs\n", (2, 1, "", "merge-conflict")),
        ("a: 1\r\n<<<<<<< ours\r\nb: 2\r\n", (2, 1, "", "merge-conflict")),
        ("a: 1\n=======\nb: 3\n", (2, 1, "", "merge-conflict")),
        ("a: &x [1]\nb: *x\n", (2, 4, "b", "alias")),
        ("a: &a [*a]\n", (1, 8, "a[0]", "alias")),
        ("a: &x b\n*x : 2\n", (2, 1, "", "alias")),
        ("a: {<<: {b: 1}}\n", (1, 5, 'a."<<"', "merge-key")),
        ("1: a\n", (1, 1, "1", "key-not-text")),
        ("on: a\n", (1, 1, "on", "key-not-text")),
        ("~: a\n", (1, 1, '"~"', "key-not-text")),
        ("2026-01-31: a\n", (1, 1, "2026-01-31", "key-not-text")),
        ('"a\\u202eb": 1\n', (1, 1, '"a\\u202eb"', "key-not-text")),
        ("? [a]\n: b\n", (1, 3, "", "key-not-text")),
        ("? {a: b}\n: b\n", (1, 3, "", "key-not-text")),
        ("a: !!python/object/apply:os.system [ls]\n", (1, 4, "a", "yaml-tag")),
        ("a: !!python/name:os.system x\n", (1, 4, "a", "yaml-tag")),
        ("a: !!timestamp 2026-01-31\n", (1, 4, "a", "yaml-tag")),
        ("a: !secret x\n", (1, 4, "a", "yaml-tag")),
        ("a: !!set {b, c}\n", (1, 4, "a", "yaml-tag")),
        ("a: 1\n---\nb: 2\n", (2, 1, "", "several-documents")),
        ("a: Yes\n", (1, 4, "a", "bare-boolean")),
        ("a: [No]\n", (1, 5, "a[0]", "bare-boolean")),
        ("a: off\n", (1, 4, "a", "bare-boolean")),
        ("a: 1e-5\n", (1, 4, "a", "number-as-text")),
        ("a: 0o17\n", (1, 4, "a", "number-as-text")),
        ("a: 09\n", (1, 4, "a", "number-as-text")),
        ("a: 1e999999999\n", (1, 4, "a", "number-as-text")),
        ("a: 010\n", (1, 4, "a", "ambiguous-number")),
        ("a: 0x1F\n", (1, 4, "a", "ambiguous-number")),
        ("a: 1_000\n", (1, 4, "a", "ambiguous-number")),
        ("a: 12:30\n", (1, 4, "a", "ambiguous-number")),
        ("a: 1_0.5\n", (1, 4, "a", "ambiguous-number")),
        ("a: 9223372036854775808\n", (1, 4, "a", "number-too-large")),
        (f"a: {'9' * 6000}\n", (1, 4, "a", "number-too-large")),
        ("a: .nan\n", (1, 4, "a", "not-finite")),
        ("a: -.inf\n", (1, 4, "a", "not-finite")),
        ("a: 1.0e+999\n", (1, 4, "a", "not-finite")),
        ("a: 2026-01-31\n", (1, 4, "a", "bare-date")),
        ("a: 2026-01-31 10:00:00\n", (1, 4, "a", "bare-date")),
        ('a: "x\\u0007"\n', (1, 4, "a", "hidden-character")),
        ('a: "x\\u202ey"\n', (1, 4, "a", "hidden-character")),
        ("a: x\u202ey\n", (1, 5, "", "hidden-character")),
        ("a: 1 # harmless\u2028b: 2\n", (1, 16, "", "hidden-character")),
        ("a: 1 # harmless\rb: 2\n", (1, 16, "", "hidden-character")),
        ("a: \x00\n", (1, 4, "", "hidden-character")),
        ('a: "\\ud800"\n', (1, 7, "", "yaml-syntax")),
        ("a: \ufffe\n", (0, 0, "", "yaml-syntax")),
    ],
)
def test_each_trap_is_one_problem(text: str, expected: tuple[int, int, str, str]) -> None:
    assert only(text) == expected


def test_what_both_yaml_versions_read_alike_is_fine() -> None:
    text = 'a: [1.0e-5, 1.5, -3, +4, .5, 5., 0, "1e-5", !!str 7, ! 8, y, n, 1.2.3, a1, "2026-01-31"]\n'
    document = read(text)
    assert document.problems == ()
    expected = [1.0e-5, 1.5, -3, 4, 0.5, 5.0, 0, "1e-5", "7", "8", "y", "n", "1.2.3", "a1", "2026-01-31"]
    assert document.value == {"a": expected}


def test_every_problem_of_a_file_at_once_and_the_rest_is_still_read() -> None:
    document = read("a: Yes\nb: 1e-5\nb: 2\nc: *x\nd: 3\n")
    assert [problem.code for problem in document.problems] == [
        "bare-boolean",
        "number-as-text",
        "duplicate-key",
        "alias",
    ]
    assert document.value == {"a": None, "b": None, "c": None, "d": 3}


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("Yes", 'write "Yes" for the text, or true for the boolean'),
        ("1e-5", 'write 1.0e-5 or 0.00001 or "1e-5" (with quotes it is text)'),
        ("1.5E3", 'write 1.5e+3 or 1500 or "1.5E3" (with quotes it is text)'),
        ("09", 'write 9 or "09" (with quotes it is text)'),
        ("1e400", 'write "1e400" (with quotes it is text)'),
        ("0o17", 'write it in plain decimal digits, or "0o17" for the text'),
        ("0o7651", 'write it in plain decimal digits, or "0o7651" for the text'),
        ("2026-01-31", 'quote it: "2026-01-31"'),
    ],
)
def test_the_suggestion_is_what_to_write(text: str, suggestion: str) -> None:
    (problem,) = read(f"a: {text}\n").problems
    assert problem.suggestion == suggestion
    for way in suggestion.removeprefix("write ").split(" (")[0].split(" or "):
        if suggestion.startswith("write ") and "," not in suggestion:
            assert read(f"a: {way}\n").problems == ()


def test_the_value_of_a_repeated_key_is_read_for_its_own_faults() -> None:
    document = read("a: {x: 1}\na:\n  - Yes\n  - {b: 1}\na: 3\n")
    assert document.value == {"a": {"x": 1}}
    assert [(p.line, p.key, p.code) for p in document.problems] == [
        (2, "a", "duplicate-key"),
        (3, '"a (again)"[0]', "bare-boolean"),
        (5, "a", "duplicate-key"),
    ]


def test_nesting_is_bounded() -> None:
    fine, deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH, "[" * 100_000
    assert read(fine).problems == ()
    assert only(deep) == (1, MAX_DEPTH + 1, "[0]" * (MAX_DEPTH - 1), "too-deep")


def test_an_alias_bomb_costs_nothing() -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    started = time.perf_counter()
    document = read("\n".join(rows))
    assert time.perf_counter() - started < 1
    assert {problem.code for problem in document.problems} == {"alias"}
    assert len(document.problems) == MAX_PROBLEMS
    assert not document.complete


def test_size_and_encoding_are_checked_before_parsing() -> None:
    (large,) = read_yaml("x.yaml", b"#" * (MAX_BYTES + 1)).problems
    assert large.code == "too-large"
    (binary,) = read_yaml("x.yaml", "a: 1\né: ".encode() + b"\xff").problems
    assert (binary.code, binary.line, binary.column) == ("not-utf-8", 2, 4)


def test_an_empty_file_is_complete_and_holds_nothing() -> None:
    document = read("# only a comment\n")
    assert (document.value, document.complete, document.problems) == (None, True, ())


def test_dotted_paths_quote_what_is_no_word() -> None:
    assert (
        dotted(("models", "churn", "quality", 0, "a b", "x\n")) == 'models.churn.quality[0]."a b"."x\\u000a"'
    )


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
@example(b"\xef\xbb\xbf%YAML 1.2\n--- !\n")
@example(b"{{{{?")
def test_no_bytes_crash_it(data: bytes) -> None:
    document = read_yaml("x.yaml", data)
    assert document.complete or document.problems


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp")), max_size=12)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def without_hidden(value: Any) -> bool:
    return all(
        not 0x2028 <= ord(c) <= 0x202E and not 0x2066 <= ord(c) <= 0x2069 and c != "\ufeff"
        for c in str(value)
    )


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=4).filter(without_hidden))
def test_what_is_written_plainly_is_read_back(value: dict[str, Any]) -> None:
    """YAML that another writer makes of plain values means the same here, or is refused, never changed."""
    document = read(yaml.safe_dump(value, allow_unicode=True, width=10_000))
    refused = {problem.code for problem in document.problems}
    assert refused <= {
        "number-as-text",
        "alias",
        "hidden-character",
        "ambiguous-number",
        "merge-key",
        "key-not-text",
    }
    if not refused:
        assert document.value == value


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_refused_number_is_suggested_in_a_spelling_of_the_same_value(number: float) -> None:
    text = f"{number:e}".replace(".0", "", 1) if number == 0 else f"{number!r}"
    document = read(f"a: {text}\n")
    if not document.problems:
        assert math.isclose(document.value["a"], number)
        return
    (problem,) = document.problems
    way = problem.suggestion.removeprefix("write ").split(" or ")[0].split(" (")[0]
    assert read(f"a: {way}\n").value == {"a": number}
