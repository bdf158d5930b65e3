"""`ordain init` in a repository whose base branch is not `main`: policy and jobs follow it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml
from msgspec import structs

from ordain.cli.wiring import setting
from ordain.errors import UserError
from ordain.services.checking.check import check
from ordain.services.reading.plan import plan
from ordain.services.setup.init import Request, initialise
from ordain.services.setup.init_forge import Around

pytestmark = pytest.mark.usefixtures("somebody")
HOSTED = Request(around=Around(forge="github", origin="git@github.com:acme/shop.git"))


def repository(folder: Path, *steps: tuple[str, ...]) -> Path:
    folder.mkdir()
    git(folder, *steps)
    return folder


def git(folder: Path, *steps: tuple[str, ...]) -> None:
    for words in steps:
        subprocess.run(["git", *words], cwd=folder, check=True)


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
    assert [each for each in outcome.guessed if each.startswith(f"the base branch is {branch}, ")]
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


def named(branch: str, **more: object) -> Request:
    return structs.replace(HOSTED, around=structs.replace(HOSTED.around, branch=branch), **more)


@pytest.mark.parametrize("begun", [False, True])
def test_whoever_names_the_base_branch_gets_that(tmp_path: Path, begun: bool) -> None:
    """In a folder without Git, and in a repository that Git began on a branch of another name."""
    shop = tmp_path / "shop"
    if begun:
        repository(shop, ("init", "-qb", "master"))
    outcome = initialise(shop, named("trunk"))
    assert yaml.safe_load((shop / "policy.yaml").read_text())["branch"] == "trunk"
    assert not [each for each in outcome.guessed if "base branch" in each]
    found = subprocess.run(["git", "branch"], cwd=shop, check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["*", "trunk"], "the genesis is on the branch whose policy it holds"
    assert 'branches: ["trunk"]' in (shop / ".github/workflows/reconcile.yml").read_text()
    assert initialise(shop, named("trunk")).written == ()


def test_commits_stay_where_they_are_when_the_base_branch_is_named(tmp_path: Path) -> None:
    shop = repository(
        tmp_path / "shop", ("init", "-qb", "work"), ("commit", "-q", "--allow-empty", "-m", "x")
    )
    initialise(shop, named("release/2026-11"))
    assert yaml.safe_load((shop / "policy.yaml").read_text())["branch"] == "release/2026-11"
    assert (shop / ".git/HEAD").read_text() == "ref: refs/heads/work\n"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-q",
        "a b",
        "a..b",
        "x.lock",
        "refs/heads/$(id)",
        "main\n",
        "we+you",
        "a/",
        "refs/heads/main",
        "a" * 201,
    ],
)
def test_what_is_no_name_of_a_branch_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="is not that") as caught:
        initialise(tmp_path / "shop", named(name))
    assert caught.value.where == "--branch"
    assert not (tmp_path / "shop").exists()


def test_the_reconcilers_branch_is_no_base_branch(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only the reconciler writes to"):
        initialise(tmp_path / "shop", named("live"))
    initialise(tmp_path / "shop", Request(around=Around(branch="live")))  # where it has none of its own


def test_a_branch_that_a_policy_says_otherwise_is_refused(tmp_path: Path) -> None:
    shop, other = tmp_path / "shop", tmp_path / "other"
    initialise(shop, HOSTED)
    with pytest.raises(UserError, match=r"--branch: policy\.yaml says main"):
        initialise(shop, named("trunk"))
    with pytest.raises(UserError, match=r"--branch: .*shop/policy\.yaml says main"):
        initialise(other, named("trunk", policy=shop / "policy.yaml"))
    assert not other.exists()


def test_where_the_base_branch_has_no_policy_yet_it_is_said_how_it_gets_one(tmp_path: Path) -> None:
    """Whoever brings Ordain into a protected repository does so by a request."""
    origin = repository(tmp_path / "origin.git", ("init", "-q", "--bare", "-b", "main"))
    shop = repository(
        tmp_path / "shop", ("init", "-qb", "main"), ("commit", "-q", "--allow-empty", "-m", "x"),
        ("remote", "add", "origin", str(origin)), ("push", "-q", "origin", "main"),
        ("checkout", "-qb", "add-ordain"),
    )  # fmt: skip
    initialise(shop, Request())
    git(shop, ("add", "-A"), ("commit", "-qm", "Add Ordain"))
    with pytest.raises(UserError, match=r"`main` has no policy\.yaml yet") as refused:
        plan(setting(shop), None, None)
    assert "merge what `ordain init` wrote into main first" in refused.value.fix
    git(shop, ("push", "-q", "origin", "HEAD:main"), ("fetch", "-q", "origin"))
    assert plan(setting(shop), None, None).changes == ()


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My Models", "local/My-Models"), ("übung_2", "local/ubung-2"), ("shop.v2", "local/shop.v2"),
        ("_x", "local/_x"), ("-x", "local/x"), ("模型", "local/models"),
    ],
)  # fmt: skip
def test_a_folder_of_any_name_gets_its_shape(tmp_path: Path, folder: str, name: str) -> None:
    """The name in approvals is guessed by the folder's, and the DVC remote by the origin's."""
    shop = tmp_path / folder
    initialise(shop, Request(origin=tmp_path / f"{folder}.git"))
    assert yaml.safe_load((shop / "policy.yaml").read_text())["repository"] == name
    assert check(shop).problems == ()
    words = ["dvc", "config", "remote.storage.url"]
    told = subprocess.run(words, cwd=shop, check=True, capture_output=True, text=True)
    assert told.stdout == f"{tmp_path / folder}.dvc\n"


def test_an_origin_with_a_token_in_its_address_is_told_before_a_verb_needs_it(tmp_path: Path) -> None:
    secret = "ghp_a-token-that-nobody-may-print"
    address = f"https://x-access-token:{secret}@github.com/acme/shop.git"
    shop = repository(tmp_path / "shop", ("init", "-qb", "main"), ("remote", "add", "origin", address))
    told = "".join(initialise(shop, Request()).notes)
    assert "git remote set-url origin ADDRESS" in told
    assert secret not in told
    git(shop, ("remote", "set-url", "origin", "https://github.com/acme/shop.git"))
    assert "set-url" not in "".join(initialise(shop, Request()).notes)
