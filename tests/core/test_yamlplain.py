"""Reading YAML that nobody wrote by hand: whatever the bytes are, an answer or one kind of error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.yaml.yamlplain import MAX_DEPTH, load, load12

DEEP = 200_000  # ends the process where only libyaml looks
ATOMS = st.sampled_from(
    ["a", "1", "&x", "*x", "[", "]", "{", "}", ":", ",", "- ", "\n", "  ", "? ", "|", ">", "!!str ", "!!int ",
     "!!python/object/apply:os.system ", "!!binary ", "!x ", "<<", "---", "...", "#", "'", '"', "\t", "\0",
     "0x", ".nan", "2026-02-30", "é"]
)  # fmt: skip


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: ["])
def test_nesting_is_bounded(opening: str) -> None:
    for text in (opening * DEEP, "stages:\n  " + opening * DEEP):
        with pytest.raises(yaml.YAMLError):
            load(text.encode())
        with pytest.raises(yaml.YAMLError):
            load12(text.encode())
    fine = "[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 1)
    assert str(load(fine.encode())) == fine


def test_aliases_count_as_what_they_stand_for() -> None:
    wide = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]\n" for n in range(1, 30))
    deep = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 5000))
    for text in (wide, deep, "a: &a [*a]", "a: &a {b: *a}", "a: &a [&b [*a], *b]"):
        with pytest.raises(yaml.YAMLError, match="alias"):
            load(text.encode())
    assert load(b"a: &a 1\nb: *a\nc: {d: '&'}") == {"a": 1, "b": 1, "c": {"d": "&"}}
    assert load(b"a: &a [1]\nb: [*a, *a, {c: *a}]") == {"a": [1], "b": [[1], [1], {"c": [1]}]}


@pytest.mark.parametrize(("data", "value"), [(b"", None), (b"a: [1, {b: c}]", {"a": [1, {"b": "c"}]})])
def test_what_is_plain_is_read(data: bytes, value: Any) -> None:
    assert load(data) == value


@pytest.mark.parametrize("data", [b"!!timestamp abc", b"!!bool abc"])
@pytest.mark.parametrize("reader", [load, load12])
def test_a_tag_that_its_value_has_not_is_no_yaml(reader: Callable[[bytes], Any], data: bytes) -> None:
    with pytest.raises(yaml.YAMLError, match="is not what its tag says"):
        reader(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.lists(ATOMS, max_size=14).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_give_a_value_or_an_error_of_two_kinds(data: bytes) -> None:
    for reader in (load, load12):
        try:
            reader(data)
        except (yaml.YAMLError, ValueError):
            continue
