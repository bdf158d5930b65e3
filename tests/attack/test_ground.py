"""Where the ledger is, which branch is the base and which forge is asked: only approved policies say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ordain.adapters.artifacts import Store
from ordain.adapters.git import Repository
from ordain.adapters.ledger_memory import LedgerMemory
from ordain.cli.wiring import forge
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Policy
from ordain.errors import UserError
from ordain.services.judging.clone import open_clone
from ordain.services.judging.workspace import at_base, governed
from ordain.services.proofs.verify import verify
from ordain.services.reading.audit import audit
from ordain.services.reconciling.order import Outcome, Place
from ordain.services.releases.gc import sweep
from ordain.services.releases.release import History
from tests.services.test_gc import listed
from tests.services.test_reconcile import CHURN, verdicts
from tests.services.world import World, record

POLICY = "_policy/_policy"


@pytest.fixture
def hosted(tmp_path: Path) -> World:
    """A world with a forge, whose ledger is on `live`: churn@1, then churn@2 in staging."""
    world = World(tmp_path, {"forge": "github"})
    for number in (1, 2):
        world.sign(branch := world.release("dana", "churn", number), "ravi")
        world.merge(branch)
        reconciled(world)
    return world


def fresh(world: World, who: str = "ada", branch: str = "main") -> Path:
    """Somebody's clone as it is after `git fetch`, on a branch of the origin."""
    where = world.enter(who)
    world.git(who, "fetch", "-q", "--prune", "origin")
    world.git(who, "checkout", "-q", "-B", branch, f"origin/{branch}")
    return where


def reconciled(world: World, branch: str = "main", **changes: Any) -> Outcome:
    """As the command does it: from a clone, told of no branch."""
    clone = Repository(fresh(world, branch=branch))
    place = Place(str(world.origin))
    given: dict[str, Any] = {"source": place, "target": place, "borrow": clone.folder}
    return world.reconcile(**{**given, **changes})


def policy(world: World, *people: str, **changes: Any) -> None:
    """Merge a change of the policy, approved by some people or by nobody."""
    where = world.branch("dana", "policy")
    world.edit(where, "policy.yaml", lambda value: value.update(changes))
    world.commit("dana", "Tidy the policy")
    branch = world.push("dana")
    if people:
        world.sign(branch, *people)
    world.merge(branch)


def at(world: World, ref: str) -> str:
    return world.run(world.origin, "git", "rev-parse", ref)


def entries(world: World, ref: str) -> int:
    return len(Repository(world.origin).listing(at(world, ref), ("manifests/ledger/",)))


def evil(world: World, name: str, commit: str) -> None:
    """A branch that holds an earlier, shorter ledger, which proves itself."""
    world.run(world.origin, "git", "update-ref", f"refs/heads/{name}", commit)


def failures(where: Path, world: World) -> list[str]:
    proofs = verify(where, Store(world.root / "store"), everything=True).proofs
    return [each.what for each in proofs if each.outcome == "FAILED" and each.link != "artifact"]


# -- what nobody approved --------------------------------------------------------------------------


def test_an_unapproved_base_branch_leads_no_reader_to_another_ledger(running: World) -> None:
    """Neither where the shorter ledger has the policy, nor where it has none of it."""
    old = at(running, "main")
    running.deploy(running.replicas("dana", 5), "ravi")
    evil(running, "evil", old)
    policy(running, branch="evil")
    clone = open_clone(fresh(running))
    assert (len(clone.entries), clone.base.name, clone.commit) == (2, "origin/main", at(running, "main"))
    assert failures(running.enter("ada"), running) == []
    with at_base(running.setting("ada")) as desk:
        assert (desk.ground.branch, len(desk.book.records)) == ("main", 2)


def test_an_unapproved_base_branch_stops_no_reconciler(running: World) -> None:
    evil(running, "evil", at(running, "main"))
    policy(running, branch="evil")
    found = verdicts(reconciled(running))
    assert found[POLICY] == Reason.APPROVALS_MISSING
    running.sign(branch := running.replicas("dana", 5), "ravi")
    running.merge(branch)
    assert verdicts(reconciled(running))[CHURN] == "approved"
    assert (entries(running, "main"), entries(running, "evil")) == (3, 1)


