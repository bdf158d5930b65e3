"""Each verb of a pod runs with exactly what its image holds, and says so where something is missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ordain.cli.main import VERBS
from tests.installed import Installed, installed, required
from tests.runtime.batch import desk
from tests.runtime.toy import files, write
from tests.watch.world import Log, artifact

ROWS = desk.rows(300)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return installed(tmp_path_factory.mktemp("jobs"), required("jobs"))


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return installed(tmp_path_factory.mktemp("serve"), required("serve"))


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_a_batch_runs_with_the_packages_of_the_jobs_image(
    jobs: Installed, folder: Path, tmp_path: Path, form: str
) -> None:
    source = desk.write_table(tmp_path / f"in.{form}", ROWS)
    target = tmp_path / f"out.{form}"
    done = jobs.run("score", str(folder), str(source), str(target), "--keep", "id")
    assert done.returncode == 0, done.stderr
    assert [each["id"] for each in desk.read_table(target)] == [each["id"] for each in ROWS]


def test_a_monitor_runs_with_the_packages_of_the_jobs_image(jobs: Installed, tmp_path: Path) -> None:
    artifact(tmp_path / "models/churn")
    log = Log(tmp_path / "log")
    for days in range(3):
        log.day(days, 400, lambda inputs: inputs.update(price=inputs["price"] * 1.5))
    where = ("--artifact", str(tmp_path / "models/churn"), "--log", f"file://{tmp_path}/log")
    assert jobs.run("compact", str(log.folder)).returncode == 0
    assert not list(log.folder.glob("*.jsonl"))
    labels = log.write_labels(tmp_path / "labels.jsonl")
    words = ("churn@production", *where, "--labels", str(labels), "--until", "2026-11-20T00:00:00Z")
    done = jobs.run("monitor", *words, "-C", str(tmp_path), ORDAIN_RELEASE="churn@7")
    assert done.returncode == 0, done.stderr
    assert "churn@production (churn@7): ALARM" in done.stdout


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("score", ("artifact", "in.parquet", "out.parquet")),
        ("monitor", ("churn@production", "--artifact", "artifact", "--log", "log")),
        ("serve", ("artifact",)),
    ],
)
def test_a_package_that_is_missing_is_named_and_no_traceback_is_shown(
    tmp_path: Path, verb: str, words: tuple[str, ...]
) -> None:
    nothing = installed(tmp_path, ["click"])
    done = nothing.run(verb, *words)
    assert done.returncode == 1
    assert "is not installed here" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_batch_in_the_servers_image_says_what_is_missing(
    serve: Installed, folder: Path, tmp_path: Path
) -> None:
    source = desk.write_table(tmp_path / "in.parquet", ROWS)
    done = serve.run("score", str(folder), str(source), str(tmp_path / "out.parquet"))
    assert done.returncode == 1
    assert "the package `pyarrow` is not installed here" in done.stderr
    assert "Traceback" not in done.stderr
    told = serve.run("score", str(folder), str(source), str(tmp_path / "out.parquet"), "--json")
    assert '"error": "the package `pyarrow` is not installed here"' in told.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_shows_a_traceback_where_nothing_is_installed(tmp_path: Path, verb: str) -> None:
    done = installed(tmp_path, ["click"]).run(verb, "--help")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or "is not installed here" in done.stderr


def test_a_server_starts_with_the_packages_of_its_image(serve: Installed, tmp_path: Path) -> None:
    place = write(tmp_path / "toy", files())
    process = subprocess.Popen(
        serve.words("serve", str(place), "--port", "0", "--json"),
        stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert "{" in process.stdout.readline()
    finally:
        process.terminate()
        process.communicate(timeout=30)
