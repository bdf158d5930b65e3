"""Problems as SARIF: read back by an independent implementation, each on its line."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sarif_pydantic import Sarif  # type: ignore[import-untyped]

from ordain.cli.check import command
from ordain.core.problems import Problem
from ordain.core.reports.sarif import sarif

PROBLEM = Problem(
    file="environments/a b.yaml", line=3, column=5, key="models.churn", message="no such model",
    suggestion="did you mean `chum`?", code="unknown-model",
)  # fmt: skip
WHOLE = Problem(file="policy.yaml", message="there is no policy.yaml", code="missing-file")
texts = st.text(max_size=20)
problems = st.builds(
    Problem, file=texts, line=st.integers(0, 9), column=st.integers(0, 9), key=texts, message=texts,
    suggestion=texts, code=st.sampled_from(["unknown-key", "missing-file"]),
)  # fmt: skip


def test_a_note_is_no_error() -> None:
    (run,) = sarif([PROBLEM], "1.0.0", [WHOLE])["runs"]
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        ("unknown-model", "error"), ("missing-file", "note"),
    ]  # fmt: skip


def test_a_problem_is_on_its_line() -> None:
    (run,) = sarif([PROBLEM, WHOLE], "1.0.0")["runs"]
    first, second = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "environments/a%20b.yaml", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 3, "startColumn": 5}
    assert first["message"]["text"] == "models.churn: no such model\ndid you mean `chum`?"
    assert second["locations"][0]["physicalLocation"]["region"]["startLine"] == 1
    assert second["message"]["text"] == "there is no policy.yaml"
    names = [each["id"] for each in run["tool"]["driver"]["rules"]]
    assert names == ["missing-file", "unknown-model"]
    assert [names[each["ruleIndex"]] for each in run["results"]] == ["unknown-model", "missing-file"]


def test_a_problem_that_moves_is_the_same_one() -> None:
    moved = Problem(**{name: getattr(PROBLEM, name) for name in PROBLEM.__struct_fields__} | {"line": 9})
    prints = [
        each["partialFingerprints"] for each in sarif([PROBLEM, moved, WHOLE], "1")["runs"][0]["results"]
    ]
    assert prints[0] == prints[1] != prints[2]


@given(st.lists(problems, max_size=3))
def test_others_can_read_it(found: list[Problem]) -> None:
    log = Sarif.model_validate_json(json.dumps(sarif(found, "1.0.0")))
    assert len(log.runs[0].results or []) == len(found)


def test_the_verb(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("version: 1\nmodles: {}\n")
    done = CliRunner().invoke(command, ["-C", str(tmp_path), "--format", "sarif"], standalone_mode=False)
    assert done.return_value == 1
    results = json.loads(done.output)["runs"][0]["results"]
    assert {"unknown-key", "missing-file"} <= {each["ruleId"] for each in results}
