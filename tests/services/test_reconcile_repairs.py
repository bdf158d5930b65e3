"""Edited, truncated, forged and rewritten: what the reconciler finds, it proves or refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ordain.core.ledger.ledger import decode, path_of
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.reconciling.order import Place

if TYPE_CHECKING:
    from tests.services.world import World


@pytest.fixture
def twice(running: World) -> World:
    """Two entries: churn@1, then five replicas."""
    running.deploy(running.replicas("dana", 5), "ravi")
    return running


def sequences(world: World) -> list[int]:
    return [decode(data).sequence for _, data in sorted(world.ledger().items())]


def push_edit(world: World, who: str = "dana") -> None:
    world.commit(who, "Edit by hand")
    world.git(who, "push", "-q", "origin", "HEAD:main")


def test_edited_manifests_are_restored_and_the_repair_is_recorded(twice: World) -> None:
    before = twice.manifests()
    where = twice.branch("dana", "edit")
    path = where / "manifests/staging/churn/deployment.yaml"
    path.write_text(path.read_text().replace("churn", "crypto-miner"))
    (where / "manifests/staging/extra.yaml").write_text("kind: Secret\n")
    (where / "manifests/staging/churn/service.yaml").unlink()
    push_edit(twice)
    outcome = twice.reconcile()
    assert outcome.repaired == (
        "manifests/staging/churn/deployment.yaml",
        "manifests/staging/churn/service.yaml",
        "manifests/staging/extra.yaml",
    )
    assert twice.manifests() == before
    assert sequences(twice) == [1, 2, 3]
    assert decode(twice.ledger()[path_of(3)]).repaired == outcome.repaired
    assert twice.reconcile().commit is None


def test_a_symlink_below_manifests_is_removed_unfollowed(twice: World) -> None:
    before = twice.manifests()
    where = twice.branch("dana", "edit")
    shutil.rmtree(where / "manifests/staging")
    (where / "manifests/staging").symlink_to("/etc")
    push_edit(twice)
    assert twice.reconcile().repaired
    assert twice.manifests() == before


def test_a_removed_manifests_folder_comes_back(twice: World) -> None:
    before, ledger = twice.manifests(), twice.ledger()
    where = twice.branch("dana", "edit")
    shutil.rmtree(where / "manifests")
    push_edit(twice)
    twice.reconcile()
    assert twice.manifests() == before
    assert {path: twice.ledger()[path] for path in ledger} == ledger


@pytest.mark.parametrize("attack", ["truncate", "edit", "forge", "renumber", "stray", "truncate and garbage"])
def test_the_longest_proven_ledger_stands(twice: World, attack: str) -> None:
    """Nobody gets the reconciler to decide from a shorter or another past."""
    before, ledger = twice.manifests(), twice.ledger()
    where = twice.branch("dana", "edit")
    last = where / path_of(2)
    if attack.startswith("truncate"):
        last.unlink()
        push_edit(twice)
    if attack == "edit":
        last.write_bytes(last.read_bytes().replace(b"a", b"b", 1))
    if attack == "forge":
        value = json.loads(last.read_bytes())
        value["signatures"] = json.loads((where / path_of(1)).read_bytes())["signatures"]
        last.write_text(json.dumps(value))
    if attack == "renumber":
        shutil.copyfile(where / path_of(1), where / path_of(3))
    if attack in {"stray", "truncate and garbage"}:
        (where / path_of(9)).write_text("{}")
    if attack != "truncate":
        push_edit(twice)
    outcome = twice.reconcile()
    assert outcome.repaired
    assert [each.sequence for each in outcome.entries] == [3]
    assert twice.manifests() == before
    assert {path: data for path, data in twice.ledger().items() if path != path_of(3)} == ledger
    assert twice.reconcile().commit is None


def test_a_truncated_ledger_does_not_bring_an_old_approval_back(twice: World) -> None:
    """Back to two replicas with a fresh approval, then the last entries vanish: nothing is replayed."""
    twice.deploy(twice.replicas("dana", 2, branch="back"), "ravi")
    before = twice.manifests()
    where = twice.branch("dana", "edit")
    (where / path_of(3)).unlink()
    (where / path_of(2)).unlink()
    push_edit(twice)
    twice.deploy(twice.replicas("dana", 5, branch="again"))
    assert twice.manifests() == before


def test_a_ledger_by_another_key_is_no_ledger(twice: World) -> None:
    """Somebody writes a whole ledger of their own, in a policy of their own."""
    forged = twice.reconcile  # the real reconciler, run by somebody with another key
    with pytest.raises(UserError) as caught:
        forged(collector=twice.collector("collector-second"))
    assert caught.value.reason == Reason.KEY_UNKNOWN


def test_a_ledger_that_cannot_be_proven_at_all_is_refused(world: World) -> None:
    where = world.branch("dana", "edit")
    target = where / path_of(1)
    target.parent.mkdir(parents=True)
    target.write_text("{}")
    push_edit(world)
    outcome = world.reconcile()
    assert outcome.repaired == (path_of(1),)


def test_a_branch_that_lost_what_was_judged_is_refused(twice: World) -> None:
    """A force push takes the judged commit away and keeps the ledger."""
    where = twice.branch("dana", "rewrite")
    tree = twice.git("dana", "rev-parse", "HEAD^{tree}")
    root = twice.git("dana", "rev-list", "--max-parents=0", "HEAD")
    commit = twice.git("dana", "commit-tree", "-p", root, "-m", "Squashed", tree)
    twice.git("dana", "push", "-q", "-f", "origin", f"{commit}:main")
    assert where.exists()
    with pytest.raises(UserError) as caught:
        twice.reconcile()
    assert caught.value.reason == Reason.HISTORY_REWRITTEN


def test_the_base_branch_may_move_onto_a_merge_of_itself(twice: World) -> None:
    """Somebody merges main into a branch and pushes that as main: nothing is lost or judged twice."""
    branch = twice.replicas("dana", 6)
    twice.branch("ada", "beside")
    (twice.enter("ada") / "README.md").write_text("Hello\n")
    twice.commit("ada", "Say hello")
    twice.merge(twice.push("ada"))
    twice.approve(branch, "ravi")
    twice.git("mei", "fetch", "-q", "origin")
    twice.git("mei", "checkout", "-q", "-B", "sideways", f"origin/{branch}")
    twice.git("mei", "merge", "-q", "--no-ff", "-m", "Merge main", "origin/main")
    twice.git("mei", "push", "-q", "origin", "HEAD:main")
    outcome = twice.reconcile()
    decisions = {d.transition.target.label: d for e in outcome.entries for d in e.decisions}
    assert decisions["staging/churn"].approved
    assert decisions["staging/churn"].contributors == ("dana",)
    assert sequences(twice) == [1, 2, 3]
    assert twice.reconcile().commit is None


def test_the_collectors_key_can_change(twice: World) -> None:
    """A new collector is a change of the policy; entries of the old one stay valid."""
    where = twice.branch("ada", "collector")
    key = {"key": twice.public("collector-second")}
    twice.edit(where, "policy.yaml", lambda policy: policy.update(collectors=[key]))
    twice.commit("ada", "Another collector")
    twice.deploy(twice.push("ada"), "mei", "ravi")
    with pytest.raises(UserError):
        twice.reconcile()
    branch = twice.replicas("dana", 7)
    twice.approve(branch, "ravi")
    twice.merge(branch)
    assert len(twice.reconcile(collector=twice.collector("collector-second")).entries) == 1
    assert sequences(twice) == [1, 2, 3, 4]


def test_manifests_older_than_the_policy_are_nobodys_to_remove(world: World) -> None:
    """People had them in a repository that took its shape later; an edit after that is none of theirs."""
    ada = world.enter("ada")
    world.write(ada, "manifests/prod/deployment.yaml", "kind: Deployment\n")
    world.commit("ada", "Found the repository", "--amend")
    world.git("ada", "push", "-q", "-f", "origin", "HEAD:main")
    with pytest.raises(UserError, match="Ordain did not write this") as caught:
        world.deploy(world.release("dana", "churn", 1), "ravi")
    assert caught.value.where == "manifests/prod/deployment.yaml"
    assert list(world.manifests()) == ["prod/deployment.yaml"]
    where = world.branch("dana", "move")
    (where / "manifests/prod/deployment.yaml").rename(where / "deployment.yaml")
    world.write(where, "manifests/prod/other.yaml", "kind: Secret\n")
    push_edit(world)
    assert world.reconcile().repaired == ("manifests/prod/other.yaml",)
    assert "staging/churn/deployment.yaml" in world.manifests()


def deployments(world: World, path: str) -> Path:
    """A clone of a deployment repository, which holds one file of somebody's on every branch there."""
    bare, where = world.root / "deployments.git", world.root / "deployments"
    world.run(world.root, "git", "init", "-q", "--bare", "-b", "main", str(bare))
    world.run(world.root, "git", "clone", "-q", str(bare), str(where))
    world.write(where, path, "kind: Deployment\n")
    world.run(where, "git", "add", "--all")
    world.run(where, "git", "commit", "-q", "-m", "What we run")
    world.run(where, "git", "push", "-q", "origin", "HEAD:main", "HEAD:live")
    return bare


