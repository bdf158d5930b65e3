from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from msgspec.structs import replace

from ordain.cli.monitor import command
from ordain.cli.monitor_options import ask_of, said_by, settings_of, whole
from ordain.core.drift.evidence import decode
from ordain.core.rendering.jobs import chosen_words
from ordain.core.specs.deployment import CHOICES, LabelSource, Watch
from tests.adapters.forges.github_world import DISPATCHES, hosted
from tests.adapters.forges.standin import TOKEN, Fault
from tests.watch.world import Log, artifact

PROGRAM = "from ordain.cli.main import main; main()"
UNTIL = ("--until", "2026-11-20T00:00:00Z")


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "monitor", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pod")
    artifact(folder / "models/churn")
    log = Log(folder / "log")
    for days in range(3):
        log.day(days, 400, lambda inputs: inputs.update(price=inputs["price"] * 1.5))
    return folder


def test_the_pods_own_command_line(place: Path) -> None:
    """As `core.jobs` renders it: MODEL@ENV --artifact FOLDER --log URL."""
    words = ("churn@production", "--artifact", str(place / "models/churn"), "--log", f"file://{place}/log")
    done = run(*words, *UNTIL, "-C", str(place), ORDAIN_RELEASE="churn@7", ORDAIN_ENVIRONMENT="production")
    assert done.returncode == 0, done.stderr
    assert "churn@production (churn@7): ALARM" in done.stdout
    assert "price lies higher in 3 of the last 3 windows" in done.stdout
    refused = run(*words, ORDAIN_ARTIFACT="sha256:" + "0" * 64)
    assert refused.returncode == 1
    assert "was approved" in refused.stderr


def test_evidence_json_markdown_and_the_exit_code(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    words = (
        "churn@production",
        "--artifact",
        str(place / "models/churn"),
        "--log",
        str(place / "log"),
        *UNTIL,
    )
    done = run(*words, "--json", "--evidence", str(file), "--exit-code", ORDAIN_RELEASE="churn@7")
    assert done.returncode == 2
    assert json.loads(done.stdout)["request"] == "draft"
    assert decode(file.read_bytes(), "x").outcome == "fail"
    markdown = run(*words, "--format", "markdown", ORDAIN_RELEASE="churn@7")
    assert "| **alarm** | drift | price |" in markdown.stdout
    assert run(*words, "--quiet").stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ("--window", "soon"),
        ("--window", "0rows"),
        ("--alarm", "3/2"),
        ("--season", "36h"),
        ("--season", "7d", "--window", "100rows"),
        ("--season", "100rows"),
        ("--season", "7d", "--horizon", "7"),
        ("--season", "7d", "--window", "5m"),
        ("--until", "tomorrow"),
        ("--until", "0001-01-01"),
        ("--until", "9999-12-31T23:59:59-12:00"),
        ("--until", "9999-12-31T23:59:59-12:00", "--window", "100rows"),
        ("--window", "99999999w"),
        ("--until", "1970-01-02"),
        ("--level", "2"),
        ("--label-delay", "soon"),
        ("--label-delay", "400000d"),
        ("--forge", "svn"),
    ],
)
def test_wrong_usage_ends_with_64(place: Path, words: tuple[str, ...]) -> None:
    where = ("--artifact", str(place / "models/churn"), "--log", str(place / "log"), "-C", str(place))
    done = run("churn@x", *where, *words)
    assert done.returncode == 64


def test_without_a_log_the_next_step_is_named(place: Path) -> None:
    done = run("churn@x", "--artifact", str(place / "models/churn"), "-C", str(place))
    assert done.returncode == 1
    assert "no prediction log is named" in done.stderr
    assert "next: " in done.stderr


# --- what the spec says of windows -------------------------------------------------------------------

WATCH = Watch(
    schedule="1 * * * *", window="6h", alarm="3/4", season="1d", level=0.01, effect=0.2, fewest=20,
    labels=LabelSource(url="s3://labels", id="prediction", label="left", delay_hours=48),
)  # fmt: skip


def asked(*words: str) -> click.Context:
    return command.make_context("monitor", ["churn@production", *words])


def test_the_defaults_of_the_command_are_those_of_the_spec() -> None:
    bare = asked()
    assert {name: bare.params[name] for name in CHOICES} | said_by(Watch(schedule="1 * * * *"), bare) == {
        name: bare.params[name] for name in CHOICES
    }
    assert said_by(None, bare) == {}


