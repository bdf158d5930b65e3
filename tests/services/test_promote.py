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
from ordain.services.requests.commit import check_signed
from ordain.services.requests.promote import promote
from tests.services.test_requests import Hosted

if TYPE_CHECKING:
    from pathlib import Path

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


def test_a_key_that_is_named_signs_without_being_asked_to(running: World) -> None:
    running.branch("dana", "look")
    running.git("dana", "config", "--unset", "commit.gpgsign")
    (commit,) = Repository(running.enter("dana")).commits([running.promote("dana").commit])
    assert commit.signer is not None


@pytest.mark.parametrize("name", ["gpg.format", "user.signingkey"])
def test_what_could_never_be_approved_is_not_proposed(running: World, name: str) -> None:
    running.branch("dana", "look")
    for each in ("commit.gpgsign", name):
        running.git("dana", "config", "--unset", each)
    with pytest.raises(UserError, match="would be unsigned") as caught:
        promote(running.setting("dana"), "churn", "production")
    assert caught.value.reason == Reason.AUTHOR_UNPROVEN
    assert "git config user.signingkey" in caught.value.fix
    assert running.git("dana", "branch", "--show-current") == "look"
    assert running.git("dana", "status", "--porcelain") == ""


def test_on_a_forge_a_commit_needs_no_signature(tmp_path: Path) -> None:
    """The forge says who pushed."""
    hosted = Hosted(tmp_path)
    hosted.unsigned("dana")
    check_signed(Repository(hosted.world.enter("dana")), None)


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


def test_what_is_checked_out_does_not_ride_along(running: World) -> None:
    """The branch holds one commit on top of main as it is at the origin, fetched or not."""
    where = running.branch("dana", "mine")
    (where / "notes.txt").write_text("half done\n")
    running.edit(where, "models.yaml", lambda v: v["models"]["churn"]["deploy"]["replicas"].update(max=40))
    mine = running.commit("dana", "Not for production")
    newer = running.merge(running.replicas("ravi", 5))
    proposal = promote(running.setting("dana"), "churn", "production")
    assert running.git("dana", "rev-parse", f"{proposal.commit}^@") == newer
    assert (
        running.git("dana", "diff", "--name-only", newer, proposal.commit) == "environments/production.yaml"
    )
    assert running.git("dana", "rev-parse", "mine") == mine
    assert running.git("dana", "status", "--porcelain") == ""


def test_a_broken_branch_is_no_obstacle(running: World) -> None:
    where = running.branch("dana", "mine")
    (where / "models.yaml").write_text("half an edit: [\n")
    running.commit("dana", "Half an edit")
    assert promote(running.setting("dana"), "churn", "production").release == 1


def test_a_broken_base_is_named_as_such(running: World) -> None:
    where = running.branch("dana", "broken")
    (where / "models.yaml").write_text("half an edit: [\n")
    running.commit("dana", "Half an edit")
    running.merge(running.push("dana"))
    with pytest.raises(UserError) as caught:
        promote(running.setting("dana"), "churn", "production")
    assert caught.value.where.startswith("origin/main: models.yaml:")


@pytest.mark.parametrize("path", ["environments/production.yaml", "new.txt", "ignored.txt"])
def test_no_edit_is_lost_to_what_the_base_holds(running: World, path: str) -> None:
    """Changed, untracked, or ignored: each is named, and nothing is done."""
    where = running.branch("dana", "mine")
    theirs = running.branch("ravi", "theirs")
    (theirs / "new.txt").write_text("theirs\n")
    (theirs / "ignored.txt").write_text("theirs\n")
    running.commit("ravi", "New files")
    running.merge(running.push("ravi"))
    (where / ".git/info/exclude").write_text("ignored.txt\n")
    (where / path).write_text("my own edit\n")
    with pytest.raises(UserError, match="uncommitted changes would be lost") as caught:
        promote(running.setting("dana"), "churn", "production")
    assert caught.value.where == path
    assert (where / path).read_text() == "my own edit\n"
    assert running.git("dana", "branch", "--show-current") == "mine"
    assert running.git("dana", "branch", "--list", "promote/*") == ""


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