@pytest.mark.parametrize("branch", ["main", "live", None])
def test_manifests_of_a_deployment_repository_are_nobodys_to_remove(
    running: World, branch: str | None
) -> None:
    target = Place(str(deployments(running, "manifests/shop/deployment.yaml")), branch)
    with pytest.raises(UserError, match="Ordain did not write this") as caught:
        running.reconcile(target=target)
    assert caught.value.where == "manifests/shop/deployment.yaml"
    name = branch or "main"
    listed = running.run(Path(target.address), "git", "ls-tree", "-r", "--name-only", name).split()
    assert listed == ["manifests/shop/deployment.yaml"]


def test_a_ledger_of_another_repository_is_nobodys_to_remove(
    running: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = Place(str(deployments(running, "shop/deployment.yaml")))
    running.reconcile(target=target)
    other = running.copied(tmp_path_factory.mktemp("other"))
    ada = other.branch("ada", "old")
    other.git("ada", "checkout", "-q", "--orphan", "anew")
    shutil.rmtree(ada / "manifests")
    other.commit("ada", "Found another repository")
    other.git("ada", "push", "-q", "-f", "origin", "HEAD:main")
    before = running.run(Path(target.address), "git", "rev-parse", "main")
    with pytest.raises(UserError):
        other.reconcile(target=target)
    assert running.run(Path(target.address), "git", "rev-parse", "main") == before


def test_a_branch_of_manifests_that_was_there_before_is_nobodys_to_remove(running: World) -> None:
    where = running.branch("dana", "old")
    running.git("dana", "checkout", "-q", "--orphan", "live")
    shutil.rmtree(where / "manifests")
    running.write(where, "manifests/shop/deployment.yaml", "kind: Deployment\n")
    running.commit("dana", "What we run")
    running.push("dana")
    with pytest.raises(UserError, match="Ordain did not write this"):
        running.reconcile(target=Place(str(running.origin), "live"))
