"""What is kept of how long stages took, and what a plan makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.pipelines.durations import Durations, decode, encode, forecast
from ordain.core.pipelines.stale import Stale
from ordain.errors import UserError

names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=10)


@given(st.dictionaries(names, st.floats(0, 10**6)))
def test_what_is_written_is_read(stages: dict[str, float]) -> None:
    kept = Durations().updated(stages, stages, "l")
    assert decode(encode(kept)) == kept


@given(st.binary(max_size=60))
def test_anything_else_is_one_clear_error(data: bytes) -> None:
    try:
        decode(data)
    except UserError as error:
        assert error.fix == "rm durations.yaml, then: ordain run"  # noqa: PT017 - either is fine, a crash is not


@pytest.mark.parametrize("data", [b"[]", b"stages: {a: -1}", b"stages: {a: .nan}", b"{", b"stages: {a: b}"])
def test_a_damaged_file_says_so(data: bytes) -> None:
    with pytest.raises(UserError, match="not a record of durations"):
        decode(data)


def test_nothing_is_known_before_the_first_run() -> None:
    assert decode(b"") == Durations()


def test_stages_that_are_gone_are_forgotten_and_others_kept() -> None:
    before = Durations(lock="old", stages={"a": 1.0, "b": 2.0, "gone": 9.0})
    after = before.updated({"b": 3.04}, {"a", "b"}, "new")
    assert after == Durations(lock="new", stages={"a": 1.0, "b": 3.0})


def test_running_the_same_again_changes_nothing() -> None:
    before = Durations(lock="same", stages={"a": 1.0})
    assert before.updated({"a": 7.0}, {"a", "b"}, "same") == before
    assert before.updated({"a": 7.0, "b": 2.0}, {"a", "b"}, "same").stages == {"a": 1.0, "b": 2.0}


def test_a_forecast_adds_what_is_known_and_names_the_rest() -> None:
    behind = Stale(model="m", stages=("a", "b", "c"), causes=())
    told = forecast(behind, Durations(stages={"a": 1.5, "b": 2.0, "other": 9.0}), ("staging",))
    assert (told.seconds, told.unknown, told.environments) == (3.5, ("c",), ("staging",))
    assert forecast(behind, Durations(), ()).seconds is None