@pytest.mark.slow
def test_branches_that_suggest_branches_without_end_stop_nobody(running: World) -> None:
    """One unapproved policy names a branch, whose policy names the next, and so on."""
    declared = yaml.safe_load((fresh(running) / "policy.yaml").read_text())
    tip, lines = at(running, "main"), list[str]()
    for number in range(600):
        said = json.dumps({**declared, "branch": f"b{number + 1}"})
        lines += [
            f"commit refs/heads/b{number}", "committer Eve <eve@x.example> 1790000000 +0000", "data 0",
            f"from {tip}", "M 100644 inline policy.yaml", f"data {len(said.encode())}", said,
        ]  # fmt: skip
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=running.origin, input="\n".join(lines), text=True, check=True
    )
    policy(running, branch="b0")
    clone = open_clone(fresh(running))
    assert (clone.base.name, len(clone.entries)) == ("origin/main", 1)
    assert verdicts(reconciled(running))[POLICY] == Reason.APPROVALS_MISSING


def test_gc_keeps_what_the_real_ledger_may_go_back_to(running: World) -> None:
    store, old = Store(running.root / "store"), at(running, "main")
    for number in (2, 3):
        running.deploy(running.release("dana", "churn", number), "ravi")
    for number in (1, 2, 3):
        listed(store, record("churn", number).artifact)
    evil(running, "evil", old)
    policy(running, branch="evil")
    for name in ("churn-1", "churn-2", "churn-3", "policy"):
        running.run(running.origin, "git", "branch", "-q", "-D", name)
    assert sweep(fresh(running, "mei"), store, remove=True).garbage == ()


def test_an_unapproved_live_branch_leads_nobody_there(hosted: World) -> None:
    evil(hosted, "other", f"{at(hosted, 'live')}~1")
    policy(hosted, live="other")
    assert len(open_clone(fresh(hosted)).entries) == 2
    history = History.around(hosted.enter("ada").resolve())
    assert history.ledger is not None
    assert [each.release.number for each in history.ledger.deployed.values() if each.release] == [2]
    assert verdicts(reconciled(hosted))[POLICY] == Reason.APPROVALS_MISSING
    assert (entries(hosted, "live"), entries(hosted, "other")) == (3, 1)


def test_an_unapproved_forge_is_not_asked_and_moves_no_ledger(running: World) -> None:
    asked: list[Policy] = []
    policy(running, forge="github")
    running.run(running.origin, "git", "update-ref", "refs/heads/live", f"{at(running, 'main')}~1")
    reconciled(running, requests=asked.append)
    assert {each.forge for each in asked} == {"local"}
    assert (entries(running, "main"), entries(running, "live")) == (2, 1)
    assert forge(Repository(fresh(running))) is None


def test_a_ledger_of_another_genesis_is_not_followed(running: World, tmp_path: Path) -> None:
    """Somebody's own world, with their own keys, pushed as a branch that an unapproved policy names."""
    (tmp_path / "theirs").mkdir()
    theirs = World(tmp_path / "theirs", {"branch": "evil"})
    theirs.git("ada", "push", "-q", str(running.origin), "HEAD:refs/heads/evil")
    policy(running, branch="evil")
    clone = open_clone(fresh(running))
    assert (clone.base.name, len(clone.entries)) == ("origin/main", 1)


def test_a_place_that_was_left_is_not_gone_back_to(hosted: World) -> None:
    """Once the ledger has moved, its old branch can be cut off by whoever may push there."""
    old = f"{at(hosted, 'live')}~1"
    policy(hosted, "ravi", "mei", live="next")
    reconciled(hosted)
    reconciled(hosted)
    evil(hosted, "live", old)
    policy(hosted, live="live")
    assert len(open_clone(fresh(hosted)).entries) == 4
    reconciled(hosted)
    assert (entries(hosted, "live"), entries(hosted, "next")) == (1, 5)


def test_what_was_seen_is_seen_under_any_name(running: World) -> None:
    """A clone that has seen more is not fooled by a branch that was renamed and cut off at once."""
    cut = at(running, "main")
    running.deploy(running.replicas("dana", 5), "ravi")
    where = fresh(running, "ravi")
    assert len(open_clone(where).entries) == 2
    for name in ("main", "trunk"):
        evil(running, name, cut)
    policy(running, branch="trunk")
    running.git("ravi", "fetch", "-q", "--force", "origin", "+refs/heads/*:refs/remotes/origin/*")
    running.git("ravi", "reset", "-q", "--hard", "origin/main")
    with pytest.raises(UserError, match="seen entry 2"):
        open_clone(where)


# -- what was approved -----------------------------------------------------------------------------


def remembering(world: World) -> Callable[[str], LedgerMemory]:
    return lambda genesis: LedgerMemory(world.enter("ada") / ".git", genesis)


