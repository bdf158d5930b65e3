"""Large requests: another form answers only after it has agreed, and only if it is faster."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ordain.runtime import large
from ordain.runtime.admission import Packed
from ordain.runtime.artifact import open_artifact
from ordain.runtime.batch.leafmasks import leaf_masks
from ordain.runtime.large import Codes, Large, numbers_of
from ordain.runtime.model import Identity, Model
from tests.runtime.toy import files, write

ROWS = 100


class Form:
    """Answers as told, and counts how often it is asked."""

    def __init__(self, answers: NDArray[np.float32]) -> None:
        self.texts: dict[int, dict[str, int]] = {0: {"x": 0, "y": 1}}
        self.asked: list[dict[int, list[int]]] = []
        self._answers = answers

    def __call__(self, codes: Any, floats: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
        assert floats.shape == (rows, 4)
        self.asked.append({feature: each.tolist() for feature, each in codes.items()})
        return self._answers


@pytest.fixture
def model(tmp_path: Path) -> Model:
    verified = open_artifact(write(tmp_path, files()), "")
    return Model(Identity(name="toy", version="1", artifact=verified.digest), verified)


JOB = Packed(ROWS, ["x", "Uster", "z", ""] * (ROWS // 2), [1.0, 2, True, None] * ROWS)


def asked(
    model: Model, shift: float, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> tuple[Form, int]:
    """A form whose answers are off by `shift`, after six large requests; and how often the graph answered."""
    wanted = model.run([JOB])
    form = Form(np.array(wanted, dtype=np.float32) + np.float32(shift))
    runs = 0
    run = model.run

    def counting(jobs: Any) -> Any:
        nonlocal runs
        runs += 1
        return run(jobs)

    monkeypatch.setattr(model, "run", counting)
    monkeypatch.setattr(large, "PROOF", 3 * ROWS)
    monkeypatch.setattr(time, "thread_time", lambda: clock.pop(0))
    ours = Large(model, form)  # type: ignore[arg-type]
    for _ in range(6):
        np.testing.assert_allclose(ours.run(JOB), wanted, rtol=0, atol=1e-5)
    return form, runs


FASTER, SLOWER = [0.0, 2.0, 3.0] * 6, [0.0, 1.0, 3.0] * 6


def test_what_agrees_and_is_faster_takes_over(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    form, runs = asked(model, 1e-7, [*FASTER], monkeypatch)
    assert (len(form.asked), runs) == (6, 3)
    assert form.asked[0][0][:3] == [0, 2, 0]


def test_what_is_slower_does_not(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    form, runs = asked(model, 0.0, [*SLOWER], monkeypatch)
    assert (len(form.asked), runs) == (3, 6)


def test_one_answer_apart_and_the_graph_goes_on_alone(
    model: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    form, runs = asked(model, 1e-4, [*FASTER], monkeypatch)
    assert (len(form.asked), runs) == (1, 6)
    assert "does not agree with its graph" in caplog.text


def test_a_model_without_another_form_is_asked_itself(model: Model, tmp_path: Path) -> None:
    assert leaf_masks(open_artifact(write(tmp_path / "toy", files()), "")) is None
    assert Large(model, None).run(JOB) == model.run([JOB])


def test_unknown_values_have_the_place_of_the_unknown() -> None:
    codes = Codes({"x": 0}, ["x", "y"])
    assert [codes[each] for each in ("x", "y", "")] == [0, 1, 1]
    assert codes.keys() == {"x", "y"}


@pytest.mark.parametrize("known", [1, 255, 256, 300])
def test_places_are_the_same_in_bytes_and_in_whole_numbers(known: int) -> None:
    values = [*map(str, range(known)), "other", "0"]
    codes = Codes({str(place): place for place in range(known)})
    assert codes.of(values).tolist() == [*range(known + 1), 0]


SMALL = st.booleans() | st.integers(0, 255)
ANY = st.none() | SMALL | st.integers(-300, 300) | st.floats(width=32)


@given(st.lists(SMALL, min_size=1) | st.lists(ANY, min_size=1))
def test_numbers_are_the_same_in_bytes_and_one_by_one(values: list[float | None]) -> None:
    """Booleans and small whole numbers go another way than fractions, gaps and large numbers."""
    np.testing.assert_array_equal(numbers_of(values), np.array(values, dtype=np.float32))
