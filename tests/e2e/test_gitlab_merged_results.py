"""Where GitLab runs merged results, its jobs leave the commit that it made, by the very lines that they have.

tests/e2e/test_gitlab_pipelines.py goes the whole way, with training and a real registry; that takes minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ordain.adapters.git import Repository
from ordain.adapters.package import automation
from ordain.core.setup.automation import JOBS, files
from ordain.errors import UserError
from tests.e2e.pipelines import TOKEN_ADDRESS, expand

LOCK = "pipelines/churn/dvc.lock"
NOBODY = {f"GIT_{who}_{what}": "x@x.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(where: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=where, check=True, capture_output=True, text=True,
                          env={**os.environ, **NOBODY})  # fmt: skip
    return done.stdout.strip()


def write(where: Path, path: str, text: str) -> None:
    (where / path).parent.mkdir(parents=True, exist_ok=True)
    (where / path).write_text(text)
    git(where, "add", path)


def job(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(files("gitlab", automation(), "main")[JOBS])[name]
    return found


def run(lines: list[str], where: Path, **told: str) -> None:
    """A job's lines, but for those that need Ordain to be installed."""
    for line in lines:
        if not line.startswith(("python ", "ordain ", "dvc ")):
            project = str(where.parent / "origin")
            environment = {**os.environ, "MODEL": "churn", "CI_PROJECT_URL": project, **told}
            subprocess.run(["bash", "-eo", "pipefail", "-c", line], cwd=where, check=True, env=environment)


@pytest.fixture
def project(tmp_path: Path) -> tuple[Path, str, str]:
    """A repository; a request's newest commit, and what GitLab makes of it and of a base that went on."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-qb", "main")
    write(origin, LOCK, "trained: 1\n")
    write(origin, "params.yaml", "depth: 1\n")
    git(origin, "commit", "-qm", "base")
    git(origin, "checkout", "-qb", "deeper")
    write(origin, "params.yaml", "depth: 2\n")
    git(origin, "commit", "-qm", "deeper")
    head = git(origin, "rev-parse", "HEAD")
    git(origin, "checkout", "-q", "main")
    write(origin, LOCK, "trained: 2\n")
    git(origin, "commit", "-qm", "retrained meanwhile")
    git(origin, "merge", "-q", "--no-ff", "-m", "made by GitLab", head)
    return origin, head, git(origin, "rev-parse", "HEAD")


def checked_out(project: tuple[Path, str, str], name: str) -> Path:
    origin, _, merged = project
    here = origin.parent / name
    git(origin.parent, "clone", "-q", str(origin), str(here))
    git(here, "checkout", "-q", "--detach", merged)
    return here


def keep(name: str, here: Path, there: Path) -> None:
    """What a job leaves to later ones, which find it there before their first line runs."""
    for path in (expand(each, {"MODEL": "churn"}) for each in job(name)["artifacts"]["paths"]):
        if (here / path).is_dir():
            shutil.copytree(here / path, there / path, dirs_exist_ok=True)
        elif (here / path).exists():
            shutil.copy(here / path, there / path)


@pytest.mark.parametrize("variable", ["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "PARENT_SHA"])
def test_a_job_works_on_the_requests_own_commit(project: tuple[Path, str, str], variable: str) -> None:
    here = checked_out(project, "job")
    run(job(".ordain")["before_script"], here, **{variable: project[1]})
    assert git(here, "rev-parse", "HEAD") == project[1]
    assert git(here, "status", "--porcelain") == ""


def test_without_merged_results_a_job_stays_where_it_is(project: tuple[Path, str, str]) -> None:
    here = checked_out(project, "job")
    run(job(".ordain")["before_script"], here, CI_MERGE_REQUEST_SOURCE_BRANCH_SHA="", PARENT_SHA="")
    assert git(here, "rev-parse", "HEAD") == project[2]


@pytest.mark.parametrize("after", [".record", ".failed"])
def test_what_training_left_is_there_after_it_and_does_not_stop_it(
    project: tuple[Path, str, str], after: str
) -> None:
    """The base's lock is another than the request's, and training left a third one."""
    here, there = checked_out(project, "train"), checked_out(project, "after")
    before = job(".ordain")["before_script"]
    run(before, here, PARENT_SHA=project[1])
    (here / LOCK).write_text("trained: 3\n")
    run(job(".train")["after_script"], here)
    keep(".train", here, there)
    run([*before, *job(after)["script"]], there, PARENT_SHA=project[1])
    assert git(there, "rev-parse", "HEAD") == project[1]
    assert (there / "params.yaml").read_text() == "depth: 2\n"
    assert (there / LOCK).read_text() == {".record": "trained: 1\n", ".failed": "trained: 3\n"}[after]


def test_a_failure_before_any_training_is_told_too(project: tuple[Path, str, str]) -> None:
    here = checked_out(project, "failed")
    run(job(".failed")["script"], here)
    assert git(here, "status", "--porcelain") == ""


@pytest.mark.parametrize(("name", "key"), [(".ordain", "before_script"), (".reconcile", "script")])
def test_a_job_reaches_its_origin_with_no_token_in_the_address(
    project: tuple[Path, str, str], name: str, key: str
) -> None:
    """Runners leave the job's own token in it, which may not push and which Git takes before any other."""
    here = checked_out(project, "job")
    git(here, "remote", "set-url", "origin", TOKEN_ADDRESS)
    with pytest.raises(UserError, match="not an address") as refused:
        Repository(here).remote()
    assert "git remote set-url origin" in refused.value.fix
    assert "glcbt" not in str(refused.value)
    run(job(name)[key], here, PARENT_SHA="", CI_PROJECT_URL="https://gitlab.example/acme/shop")
    assert Repository(here).remote() == "https://gitlab.example/acme/shop.git"
    assert job(name)["variables"]["FF_GIT_URLS_WITHOUT_TOKENS"] == "true"
