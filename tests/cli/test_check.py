"""`ordain check` at the terminal: what it prints, and its exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ordain._version import __version__
from ordain.cli.main import main
from ordain.core.pipelines.pipeline import context_of, pipeline_files
from ordain.core.state.instance import read_instance


@pytest.fixture
def repository(tmp_path: Path, state_files: dict[str, bytes]) -> Path:
    generated = pipeline_files(read_instance(state_files), context_of({}, __version__))
    for path, data in {**state_files, **generated, "data/churn.csv": b"a\n"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    return tmp_path


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["check", *words])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def spoil(root: Path) -> None:
    models = root / "models.yaml"
    text = models.read_text().replace("replicas:", "replica:").replace('"Yes"\n', "Yes\n", 1)
    models.write_text(text)
    (root / "environments/staging.yaml").unlink()
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("xgboost.", "xgboots."))


def test_no_problem_is_one_line_and_zero(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-C", str(repository)) == 0
    said, *notes = capsys.readouterr().out.splitlines()
    assert said == "no problems: 5 files, 1 model, 2 environments, 0 releases"
    assert all("placeholder" in note for note in notes[::2])
    assert run("-C", str(repository), "--quiet") == 0
    assert capsys.readouterr().out == ""


def test_an_image_that_was_never_named_is_a_note(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = repository / "environments/production.yaml"
    place.write_text(re.sub("sha256:[0-9a-f]{64}", "sha256:" + "1" * 64, place.read_text()))
    assert run("-C", str(repository)) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("no problems: ")
    assert said[1].startswith("note: environments/staging.yaml:")
    assert "runtime.image  the image is a placeholder" in said[1]
    assert run("-C", str(repository), "--json") == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert (note["key"], note["code"]) == ("runtime.image", "placeholder-image")


def test_problems_are_grouped_by_file_with_place_key_and_cure(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(repository)
    assert run("-C", str(repository)) == 1
    expected = """\
environments/production.yaml
  environments/production.yaml:7:16  promotes_from  there is no environment `staging`
      add environments/staging.yaml

models.yaml
  models.yaml:12:17  models.churn.data.positive  YAML reads a bare Yes as true
      write "Yes" for the text, or true for the boolean
  models.yaml:30:7  models.churn.deploy.replica  unknown key `replica`
      did you mean `replicas`?

params.yaml
  params.yaml:8:18  candidates.churn.boosted-trees.estimator  `xgboots` is none of sklearn and xgboost
      did you mean `xgboost`?

policy.yaml
  policy.yaml:18:20  rules[0].environments[0]  there is no environment `staging`
      remove it, or add what it names

5 problems (4 files, 0 models, 0 environments, 0 releases)
"""
    assert capsys.readouterr().out == expected
    assert run("-C", str(repository), "--quiet") == 1
    assert capsys.readouterr().out == expected


def test_a_problem_with_a_whole_file_has_no_line(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "dvc.yaml").unlink()
    assert run("-C", str(repository)) == 1
    assert capsys.readouterr().out.startswith(
        "dvc.yaml\n  dvc.yaml  is missing: models.yaml and params.yaml ask for it\n      ordain generate\n\n"
        "1 problem (5 files, 1 model, 2 environments, 0 releases)\n"
    )


def test_json_holds_every_field(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-C", str(repository), "--json") == 0
    counts = {"files": 5, "models": 1, "environments": 2, "releases": 0}
    found = json.loads(capsys.readouterr().out)
    assert {each["code"] for each in found.pop("notes")} == {"placeholder-image"}
    assert found == {"ok": True, "problems": [], **counts}
    spoil(repository)
    assert run("-C", str(repository), "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert not answer["ok"]
    assert answer["problems"][2] == {
        "file": "models.yaml",
        "line": 30,
        "column": 7,
        "key": "models.churn.deploy.replica",
        "message": "unknown key `replica`",
        "suggestion": "did you mean `replicas`?",
        "code": "unknown-key",
    }


def test_an_absent_folder_is_an_error_and_an_unknown_option_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-C", str(tmp_path / "absent")) == 1
    assert "no such folder" in capsys.readouterr().err
    assert run("--nonsense") == 64
