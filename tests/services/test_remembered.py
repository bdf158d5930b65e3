"""A branch that was rewritten to an earlier state proves itself; whoever has seen more is not fooled."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ordain.adapters.artifacts import Store
from ordain.adapters.git import find_repository
from ordain.adapters.ledger_memory import LedgerMemory
from ordain.cli.reconcile import order
from ordain.core.ledger.ledger import Seen
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.judging.clone import open_clone
from ordain.services.proofs.verify import verify
from ordain.services.reconciling.order import Place

if TYPE_CHECKING:
    from tests.services.world import World


@pytest.fixture
def memory(running: World) -> LedgerMemory:
    """That of the reconciler's clone, after two entries."""
    memory = LedgerMemory(running.enter("ada") / ".git", "origin#main")
    running.deploy(running.replicas("dana", 5), "ravi")
    running.reconcile(memory=lambda _: memory)
    return memory


def rewind(world: World, count: int) -> None:
    """A forge's admin rewrites main to what it was some commits ago."""
    world.run(world.origin, "git", "update-ref", "refs/heads/main", f"{world.head()}~{count}")


def test_what_was_seen_is_remembered_and_never_less(memory: LedgerMemory) -> None:
    newest = memory.recall()
    assert newest is not None
    assert newest.sequence == 2
    memory.remember(Seen(sequence=1, digest="sha256:older"))
    assert memory.recall() == newest
    assert LedgerMemory(memory.path.parents[1], "elsewhere#main").recall() is None


def test_a_cut_off_base_is_refused_and_nothing_is_pushed(running: World, memory: LedgerMemory) -> None:
    rewind(running, 1)
    head = running.head()
    with pytest.raises(UserError, match="seen entry 2") as caught:
        running.reconcile(memory=lambda _: memory)
    assert caught.value.reason == Reason.HISTORY_REWRITTEN
    assert "push the branch back" in caught.value.fix
    assert running.head() == head
    # Whoever has seen nothing can't tell: the same state was sound once.
    assert running.reconcile().entries[0].sequence == 2


def test_another_entry_under_the_same_number_is_refused(running: World, memory: LedgerMemory) -> None:
    rewind(running, 2)
    running.deploy(running.replicas("dana", 6, branch="other"), "ravi")
    with pytest.raises(UserError, match="it holds another"):
        running.reconcile(memory=lambda _: memory)


def test_the_memory_of_one_clone_serves_its_readers(running: World, tmp_path: Path) -> None:
    running.deploy(running.replicas("dana", 5), "ravi")
    where = running.enter("ravi")
    running.git("ravi", "fetch", "-q", "origin")
    running.git("ravi", "checkout", "-q", "-B", "main", "origin/main")
    store = Store(tmp_path / "store")
    assert [
        each.outcome for each in verify(where, store, everything=False).proofs if each.link == "ledger"
    ] == ["ok"]
    rewind(running, 1)
    running.git("ravi", "fetch", "-q", "--force", "origin", "+main:refs/remotes/origin/main")
    running.git("ravi", "reset", "-q", "--hard", "origin/main")
    with pytest.raises(UserError, match="seen entry 2"):
        open_clone(where)
    failed = [each for each in verify(where, store, everything=False).proofs if each.outcome == "FAILED"]
    assert [each.link for each in failed] == ["ledger"]


def kept(world: World) -> tuple[Path, Callable[[str], LedgerMemory]]:
    """A clone that lends its objects to a reconciler, and the memory that its readers share."""
    where = world.enter("ada")
    return where, partial(LedgerMemory, find_repository(where).git_folder())


@pytest.mark.parametrize("pushing", [True, False], ids=["pushed", "found"])
def test_who_reads_after_a_reconciler_in_the_same_clone_is_told_of_no_rewriting(
    running: World, *, pushing: bool
) -> None:
    where, memory = kept(running)
    place = Place(str(running.origin))
    branch = running.replicas("dana", 5)
    running.approve(branch, "ravi")
    running.merge(branch)
    if not pushing:
        running.reconcile(source=place, target=place, borrow=where)
    assert bool(running.reconcile(source=place, target=place, borrow=where, memory=memory).entries) is pushing
    assert open_clone(where).state.sequence == 2


def test_what_the_clone_could_not_be_told_is_not_remembered(running: World) -> None:
    where, memory = kept(running)
    place = Place(str(running.origin))
    branch = running.replicas("dana", 5)
    running.approve(branch, "ravi")
    running.merge(branch)
    lock = where / ".git/refs/remotes/origin/main.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    assert running.reconcile(source=place, target=place, borrow=where, memory=memory).entries
    assert open_clone(where).state.sequence == 1
    lock.unlink()
    assert running.reconcile(source=place, target=place, borrow=where, memory=memory).entries == ()
    assert open_clone(where).state.sequence == 2


def as_typed(world: World, target: str | None) -> None:
    """Reconcile as the command would in ada's clone, with `--target` as it was typed there."""
    told = order(world.enter("ada"), world.keys / "collector", target)
    world.reconcile(source=told.source, target=told.target, borrow=told.borrow, memory=told.memory)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["{}", "{}#main", "#main", None])
@pytest.mark.parametrize("then", ["{}/../origin.git", "file://{}", "link#main", "{}/#main", "#main", None])
def test_however_a_place_is_typed_its_memory_is_one(
    running: World, monkeypatch: pytest.MonkeyPatch, first: str | None, then: str | None
) -> None:
    (running.root / "link").symlink_to(running.origin)
    monkeypatch.chdir(running.root)
    running.deploy(running.replicas("dana", 5), "ravi")
    as_typed(running, first.format(running.origin) if first else None)
    rewind(running, 1)
    with pytest.raises(UserError, match="seen entry 2"):
        as_typed(running, then.format(running.origin) if then else None)


def test_the_memory_of_another_branch_is_its_own(running: World) -> None:
    running.deploy(running.replicas("dana", 5), "ravi")
    as_typed(running, None)
    as_typed(running, "#live")
    rewind(running, 1)
    as_typed(running, "#live")
    with pytest.raises(UserError, match="seen entry 2"):
        as_typed(running, f"{running.origin}#main")


def test_a_broken_memory_is_named(running: World) -> None:
    where = running.enter("ada")
    memory = LedgerMemory(find_repository(where).git_folder(), "main")
    memory.remember(Seen(sequence=1, digest="sha256:x"))
    memory.path.write_text(json.dumps({"main": 3}))
    with pytest.raises(UserError, match="not a record") as caught:
        memory.recall()
    assert str(memory.path) in caught.value.fix
    memory.remember(Seen(sequence=2, digest="sha256:y"))  # never raises: it only keeps what it can
