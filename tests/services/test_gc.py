"""`ordain gc` on a real store and a real ledger."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from click.testing import CliRunner

from ordain.adapters.artifacts import Store
from ordain.cli.gc import told
from ordain.cli.main import ordain
from ordain.core.artifacts.artifact import build_layout
from ordain.core.canonical import bytes_digest
from ordain.errors import UserError
from ordain.services.proofs.verify import verify
from ordain.services.reading.audit import audit
from ordain.services.reading.status import status
from ordain.services.reconciling.order import Place
from ordain.services.releases.gc import sweep
from tests.adapters.test_artifacts import files
from tests.services.world import record

if TYPE_CHECKING:
    from tests.services.world import World


def listed(store: Store, digest: str) -> None:
    """A store's index and blob for an artifact whose bytes don't matter here."""
    index = store.root / "index.json"
    manifests = json.loads(index.read_bytes())["manifests"] if index.exists() else []
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifests.append({"mediaType": kind, "digest": digest, "size": 2})
    blob = store.root / "blobs" / "sha256" / digest.removeprefix("sha256:")
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(b"{}")
    index.write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))


@pytest.fixture(scope="module")
def stocked(worlds: tuple[World, World], tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three releases, of which one runs and one is asked for, and a store with one artifact too many."""
    running = worlds[1].copied(tmp_path_factory.mktemp("stocked"))
    found = Store(running.root / "store")
    running.deploy(running.release("dana", "churn", 2), "ravi")
    running.release("dana", "churn", 3)  # an open request
    for number in (1, 2, 3):
        listed(found, record("churn", number).artifact)
    listed(found, bytes_digest(b"never released"))
    return running


@pytest.fixture
def running(stocked: World, tmp_path: Path) -> World:
    return stocked.copied(tmp_path)


@pytest.fixture
def store(running: World) -> Store:
    return Store(running.root / "store")


def clone(world: World) -> Path:
    return world.enter("mei")


def test_only_what_nothing_needs_is_garbage(running: World, store: Store) -> None:
    where = clone(running)
    seen = sweep(where, store, remove=False)
    reasons = {each.releases: each.reasons for each in seen.kept}
    assert reasons["churn@2",] == ("runs in staging", "staging may go back to it")
    assert reasons["churn@1",] == ("staging may go back to it",)
    assert any("pinned in staging on origin/" in each for each in reasons["churn@3",])
    assert seen.garbage == (bytes_digest(b"never released"),)
    assert len(store.digests()) == 4
    gone = sweep(where, store, remove=True)
    assert (gone.removed, gone.freed, len(store.digests())) == (True, 2, 3)
    assert sweep(where, store, remove=True).garbage == ()


def test_a_ledger_that_lies_elsewhere_may_need_every_release(world: World, tmp_path: Path) -> None:
    goal = Place(world.order().source.address, "elsewhere")
    found = Store(tmp_path / "store")
    for number in (1, 2):
        branch = world.release("dana", "churn", number)
        world.approve(branch, "ravi")
        world.merge(branch)
        assert world.reconcile(target=goal).entries
        world.git("dana", "push", "-q", "origin", f":{branch}")
        listed(found, record("churn", number).artifact)
    where = clone(world)
    world.run(where, "git", "fetch", "-q", "--prune", "origin", who="mei")
    seen = sweep(where, found, remove=True)
    assert (len(seen.kept), seen.garbage) == (2, ())
    reasons = {each.releases: each.reasons for each in seen.kept}
    assert any("no ledger is here" in each for each in reasons["churn@1",])


def test_a_clone_is_told_where_the_ledger_lies(world: World, tmp_path: Path) -> None:
    goal, found = Place(world.order().source.address, "elsewhere"), Store(tmp_path / "store")
    for number in (1, 2):
        branch = world.release("dana", "churn", number)
        world.approve(branch, "ravi")
        world.merge(branch)
        world.reconcile(target=goal)
        listed(found, record("churn", number).artifact)
    for who in ("mei", "dana"):
        world.git(who, "fetch", "-q", "origin")
        world.git(who, "config", "ordain.ledger", "origin/elsewhere")
    where = clone(world)
    assert status(where).standings[0].running == "churn@2"
    assert [each.release for each in audit(where, "origin/elsewhere", "staging").events if each.release] == [
        "churn@2"
    ]
    reasons = {each.releases: each.reasons for each in sweep(where, found, remove=False).kept}
    assert "staging may go back to it" in reasons["churn@1",]
    proofs = verify(where, Store(tmp_path / "none"), everything=True).proofs
    assert [each for each in proofs if each.outcome == "FAILED"] == []
    assert world.promote("dana").release == 2
    world.git("mei", "config", "ordain.ledger", "origin/nowhere")
    with pytest.raises(UserError, match="nowhere"):
        status(where)


def test_an_unproven_ledger_removes_nothing(running: World, store: Store) -> None:
    where = running.branch("dana", "forge")
    path = where / "manifests/ledger/00000001.json"
    path.write_text(path.read_text().replace("a", "b", 1))
    running.commit("dana", "Forge")
    running.git("dana", "push", "-q", "origin", "HEAD:main")
    with pytest.raises(UserError):
        sweep(clone(running), store, remove=True)
    assert len(store.digests()) == 4


