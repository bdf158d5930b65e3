from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.pipelines.looks import Looks, decode, encode
from ordain.errors import UserError

A, B, C = ("sha256:" + each * 64 for each in "abc")


def test_a_look_is_one_artifact_on_one_holdout() -> None:
    looks = Looks().with_look(A, B).with_look(A, C).with_look(A, B).with_look(B, B)
    assert looks.holdouts == {A: (B, C), B: (B,)}
    assert [looks.count(each) for each in (A, B, C)] == [2, 1, 0]


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.sampled_from([A, B, C]))))
def test_the_file_comes_back_as_it_was_and_order_of_looks_is_kept(pairs: list[tuple[str, str]]) -> None:
    looks = Looks()
    for holdout, artifact in pairs:
        looks = looks.with_look(holdout, artifact)
    assert decode(encode(looks)) == looks
    assert sum(map(looks.count, (A, B, C))) == len(set(pairs))


def test_no_bytes_are_no_looks() -> None:
    assert decode(b"") == Looks()
    assert encode(Looks()).startswith(b"# Which artifacts")


@pytest.mark.parametrize(
    "data",
    [
        b"version: 2\n",
        b"holdouts: {churn: []}\n",
        b"<<<<<<< ours\nversion: 1\n",
        b"[" * 5000,
        b"\xff\xff",
        b"holdouts: {" + A.encode() + b": [x]}",
        b"version: 1\nmore: 1\n",
    ],
)
def test_anything_else_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(UserError) as caught:
        decode(data, "pipelines/churn/holdout-looks.yaml")
    assert caught.value.where == "pipelines/churn/holdout-looks.yaml"
    assert "git checkout" in caught.value.fix
