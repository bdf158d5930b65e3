"""`ordain init` in a repository whose base branch is not `main`: policy and jobs follow it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from ordain.errors import UserError
from ordain.services.checking.check import check
from ordain.services.setup.init import Request, initialise
from ordain.services.setup.init_forge import Around

pytestmark = pytest.mark.usefixtures("somebody")
HOSTED = Request(around=Around(forge="github", origin="git@github.com:acme/shop.git"))


def repository(folder: Path, *steps: tuple[str, ...]) -> Path:
    folder.mkdir()
    for words in steps:
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(
    ("steps", "branch"),
    [
        ([("init", "-qb", "master"), ("commit", "-q", "--allow-empty", "-m", "x")], "master"),
        ([("init", "-qb", "trunk")], "trunk"),  # no commit yet: the first one will be on it
        ([("init", "-qb", "main"), ("commit", "-q", "--allow-empty", "-m", "x"),
          ("checkout", "-qb", "add-ordain")], "main"),
        ([("init", "-qb", "work"), ("commit", "-q", "--allow-empty", "-m", "x"),
          ("update-ref", "refs/remotes/origin/develop", "HEAD"),
          ("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop")], "develop"),
    ],
)  # fmt: skip
def test_the_base_branch_is_the_repositorys_own(
    tmp_path: Path, steps: list[tuple[str, ...]], branch: str
) -> None:
    shop = repository(tmp_path / "shop", *steps)
    outcome = initialise(shop, HOSTED)
    assert yaml.safe_load((shop / "policy.yaml").read_text())["branch"] == branch
    assert (f"the base branch is {branch}" in outcome.guessed) is (branch != "main")
    told = "".join(path.read_text() for path in (shop / ".github/workflows").glob("*.yml"))
    assert ("ref: main" in told, f'branches: ["{branch}"]' in told) == (branch == "main", branch != "main")
    assert initialise(shop, Request()).written == ()
    assert check(shop).problems == ()


def test_jobs_follow_a_policy_that_names_another_branch(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    initialise(shop, HOSTED)
    policy = shop / "policy.yaml"
    policy.write_text(policy.read_text().replace("branch: main", "branch: trunk"))
    assert ".github/workflows/reconcile.yml" in initialise(shop, Request()).written
    assert 'branches: ["trunk"]' in (shop / ".github/workflows/reconcile.yml").read_text()


def test_a_base_branch_that_no_policy_can_name_is_refused(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop", ("init", "-qb", "we+you"))
    with pytest.raises(UserError, match="we") as caught:
        initialise(shop, HOSTED)
    assert caught.value.where == "the base branch"
    assert not (shop / "policy.yaml").exists()
