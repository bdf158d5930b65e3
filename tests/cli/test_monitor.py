from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ordain.cli.monitor_options import whole
from ordain.core.drift.evidence import decode
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
        ("--until", "tomorrow"),
        ("--until", "0001-01-01"),
        ("--until", "9999-12-31T23:59:59-12:00"),
        ("--until", "9999-12-31T23:59:59-12:00", "--window", "100rows"),
        ("--window", "99999999w"),
        ("--until", "1970-01-02"),
        ("--level", "2"),
    ],
)
def test_wrong_usage_ends_with_64(place: Path, words: tuple[str, ...]) -> None:
    done = run("churn@x", "--artifact", str(place / "models/churn"), "--log", str(place / "log"), *words)
    assert done.returncode == 64


def test_without_a_log_the_next_step_is_named(place: Path) -> None:
    done = run("churn@x", "--artifact", str(place / "models/churn"), "-C", str(place))
    assert done.returncode == 1
    assert "no prediction log is named" in done.stderr
    assert "next: " in done.stderr


def test_windows_end_where_the_last_whole_one_does() -> None:
    now = dt.datetime(2026, 11, 20, 4, 30, tzinfo=dt.UTC)
    assert whole(now, 86_400) == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    assert whole(now, 3600) == dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
