"""The frame of a stage script: typed parameters, exit codes, words for people, times on the side."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ordain.adapters.stage import TIMINGS, Stage, run
from ordain.errors import RetryLater, UserError


class Params(msgspec.Struct):
    seed: int


def left(
    folder: Path, work: Callable[[Stage], None], name: str = "split", *arguments: str
) -> tuple[int, str]:
    folder.mkdir(parents=True, exist_ok=True)
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stderr(said), pytest.raises(SystemExit) as gone:
        run(name, work, ["--root", "../..", *arguments])
    return int(str(gone.value.code)), said.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "pipelines/churn"


def test_success_writes_a_time_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    assert left(folder, lambda stage: stage.write_json("x.json", {"b": 1, "a": "é"})) == (0, "")
    assert (folder / "x.json").read_text("utf-8") == '{\n  "a": "é",\n  "b": 1\n}\n'
    line = json.loads((tmp_path / TIMINGS).read_text("utf-8"))
    assert (line["model"], line["stage"], line["candidate"]) == ("churn", "split", "")


def test_a_user_error_says_model_stage_and_candidate(folder: Path, tmp_path: Path) -> None:
    def work(stage: Stage) -> None:
        raise UserError("it is wrong", where="x.json", fix="mend it")

    code, said = left(folder, work, "train", "--candidate", "forest")
    assert code == 1
    assert said == "error: churn / train / forest / x.json: it is wrong\n  fix: mend it\n"
    assert not (tmp_path / TIMINGS).exists()


def test_an_error_without_place_or_fix_is_one_line(folder: Path) -> None:
    def work(stage: Stage) -> None:
        raise UserError("it is wrong")

    assert left(folder, work) == (1, "error: churn / split: it is wrong\n")


def test_a_busy_party_has_its_own_exit_code(folder: Path) -> None:
    def work(stage: Stage) -> None:
        raise RetryLater("the host is away")

    assert left(folder, work) == (75, "later: churn / split: the host is away\n")


@pytest.mark.parametrize("text", ["seed: x\n", "[", "", "other: 1\n"])
def test_parameters_of_another_form_are_refused(text: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "params.yaml").write_text(text, "utf-8")
    code, said = left(folder, lambda stage: print(stage.params(Params)))
    assert code == 1
    assert "ordain run" in said


def test_damaged_records_are_refused(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "x.json").write_text("{", "utf-8")
    code, said = left(folder, lambda stage: print(stage.read_json("x.json")))
    assert code == 1
    assert "not whole JSON" in said


def test_a_time_that_cannot_be_kept_fails_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / ".ordain").write_text("a file in the way", "utf-8")
    code, said = left(folder, lambda stage: None)
    assert code == 0
    assert "time was not kept" in said


def test_a_missing_candidate_is_wrong_usage(folder: Path) -> None:
    assert left(folder, lambda stage: None, "train")[0] == 2