def test_an_approved_live_branch_takes_the_ledger_over(hosted: World) -> None:
    memory = remembering(hosted)
    policy(hosted, "ravi", "mei", live="next")
    assert verdicts(reconciled(hosted, memory=memory))[POLICY] == "approved"
    assert len(open_clone(fresh(hosted)).entries) == 3
    outcome = reconciled(hosted, memory=memory)
    assert (outcome.repaired, [each.decisions for each in outcome.entries]) == ((), [()])
    assert (entries(hosted, "live"), entries(hosted, "next")) == (3, 4)
    assert at(hosted, "live^{tree}:manifests/staging") == at(hosted, "next^{tree}:manifests/staging")
    assert reconciled(hosted, memory=memory).entries == ()
    clone = open_clone(fresh(hosted))
    assert (clone.ledger, len(clone.entries)) == (at(hosted, "next"), 4)
    hosted.run(hosted.origin, "git", "update-ref", "-d", "refs/heads/live")
    assert len(open_clone(fresh(hosted, "mei")).entries) == 4
    assert failures(hosted.enter("mei"), hosted) == []


def test_whatever_stands_where_a_ledger_moves_to_gives_way(hosted: World) -> None:
    evil(hosted, "next", f"{at(hosted, 'live')}~1")
    policy(hosted, "ravi", "mei", live="next")
    reconciled(hosted)
    reconciled(hosted)
    assert entries(hosted, "next") == 4
    assert failures(fresh(hosted), hosted) == []


def test_an_approved_base_branch_is_judged_from_the_next_step_on(running: World) -> None:
    memory = remembering(running)
    policy(running, "ravi", "mei", branch="trunk")
    running.sign(branch := running.replicas("dana", 5), "ravi")
    running.merge(branch)
    found = verdicts(reconciled(running, memory=memory))
    assert found == {POLICY: "approved"}
    assert open_clone(fresh(running)).base.name == "origin/main"
    with pytest.raises(UserError, match="governs the branch `trunk`") as caught:
        reconciled(running, memory=memory)
    assert ":refs/heads/trunk" in caught.value.fix
    running.git("ada", "fetch", "-q", "origin")
    running.git("ada", "push", "-q", "origin", "origin/main:refs/heads/trunk")
    running.run(running.origin, "git", "update-ref", "-d", "refs/heads/main")
    outcome = reconciled(running, "trunk", memory=memory)
    assert outcome.entries[0].branch == "trunk"
    clone = open_clone(fresh(running, branch="trunk"))
    assert (clone.base.name, len(clone.entries)) == ("origin/trunk", 3)
    assert failures(running.enter("ada"), running) == []
    assert governed(Repository(running.enter("ada"))).branch == "trunk"


def test_an_audit_at_a_commit_of_the_ledgers_branch_says_what_ran_then(hosted: World) -> None:
    where = fresh(hosted, "mei")
    hosted.git("mei", "fetch", "-q", "origin", "live:refs/remotes/origin/live")

    def ran(at: str) -> list[str | None]:
        return [each.release for each in audit(where, at, None).events if each.release]

    assert ran("origin/live") == ran("origin/main") == ["churn@2"]
    assert ran("origin/live~1") == ["churn@1"]
    hosted.git("mei", "checkout", "-q", "--orphan", "unrelated")
    hosted.git("mei", "rm", "-q", "-r", "-f", ".")
    hosted.git("mei", "commit", "-q", "--allow-empty", "-m", "Nothing")
    with pytest.raises(UserError, match="no commit of"):
        ran("unrelated")


def test_a_stale_clone_finds_what_moved(hosted: World) -> None:
    """Its own newest commit knows nothing of the policy that moved the ledger."""
    where = fresh(hosted, "mei")
    policy(hosted, "ravi", "mei", live="next")
    reconciled(hosted)
    reconciled(hosted)
    hosted.git("mei", "fetch", "-q", "origin")
    assert len(open_clone(where).entries) == 4


def test_a_shallow_clone_begins_at_the_branch_that_its_policy_names(hosted: World) -> None:
    where = hosted.root / "shallow"
    words = ("git", "clone", "-q", "--depth", "1", f"file://{hosted.origin}", str(where))
    hosted.run(hosted.root, *words)
    hosted.run(where, "git", "remote", "set-url", "origin", str(hosted.origin))
    assert governed(Repository(where)).branch == "main"
    place = Place(str(hosted.origin))
    assert hosted.reconcile(source=place, target=place, borrow=where).entries == ()
    hosted.run(where, "git", "rm", "-q", "policy.yaml")
    hosted.run(where, "git", "commit", "-q", "-m", "No policy")
    with pytest.raises(UserError, match="this clone is shallow or partial"):
        governed(Repository(where))
