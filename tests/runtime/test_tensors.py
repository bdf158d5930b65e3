from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.runtime.refusal import Refusal
from ordain.runtime.tensors import DATATYPES, NUMPY, from_bytes, from_json, to_bytes


@pytest.mark.parametrize("datatype", NUMPY)
def test_every_number_survives_both_forms(datatype: str) -> None:
    kind = np.dtype(NUMPY[datatype])
    values: list[Any]
    if kind.kind in "iu":
        values = [np.iinfo(kind).min, 0, 1, np.iinfo(kind).max]
    else:
        values = [True, False, True, True] if kind.kind == "b" else [-1.5, 0.0, 0.25, 65504.0]
    raw = np.array(values, dtype=kind).tobytes()
    assert from_bytes("t", datatype, [4], raw) == values
    assert from_json("t", datatype, [4], values) == values
    assert from_json("t", datatype, [2, 2], [values[:2], values[2:]]) == values
    with pytest.raises(Refusal, match="bytes instead of"):
        from_bytes("t", datatype, [4], raw[:-1])


def test_brain_floats_are_the_upper_halves_of_32_bits() -> None:
    raw = np.array([1.0, -2.5, np.inf, 0.0], dtype="<f4").view("<u4") >> 16
    assert from_bytes("t", "BF16", [4], raw.astype("<u2").tobytes()) == [1.0, -2.5, np.inf, 0.0]
    assert from_json("t", "BF16", [2], [1.0, None]) == [1.0, None]
    with pytest.raises(Refusal, match="3 bytes instead of 4"):
        from_bytes("t", "BF16", [2], b"abc")


@pytest.mark.parametrize("value", [0, 2**53 + 1, 2**63, 2**64 - 1])
def test_large_whole_numbers_are_exact(value: int) -> None:
    raw = value.to_bytes(8, "little")
    assert from_bytes("t", "UINT64", [1], raw) == from_json("t", "UINT64", [1], [value]) == [value]


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("BOOL", 2), ("BOOL", "x"), ("UINT8", 256), ("UINT8", -1), ("INT8", 128), ("INT64", 2**63),
        ("INT16", 1.5), ("INT16", True), ("FP32", True), ("FP64", "1"), ("BYTES", 1), ("BYTES", []),
        ("UINT64", 2**64), ("UINT64", -1), ("UINT64", 2.0**64), ("BF16", "1"), ("INT32", {}), ("FP16", []),
    ],
)  # fmt: skip
def test_elements_must_fit_the_datatype(datatype: str, value: Any) -> None:
    with pytest.raises(Refusal, match=f"element 0 is no {datatype}|nesting|elements where"):
        from_json("t", datatype, [1], [value])


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ([], [1]), ([-1], [1]), ([2], [1]), ([2, 2], [[1, 2], [3]]), ([2, 2], [[1, 2], 3]), ([1], 1),
        ([1], {"a": 1}), ([1], None), ([2**50], [1]), ([2**30, 2**30], [1]), ([1, 1], [[[1]]]),
    ],
)  # fmt: skip
def test_shape_and_data_must_agree(shape: list[int], data: Any) -> None:
    with pytest.raises(Refusal) as caught:
        from_json("t", "FP32", shape, data)
    assert caught.value.status == 400


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=9), max_size=9))
def test_texts_survive_the_binary_form(values: list[str]) -> None:
    assert from_bytes("t", "BYTES", [len(values)], to_bytes("BYTES", values)) == values


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(DATATYPES), st.lists(st.integers(-2, 5), max_size=3), st.binary(max_size=40))
def test_no_bytes_make_it_crash(datatype: str, shape: list[int], raw: bytes) -> None:
    try:
        assert isinstance(from_bytes("t", datatype, shape, raw), list)
    except Refusal as refusal:
        assert refusal.status == 400  # noqa: PT017 - either outcome is right, a crash is not


def test_outputs_in_the_binary_form() -> None:
    assert to_bytes("FP32", [0.5, 0.25]) == np.array([0.5, 0.25], dtype="<f4").tobytes()
    assert to_bytes("BYTES", ["Yes"]) == b"\x03\x00\x00\x00Yes"
