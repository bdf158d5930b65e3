"""One value, one digest; and no digest of one kind passes for another."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.canonical import bytes_digest, canonical_bytes, digest, is_digest, rounded

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5), inner,
    max_size=3),
    max_leaves=8,
)  # fmt: skip


def test_keys_are_sorted_and_nothing_is_escaped() -> None:
    assert canonical_bytes({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'.encode()


@settings(max_examples=100, deadline=None)
@given(value=VALUES)
def test_canonical_bytes_keep_the_value_and_forget_the_order(value: Any) -> None:
    data = canonical_bytes(value)
    assert json.loads(data) == value
    if isinstance(value, dict):
        assert canonical_bytes(dict(reversed(value.items()))) == data


@settings(max_examples=100, deadline=None)
@given(one=VALUES, two=VALUES)
def test_equal_bytes_mean_equal_values(one: Any, two: Any) -> None:
    assert (canonical_bytes(one) == canonical_bytes(two)) <= (one == two)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, [math.nan], {"a": math.inf}, "\ud800"], ids=ascii
)
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        canonical_bytes(value)


@pytest.mark.parametrize(
    "value",
    [{1, 2}, b"bytes", object(), {"a": 1j}, {1: 2, "1": 3}],
    ids=["set", "bytes", "object", "complex", "mixed"],
)
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_bytes(value)


def test_the_domain_separates() -> None:
    assert digest("a/v1", "x") != digest("b/v1", "x") != bytes_digest(b'"x"')
    assert digest("a/v1", "x") == "sha256:" + hashlib.sha256(b'ordain:a/v1\n"x"').hexdigest()
    assert is_digest(digest("a/v1", {}))


@pytest.mark.parametrize(
    "text",
    [None, 1, b"sha256:" + b"0" * 64, "", "sha256:", "0" * 64, "sha256:" + "0" * 63, "sha256:" + "0" * 65,
     "sha256:" + "A" * 64, "sha256:" + "g" * 64, "sha512:" + "0" * 64, "SHA256:" + "0" * 64,
     "sha256:" + "0" * 63 + "\n", "sha256:" + "٠" * 64],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_digest(text: object) -> None:
    assert not is_digest(text)


def test_numbers_are_rounded_and_zero_has_no_sign() -> None:
    assert rounded(0.12345678) == 0.123457
    assert rounded(12.345, 1) == 12.3
    assert rounded(3) == 3.0
    assert math.copysign(1, rounded(-1e-9)) == 1
    for number in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="not finite"):
            rounded(number)
