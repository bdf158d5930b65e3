"""What every verb owes the person at the terminal: help, the shared options, and exit codes that last."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ordain.cli import console, tables
from ordain.cli.console import BUG, EXIT_CODES, RETRY, Console, run_command
from ordain.cli.main import VERBS, ordain
from ordain.core.reports.report_text import plain_grid
from ordain.errors import RetryLater, UserError

ROOT = Path(__file__).parents[2]
PROGRAM = "from ordain.cli.main import main; main()"


def verb(name: str) -> click.Command:
    found: click.Command = importlib.import_module(f"ordain.cli.{VERBS[name][0]}").command
    return found


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_takes_the_shared_options(name: str) -> None:
    found = verb(name)
    for each in found.commands.values() if isinstance(found, click.Group) else (found,):
        options = {option for parameter in each.params for option in parameter.opts}
        assert {"--json", "--quiet", "-q", "-C"} <= options


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_explains_itself_with_examples_that_parse(name: str) -> None:
    command = verb(name)
    said = CliRunner().invoke(ordain, [name, "--help"]).output
    examples = re.findall(rf"^ +ordain {name}( [^\n#|>]*)?", said.split("Example", 1)[1], re.MULTILINE)
    assert examples
    for example in examples:
        words = [word.strip("'") for word in example.split()]
        command.make_context(
            name, [word.replace("~", str(Path.home())) for word in words], resilient_parsing=True
        )
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]} has no help"


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_no_number_is_taken_that_is_none(name: str, text: str) -> None:
    found = verb(name)
    for each in found.commands.values() if isinstance(found, click.Group) else (found,):
        for parameter in each.params:
            if isinstance(parameter.type, click.types.FloatParamType):
                convert: Any = parameter.type.convert
                with pytest.raises(click.BadParameter):
                    convert(text, parameter, None)


def test_the_exit_codes_are_the_documented_ones() -> None:
    text = (ROOT / "docs/exit-codes.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", text, re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == EXIT_CODES


def test_no_other_exit_code_is_written_down() -> None:
    for path in (ROOT / "src/ordain/cli").glob("*.py"):
        codes = re.findall(r"(?:sys\.exit|SystemExit|ctx\.exit)\((\d+)\)", path.read_text("utf-8"))
        assert codes == [], f"{path.name} exits with a number of its own"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("it is wrong", where="a.yaml", fix="mend it"), 1, "error: a.yaml: it is wrong"),
        (RetryLater("the forge sleeps"), RETRY, "try again later: the forge sleeps"),
        (ZeroDivisionError("by zero"), BUG, "this is a bug in Ordain"),
        (KeyboardInterrupt(), 130, ""),
        (click.UsageError("no such thing"), 64, "no such thing"),
    ],
)
def test_each_failure_has_its_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as stopped:
        run_command(command, [])
    assert stopped.value.code == code
    assert said in capsys.readouterr().err
    assert code in EXIT_CODES


@pytest.mark.parametrize("error", [UserError("wrong", fix="mend it"), RetryLater("asleep")])
def test_a_failure_is_one_document_with_json(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    @console.common_options
    def command(**_: object) -> None:
        raise error

    with pytest.raises(SystemExit):
        run_command(command, ["--json"])
    assert set(json.loads(capsys.readouterr().out)) == {"error", "where", "fix", "reason"}


def test_quiet_and_json_say_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    Console(as_json=False, quiet=True).result({"a": 1}, "text")
    Console(as_json=True, quiet=False).say("text")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    done = CliRunner().invoke(ordain, ["completion", shell])
    assert done.exit_code == 0
    assert "_ORDAIN_COMPLETE" in done.output


def completed(words: str, place: int) -> set[str]:
    """What Bash would be offered for a line."""
    asked = {**os.environ, "_ORDAIN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=asked, capture_output=True, text=True, check=False
    )
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


def test_a_shell_completes_verbs_and_options() -> None:
    assert {"plan", "promote"} <= completed("ordain p", 1)
    assert {"--report", "--rev"} <= completed("ordain plan --re", 2)
    assert completed("ordain plan --format m", 3) == {"markdown"}


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert tables.colour()
    assert tables.grid() is tables.rich_grid
    monkeypatch.setenv("NO_COLOR", "1")
    assert not tables.colour()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert tables.grid() is plain_grid


@pytest.mark.parametrize("quiet", ["", "1"])
def test_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch, quiet: str) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", quiet)
    monkeypatch.setenv("COLUMNS", "40")
    lines = tables.rich_grid(("a", "b"), [("[red]x[/red]", "\x1b]0;t\x07" + "long " * 20)])
    text = "\n".join(lines)
    assert "[red]x[/red]" in text
    assert "\x1b]0" not in text
    assert all(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) <= 40 for line in lines)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", text)


@pytest.mark.parametrize("target", ["churn", "churn@", "@production", "a@b@c", "../x@production"])
def test_a_bundle_is_of_a_model_in_an_environment(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run_command(verb("bundle"), [target, "--key", str(tmp_path / "key"), "-C", str(tmp_path)])
    assert stopped.value.code == 64
    assert "churn@production" in capsys.readouterr().err