NEVER = bytes_digest(b"never released")


def reasons(where: Path, store: Store) -> dict[str, tuple[str, ...]]:
    """Why each artifact is kept, by its digest; what is garbage is not in it."""
    return {each.digest: each.reasons for each in sweep(where, store, remove=False).kept}


def test_a_branch_that_cannot_be_read_keeps_every_record_there_is(running: World, store: Store) -> None:
    listed(store, record("churn", 7).artifact)
    where = running.branch("dana", "broken")
    running.write(where, "releases/churn/7.yaml", msgspec.to_builtins(record("churn", 7)))
    (where / "models.yaml").write_text("<<<<<<< HEAD\n")
    running.commit("dana", "Half a merge")
    running.push("dana")
    found = sweep(clone(running), store, remove=False)
    assert found.garbage == (NEVER,)
    assert set(found.unread) == {"origin/broken"}
    assert "can't be read: origin/broken: models.yaml:1" in told(found)
    (reason,) = reasons(clone(running), store)[record("churn", 7).artifact]
    assert reason.startswith("origin/broken can't be read and could name it: models.yaml:1")


@pytest.mark.parametrize("odd", ["text", "symlink"])
def test_a_record_that_cannot_be_read_could_be_of_anything(running: World, store: Store, odd: str) -> None:
    where = running.branch("dana", "broken")
    path = where / "releases/churn/7.yaml"
    path.symlink_to("1.yaml") if odd == "symlink" else path.write_text("digest: ?\n")
    running.commit("dana", "A record of a kind")
    running.push("dana")
    found = sweep(clone(running), store, remove=True)
    assert found.garbage == ()
    assert any("origin/broken can't be read" in each for each in reasons(clone(running), store)[NEVER])
    assert len(store.digests()) == 4


def test_a_branch_that_declares_nothing_keeps_nothing(running: World, store: Store) -> None:
    running.branch("dana", "pages")
    running.git("dana", "rm", "-q", "-r", ".")
    (running.enter("dana") / "index.html").write_text("")
    running.commit("dana", "Pages")
    running.push("dana")
    assert sweep(clone(running), store, remove=False).garbage == (NEVER,)


def test_a_release_that_nobody_has_committed_yet_is_kept(running: World, store: Store) -> None:
    listed(store, record("churn", 8).artifact)
    where = clone(running)
    running.write(where, "releases/churn/8.yaml", msgspec.to_builtins(record("churn", 8)))
    found = reasons(where, store)
    assert found[record("churn", 8).artifact] == (f"newest release on the working tree {where}",)
    (where / "models.yaml").write_text("half an edit: [\n")
    assert "can't be read" in reasons(where, store)[record("churn", 8).artifact][0]
    (where / "releases/churn/8.yaml").write_text("half a record: [\n")
    assert NEVER in reasons(where, store)


def test_every_working_tree_and_what_is_checked_out_there_counts(running: World, store: Store) -> None:
    listed(store, record("churn", 8).artifact)
    listed(store, record("churn", 9).artifact)
    where, other = clone(running), running.root / "other"
    running.git("mei", "worktree", "add", "-q", "--detach", str(other))
    running.write(other, "releases/churn/8.yaml", msgspec.to_builtins(record("churn", 8)))
    running.run(other, "git", "add", "--all", who="mei")
    running.run(other, "git", "commit", "-q", "-m", "Detached", who="mei")
    assert reasons(where, store)[record("churn", 8).artifact] == (f"newest release on HEAD of {other}",)
    running.write(other, "releases/churn/9.yaml", msgspec.to_builtins(record("churn", 9)))
    assert reasons(where, store)[record("churn", 9).artifact] == (
        f"newest release on the working tree {other}",
    )
    shutil.rmtree(other)
    assert "git worktree prune" in "".join(reasons(where, store)[NEVER])
    running.git("mei", "worktree", "prune")
    assert NEVER not in reasons(where, store)


def test_a_branch_of_another_remote_counts(running: World, store: Store) -> None:
    running.git("mei", "remote", "add", "fork", str(running.origin))
    running.git("mei", "fetch", "-q", "fork")
    running.run(running.origin, "git", "branch", "-q", "-D", "churn-3")
    running.git("mei", "fetch", "-q", "--prune", "origin")
    found = reasons(clone(running), store)[record("churn", 3).artifact]
    assert found == ("newest release on fork/churn-3", "pinned in staging on fork/churn-3")


def test_shared_blobs_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = store.put(build_layout(files(0))), store.put(build_layout(files(1)))
    store.remove([first])
    assert store.digests() == (second,)
    assert store.get(second).manifest_digest == second
    assert not store.has(first)
    assert store.remove([]) == 0


def test_the_command(running: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDAIN_STORE", str(store.root))
    where = str(clone(running))
    told = CliRunner().invoke(ordain, ["gc", "-C", where], catch_exceptions=False)
    assert "3 kept, 1 garbage" in told.output
    assert "next: ordain gc --remove" in told.output
    told = CliRunner().invoke(ordain, ["gc", "-C", where, "--remove"], catch_exceptions=False)
    assert "3 kept, 1 removed" in told.output
