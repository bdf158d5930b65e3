"""`ordain promote`: an edit of one pin, on a branch, as a change to approve."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ordain.adapters.git import Repository
from ordain.cli.main import ordain
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.promote import promote

if TYPE_CHECKING:
    from tests.services.world import World


def test_promoting_pins_what_runs_and_keeps_comments(running: World) -> None:
    where = running.branch("ada", "comment")
    path = where / "environments/production.yaml"
    path.write_text("# ours\n" + path.read_text().replace("version: 1", "version: 1  # for ever"))
    running.commit("ada", "Comment")
    running.merge(running.push("ada"))
    before = path.read_text()
    proposal = running.promote("dana")
    assert (proposal.branch, proposal.release, proposal.before) == ("promote/churn-production-1", 1, None)
    after = (running.enter("dana") / "environments/production.yaml").read_text()
    assert after != before
    assert [line for line in before.splitlines() if line not in after.splitlines()] == ["models: {}"]
    assert running.git("dana", "status", "--porcelain") == ""
    (commit,) = Repository(running.enter("dana")).commits([proposal.commit])
    assert commit.signer is not None  # signed, as Dana's settings say
    assert commit.author.email == "dana@x.example"


def test_a_promotion_runs_once_approved_by_the_people_of_that_environment(running: World) -> None:
    branch = running.promote("dana").branch
    running.deploy(branch, "ravi", "mei")
    assert running.manifests("production/churn/")
    assert {path.split("/", 1)[1] for path in running.manifests("production/churn/")} == {
        path.split("/", 1)[1] for path in running.manifests("staging/churn/")
    }  # fmt: skip


def test_branches_are_numbered(running: World) -> None:
    assert running.promote("dana").branch.endswith("-1")
    assert running.promote("ravi").branch.endswith("-2")


@pytest.mark.parametrize(
    ("model", "to", "what"),
    [
        ("churn", "staging", "first environment"),
        ("churn", "moon", "no environment"),
        ("x", "production", "no model"),
    ],
)
def test_what_cannot_be_promoted(running: World, model: str, to: str, what: str) -> None:
    running.branch("dana", "fresh")
    with pytest.raises(UserError, match=what):
        promote(running.setting("dana"), model, to)


def test_what_does_not_run_yet_is_not_promoted(world: World) -> None:
    world.merge(world.release("dana", "churn", 1))
    world.reconcile()
    world.branch("dana", "fresh")
    with pytest.raises(UserError) as caught:
        promote(world.setting("dana"), "churn", "production")
    assert caught.value.reason == Reason.NOT_PROMOTED


def test_promoting_twice_is_refused(running: World) -> None:
    running.merge(running.promote("dana").branch)
    running.branch("dana", "fresh")
    with pytest.raises(UserError, match="already"):
        promote(running.setting("dana"), "churn", "production")


def test_uncommitted_work_is_never_lost(running: World) -> None:
    where = running.branch("dana", "fresh")
    (where / "environments/production.yaml").write_text("my own edit\n")
    (where / "notes.txt").write_text("mine\n")
    with pytest.raises(UserError):
        promote(running.setting("dana"), "churn", "production")
    assert (where / "environments/production.yaml").read_text() == "my own edit\n"
    assert running.git("dana", "branch", "--show-current") == "fresh"
    running.git("dana", "checkout", "-q", "environments/production.yaml")
    promote(running.setting("dana"), "churn", "production")
    assert (where / "notes.txt").read_text() == "mine\n"


def test_no_hook_of_the_clone_runs(running: World) -> None:
    where = running.branch("dana", "fresh")
    running.git("dana", "config", "--unset", "core.hooksPath")
    for name in ("post-checkout", "pre-commit", "commit-msg", "reference-transaction", "post-index-change"):
        hook = where / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {where}/ran-{name}\n")
        hook.chmod(0o755)
    promote(running.setting("dana"), "churn", "production")
    assert sorted(where.glob("ran-*")) == []


def test_the_command(running: World) -> None:
    where = running.branch("dana", "fresh")
    words = ["promote", "churn", "--to", "production", "-C", str(where)]
    done = CliRunner().invoke(ordain, [*words, "--json"], catch_exceptions=False)
    assert json.loads(done.output)["branch"] == "promote/churn-production-1"
    running.branch("dana", "fresh")
    done = CliRunner().invoke(ordain, words, catch_exceptions=False)
    assert "production: nothing -> churn@1, on branch promote/churn-production-2" in done.output


def test_whoever_recorded_a_release_cannot_approve_its_promotion(world: World) -> None:
    """Ravi's release runs in staging; Dana promotes it, and it is Ravi's work all the same."""
    world.deploy(world.release("ravi", "churn", 1), "mei")
    branch = world.promote("dana").branch
    (his,) = world.approve(branch, "ravi")
    assert [each.transition.target.label for each in his.decisions] == ["production/_shared"]
    world.approve(branch, "mei", "omar")
    world.merge(branch)
    found = {each.transition.target.label: each for each in world.reconcile().entries[-1].decisions}
    assert found["production/churn"].contributors == ("ada", "dana", "ravi")
    assert found["production/churn"].approved
