"""The reference profile: dimensions that are standard over the reference, and a file that is what it says."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.artifacts.profile import (
    Categories,
    Fold,
    Numbers,
    Profile,
    decode,
    dimensions,
    encode,
    pairs,
)
from ordain.errors import UserError

PRICE = Numbers(edges=(1.0, 2.0), counts=(10, 20, 10))
PLAN = Categories(categories={"x": 20, "y": 15, "z": 5})


def profile(**more: object) -> Profile:
    count = len(dimensions({"price": PRICE, "plan": PLAN}))
    fold = Fold(rows=20, means=(0.0,) * count, products=(0.0,) * len(pairs(count)))
    facts: dict[str, object] = {
        "version": 2, "rows": 40, "answer_rows": 10, "features": {"price": PRICE, "plan": PLAN},
        "answers": {"prediction": Numbers(edges=(), counts=(10,))}, "target": PRICE,
        "coded": ("price", "plan"), "joint": (fold, fold),
    }  # fmt: skip
    return Profile(**{**facts, **more})  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 50), min_size=2, max_size=10))
def test_dimensions_of_numbers_are_standard(counts: list[int]) -> None:
    made = dimensions({"n": Numbers(edges=tuple(map(float, range(len(counts) - 1))), counts=tuple(counts))})
    if sum(1 for each in counts if each) < 2:
        assert made == ()
        return
    (one,) = made
    assert len(one.values) == len(counts) + 2
    assert one.values[-2:] == (0.0, 0.0)
    check(one.values, counts)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=8), st.integers(0, 9))
def test_dimensions_of_categories_are_standard(categories: dict[str, int], other: int) -> None:
    for one in dimensions({"c": Categories(categories=categories, other=other)}):
        assert len(one.values) == len(categories) + 2
        assert one.values[-1] == 0
        check(one.values, [*categories.values(), other])


def check(values: tuple[float, ...], counts: list[int]) -> None:
    cells = list(zip(values, counts, strict=False))
    assert math.fsum(v * c for v, c in cells) / sum(counts) == pytest.approx(0, abs=1e-9)
    assert math.fsum(v * v * c for v, c in cells) / sum(counts) == pytest.approx(1)


def test_the_last_of_all_categories_says_nothing_new() -> None:
    assert [each.of for each in dimensions({"plan": PLAN})] == ["x", "y"]
    assert len(dimensions({str(place): PLAN for place in range(60)})) == 48


def test_a_profile_survives_its_file() -> None:
    assert decode(encode(profile())) == profile()
    assert encode(profile()) == encode(profile())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\xff",
        encode(profile(features={"price": Numbers(edges=(2.0, 1.0), counts=(1, 2, 3)), "plan": PLAN})),
        encode(profile(features={"price": Numbers(edges=(1.0,), counts=(1, 2, 3)), "plan": PLAN})),
        encode(profile(coded=("price",))),
        encode(profile(coded=("nothing",))),
        encode(profile()).replace(b'"version":2', b'"version":1'),
    ],
)
def test_what_is_no_profile_is_refused(data: bytes) -> None:
    with pytest.raises(UserError, match="of no use") as refused:
        decode(data)
    assert "ordain run" in refused.value.fix


def test_a_profile_never_holds_nan() -> None:
    assert b"null" in msgspec.json.encode({"x": float("nan")})
    with pytest.raises(UserError):
        decode(encode(profile()).replace(b'"means":[0.0', b'"means":[null', 1))
