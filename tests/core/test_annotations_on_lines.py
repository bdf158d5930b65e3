"""Problems as workflow commands of GitHub and as a code quality report of GitLab: on their lines, no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ordain.cli.check import command
from ordain.core.escaping import visible
from ordain.core.problems import Problem
from ordain.core.reports.annotations import code_quality, commands

PROBLEM = Problem(
    file="environments/a,b.yaml", line=3, column=5, key="models.churn", message="100% wrong",
    suggestion="did you mean `chum`?", code="unknown-model",
)  # fmt: skip
WHOLE = Problem(file="policy.yaml", message="there is no policy.yaml", code="missing-file")
HOSTILE = (
    "\n::add-mask::e",
    "\r::set-env name=PATH::x",
    "x,line=9",
    "x::y",
    "##[add-path]x",
    "%0A::debug::x",
    "\x1b[2J",
)
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
problems = st.builds(
    Problem, file=texts, line=st.integers(0, 9), column=st.integers(0, 9), key=texts, message=texts,
    suggestion=texts, code=st.sampled_from(["unknown-key", "missing-file"]),
)  # fmt: skip


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A line as a runner takes it: what stands before the second `::` is command and properties."""
    assert line.startswith("::")
    head, _, data = line[2:].partition("::")
    name, _, told = head.partition(" ")
    properties = dict(each.split("=", 1) for each in told.split(","))
    codes = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}

    def plain(text: str, names: tuple[str, ...]) -> str:
        for each in names:
            text = text.replace(each, codes[each])
        return text

    told_back = {key: plain(value, tuple(codes)) for key, value in properties.items()}
    return name, told_back, plain(data, ("%0D", "%0A", "%25"))


def test_a_problem_is_on_its_line() -> None:
    first, second = map(parsed, commands([PROBLEM], [WHOLE]))
    assert first == (
        "error",
        {"file": "environments/a,b.yaml", "line": "3", "col": "5", "title": "unknown-model"},
        "models.churn: 100% wrong\ndid you mean `chum`?",
    )
    assert second == ("notice", {"file": "policy.yaml", "line": "1", "title": "missing-file"}, WHOLE.message)


def test_a_code_quality_report_has_every_field() -> None:
    first, second = code_quality([PROBLEM], [WHOLE])
    assert first["location"] == {"path": "environments/a,b.yaml", "lines": {"begin": 3}}
    assert (first["check_name"], first["severity"]) == ("unknown-model", "major")
    assert (second["location"]["lines"]["begin"], second["severity"]) == (1, "info")
    assert first["fingerprint"] != second["fingerprint"]
    assert code_quality([]) == []


@given(st.lists(problems, max_size=5))
def test_no_text_ends_a_command_or_begins_another(found: list[Problem]) -> None:
    lines = "\n".join(commands(found)).splitlines()
    assert len(lines) == len(found)
    for line, each in zip(lines, found, strict=True):
        name, properties, said = parsed(line)
        assert (name, properties["file"], properties["title"]) == ("error", visible(each.file), each.code)
        assert set(properties) <= {"file", "line", "col", "title"}
        assert said.count("\n") <= 1


@given(st.lists(problems, max_size=5))
def test_any_report_is_json(found: list[Problem]) -> None:
    report = code_quality(found)
    assert json.loads(json.dumps(report)) == report


@pytest.mark.parametrize("form", ["github", "gitlab"])
def test_the_verb_prints_it_or_keeps_it_beside_the_text(form: str, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("version: 1\n")
    told = CliRunner().invoke(command, ["--format", form, "-C", str(tmp_path)], standalone_mode=False)
    assert told.return_value == 1
    out = tmp_path / "out"
    words = ["--format", form, "--out", str(out), "-C", str(tmp_path)]
    kept = CliRunner().invoke(command, words, standalone_mode=False)
    assert (kept.return_value, out.read_text()) == (1, told.stdout)
    assert "problems (" in kept.output
    if form == "gitlab":
        assert {each["severity"] for each in json.loads(told.stdout)} == {"major"}
    else:
        *lines, last = told.stdout.splitlines()
        assert {parsed(each)[0] for each in lines} == {"error"}
        assert not last.startswith("::")
