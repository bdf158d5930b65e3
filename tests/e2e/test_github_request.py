"""A pull request on GitHub, from review to passport: the real commands, over HTTP, main apart from live."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ordain.adapters.forges.guard import Clock
from ordain.cli.main import ordain
from ordain.errors import RetryLater, UserError
from tests.adapters.forges import github_world as on_github
from tests.adapters.forges.standin import TOKEN
from tests.services.world import World


class Hosted:
    """A world whose forge is a stand-in for GitHub.

    Args:
        root: an empty folder. github: what GitHub says.
    """

    def __init__(self, root: Path, github: on_github.World) -> None:
        people: dict[str, Any] = World.policy()["people"]
        for name, person in people.items():
            person["logins"] = {"github": f"{name}-gh"}
        (root / "world").mkdir()
        self.github = github
        self.world = World(root / "world", {"forge": "github", "people": people})
        self.clone = self.world.enter("omar")

    def ordain(self, *words: str, code: int = 0) -> Result:
        """One command in Omar's clone, which sees nothing but what was pushed."""
        self.world.git("omar", "fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*")
        env = {
            "ORDAIN_FORGE_URL": f"{self.github.server.origin}/acme/churn",
            "GITHUB_TOKEN": TOKEN,
            "ORDAIN_COLLECTOR_KEY": str(self.world.keys / "collector"),
            "ORDAIN_STORE": str(self.world.root / "store"),
        }
        done = CliRunner().invoke(ordain, [*words, "-C", str(self.clone)], env=env)
        assert done.exit_code == code, done.output
        assert TOKEN not in done.output
        return done

    def merged(self, branch: str, reviewer: str, commit: str | None = None) -> None:
        """Somebody reviews a pushed branch, GitHub merges it and says so from now on."""
        head = self.world.run(self.world.origin, "git", "rev-parse", branch)
        merged, github = self.world.merge(branch), self.github
        self.world.run(self.world.origin, "git", "update-ref", "refs/pull/12/head", head)
        self.world.run(self.world.origin, "git", "branch", "-D", branch)
        github.pull |= {
            "user": github.account("dana-gh"), "head": github.side(branch, head), "merge_commit_sha": merged
        }  # fmt: skip
        github.associated = [github.simple(github.pull)]
        github.commits = [github.commit(head, "dana-gh", "dana-gh")]
        github.activity = github.pushed("dana-gh")
        github.reviews = [github.review(1, reviewer, "APPROVED", commit_id=commit or head)]


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    with on_github.hosted() as github:
        yield Hosted(tmp_path, github)


def decisions(done: Result) -> dict[str, str]:
    return {
        f"{each['environment']}/{each['model']}": each["reason"]
        for each in json.loads(done.output)["decisions"]
    }


def test_from_review_to_passport(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordain.adapters.artifacts.Store.has", lambda self, digest: True)
    world = hosted.world
    main = world.head()
    hosted.merged(world.release("dana", "churn", 1), "ravi-gh")
    found = decisions(hosted.ordain("reconcile", "--json"))
    assert found == {"staging/_shared": "approved", "staging/churn": "approved"}

    files = world.run(world.origin, "git", "ls-tree", "-r", "--name-only", "main").split()
    assert not [each for each in files if each.startswith("manifests/")], "main is what people want"
    live = world.run(world.origin, "git", "ls-tree", "-r", "--name-only", "live").split()
    assert "manifests/ledger/00000001.json" in live
    assert all(each.startswith("manifests/") for each in live), "live is what has been proven"
    assert world.head() != main

    assert "churn@1" in hosted.ordain("status").output
    assert "attested by collector" in hosted.ordain("why", "churn@staging").output
    assert "churn@1" in hosted.ordain("audit").output
    proven = json.loads(hosted.ordain("verify", "--all", "--json").output)
    assert {"approval", "judgement", "ledger", "manifest"} <= {
        each["link"] for each in proven["proofs"] if each["outcome"] == "ok"
    }
    assert not hosted.ordain("reconcile", "--json").output.count("staging/churn")


def test_a_review_of_an_earlier_push_is_refused(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordain.adapters.artifacts.Store.has", lambda self, digest: True)
    world = hosted.world
    branch = world.release("dana", "churn", 1)
    early = world.run(world.origin, "git", "rev-parse", branch)
    where = world.enter("dana")
    world.edit(where, "models.yaml", lambda value: value["models"]["churn"].update({"owner": "platform"}))
    world.commit("dana", "Another owner")
    world.push("dana")
    hosted.merged(branch, "ravi-gh", early)
    assert decisions(hosted.ordain("reconcile", "--json"))["staging/churn"] == "stale-approval"


def test_nobody_decides_while_github_is_away(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordain.adapters.forges.github.Clock", lambda: Clock(sleep=lambda _: None))
    hosted.merged(hosted.world.release("dana", "churn", 1), "ravi-gh")
    hosted.github.server.on("GET", on_github.ASSOCIATED, lambda _: (502, None))
    before = hosted.world.run(hosted.world.origin, "git", "for-each-ref")
    done = hosted.ordain("reconcile", code=1)
    assert isinstance(done.exception, RetryLater), "which the command line turns into exit code 75"
    assert "GitHub" in str(done.exception)
    assert hosted.world.run(hosted.world.origin, "git", "for-each-ref") == before


def test_without_a_token_it_says_which(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    hosted.merged(hosted.world.release("dana", "churn", 1), "ravi-gh")
    env = {
        "ORDAIN_FORGE_URL": f"{hosted.github.server.origin}/acme/churn",
        "ORDAIN_COLLECTOR_KEY": str(hosted.world.keys / "collector"),
        "GITHUB_TOKEN": "",
    }
    done = CliRunner().invoke(ordain, ["reconcile", "-C", str(hosted.clone)], env=env)
    assert isinstance(done.exception, UserError)
    assert done.exception.where == "GITHUB_TOKEN"