def test_what_the_command_leaves_out_is_as_the_spec_says() -> None:
    context = asked()
    options = {**context.params, **said_by(WATCH, context)}
    ask, settings = ask_of(options, dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)), settings_of(options)
    assert (ask.length, ask.season, ask.horizon, ask.delay) == (6 * 3600, 4, 30, 48 * 3600)
    assert (ask.labels, ask.names.id, ask.names.label) == ("s3://labels", "prediction", "left")
    assert (settings.needed, settings.windows, settings.fewest) == (3, 4, 20)
    assert (settings.level, settings.effect) == (0.01, 0.2)


def test_what_the_command_says_comes_before_the_spec() -> None:
    context = asked("--window=1d", "--alarm=2/3", "--labels=mine.csv", "--effect=0.1")
    options = {**context.params, **said_by(WATCH, context)}
    ask, settings = ask_of(options, dt.datetime(2026, 11, 20, tzinfo=dt.UTC)), settings_of(options)
    assert (ask.length, ask.season, ask.labels, ask.names.id, ask.delay) == (86400, 1, "mine.csv", "id", 0)
    assert (settings.needed, settings.windows, settings.effect, settings.level) == (2, 3, 0.1, 0.01)


def test_the_words_that_are_rendered_say_the_same_as_the_spec() -> None:
    bare, told = asked(), asked(*chosen_words(WATCH))
    said = said_by(replace(WATCH, labels=None), bare)
    assert said == {name: told.params[name] for name in CHOICES}


def test_windows_end_where_the_last_whole_one_does() -> None:
    now = dt.datetime(2026, 11, 20, 4, 30, tzinfo=dt.UTC)
    assert whole(now, 86_400) == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    assert whole(now, 3600) == dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)


# --- labels, gates and a forge: as a CronJob has them --------------------------------------------------

GATES = '{"quality":[{"metric":"roc_auc","min":0.99}]}'


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quiet log, with labels under other names."""
    folder = tmp_path_factory.mktemp("labelled")
    artifact(folder / "models/churn")
    log = Log(folder / "log")
    for days in range(3):
        log.day(days, 400)
    renamed = [{"prediction": each["id"], "left": each["label"]} for each in log.labels]
    log.write_labels(folder / "labels.jsonl", renamed)
    return folder


def pod(folder: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    where = ("--artifact", str(folder / "models/churn"), "--log", f"file://{folder}/log")
    return run(
        "churn@production", *where, *UNTIL, "--exit-code", *more, ORDAIN_RELEASE="churn@7", **environment
    )


def test_a_pod_judges_labels_by_the_gates_that_it_was_told(labelled: Path) -> None:
    names = ("--label-id=prediction", "--label-column=left", "--label-delay=24h")
    done = pod(labelled, f"--labels=file://{labelled}/labels.jsonl", *names, f"--gates={GATES}", "--json")
    assert done.returncode == 2, done.stderr
    found = json.loads(done.stdout)
    assert found["request"] == "open"
    (breach,) = [each for each in found["findings"] if each["alarm"]]
    assert breach["detail"].startswith("quality.roc_auc fail")
    assert (found["performance"]["due"], found["performance"]["labelled"]) == (800, 1200)
    refused = pod(labelled, "--gates=[]")
    assert (refused.returncode, "no gates" in refused.stderr) == (1, True)


def test_the_forge_is_told_of_what_training_may_mend(place: Path, labelled: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    with hosted() as world:
        server = world.server
        words = (f"--tell={server.origin}/acme/models", "--forge=github", "--branch=main")
        told = pod(place, *words, GITHUB_TOKEN_FILE=str(token), GITHUB_TOKEN="")
        assert (told.returncode, "opens a draft" in told.stderr) == (2, True), told.stderr
        (asked,) = server.asked
        assert asked.body["event_type"] == "ordain-retrain"
        payload = asked.body["client_payload"]
        assert payload["model"] == "churn"
        assert decode(payload["evidence"].encode(), "x").request == "draft"
        calm = pod(labelled, *words, GITHUB_TOKEN_FILE=str(token), GITHUB_TOKEN="")
        assert (calm.returncode, "was not told" in calm.stderr) == (0, True)
        assert len(server.asked) == 1
        server.faulty["POST", DISPATCHES] = Fault(status=403)
        refused = pod(place, *words, GITHUB_TOKEN_FILE=str(token), GITHUB_TOKEN="")
        assert (refused.returncode, "Contents: write" in refused.stderr) == (1, True)
    away = pod(place, *words, GITHUB_TOKEN_FILE=str(token), GITHUB_TOKEN="")
    assert away.returncode == 75
    without = pod(place, *words, GITHUB_TOKEN="", GITHUB_TOKEN_FILE="")
    assert (without.returncode, "there is no token" in without.stderr) == (1, True)
    assert TOKEN not in told.stdout + told.stderr + refused.stderr + away.stderr
