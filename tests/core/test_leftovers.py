from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.pipelines.leftovers import is_generated, settled_lock, stages_of
from ordain.core.pipelines.pipeline import HEADER

LOCK = """schema: '2.0'
stages:
  train-a:
    cmd: python a
    deps:
    - path: x
      md5: 1
  train-b:
    cmd: python b
  select:
    cmd: python c
"""


def generated(text: str) -> bytes:
    return (HEADER + text).encode()


def test_outputs_of_a_generated_file() -> None:
    text = "stages:\n  a: {outs: [x, y: {cache: false}], metrics: [z: {cache: false}]}\n  b: {cmd: c}\n"
    assert stages_of(generated(text)) == {"a": {"x", "y", "z"}, "b": set()}


@pytest.mark.parametrize(
    "data",
    [
        b"stages: {a: {outs: [x]}}",
        generated("stages: [a]"),
        generated("[a]"),
        generated("stages: {a: 1}"),
        generated("a: [1"),
        generated("[" * 3000),
        generated(""),
        b"",
    ],
)
def test_of_anything_else_nothing_is_taken_for_ours(data: bytes) -> None:
    assert not any(stages_of(data).values())


def test_an_empty_output_is_no_crash() -> None:
    assert stages_of(generated("stages: {a: {outs: [{}]}}")) == {"a": {""}}


def test_a_lock_forgets_stages_line_by_line() -> None:
    settled = settled_lock(LOCK, ["train-a", "select", "new"])
    assert list(yaml.safe_load(settled)["stages"]) == ["train-a", "select"]
    assert settled == LOCK.replace("  train-b:\n    cmd: python b\n", "")


@given(st.lists(st.sampled_from(["train-a", "train-b", "select", "else"]), unique=True))
def test_what_stays_keeps_its_bytes_and_gets_the_order_of_the_pipeline(wanted: list[str]) -> None:
    settled = settled_lock(LOCK, wanted)
    stages = yaml.safe_load(settled)["stages"]
    assert list(stages) == [each for each in wanted if each != "else"]
    assert all(stages[name] == yaml.safe_load(LOCK)["stages"][name] for name in stages)
    assert settled_lock(settled, wanted) == settled


def test_a_settled_lock_stays_as_it_is() -> None:
    assert settled_lock(LOCK, ["train-a", "train-b", "select"]) == LOCK
    empty = settled_lock(LOCK, [])
    assert yaml.safe_load(empty) == {"schema": "2.0", "stages": {}}
    assert settled_lock(empty, ["a"]) == empty


def test_text_over_several_lines_stays_with_its_stage() -> None:
    odd = LOCK.replace("python a", '"one\n\n      two\u2028"')
    assert settled_lock(odd, ["train-a", "train-b", "select"]) == odd
    assert '"one\n\n      two' not in settled_lock(odd, ["select"])


@pytest.mark.parametrize("text", ["", "<<<<<<< ours\n" + LOCK, "[1"])
def test_what_is_no_lock_is_left_to_dvc(text: str) -> None:
    assert settled_lock(text, ["select"]) == text


def test_the_header_says_who_wrote_it() -> None:
    assert is_generated(generated("x"))
    assert not is_generated(b"# mine\n" + generated("x"))
