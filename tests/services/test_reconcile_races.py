"""Several reconcilers at once, and some that are killed: the result is the serial one."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from ordain.adapters.git import PushRacedError, Repository
from ordain.core.ledger.ledger import decode
from ordain.errors import RetryLater, UserError
from ordain.services.reconciling.reconcile import reconcile
from tests.services.world import NOON

if TYPE_CHECKING:
    from tests.services.world import World


def decided(world: World) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the ledger says, without what differs by who wrote it and when."""
    entries = [decode(data) for _, data in sorted(world.ledger().items())]
    assert [each.sequence for each in entries] == list(range(1, len(entries) + 1))
    return [
        (each.source, [(d.transition.id, d.reason.value) for d in each.decisions]) for each in entries
    ]  # fmt: skip


def prepared(world: World) -> None:
    """Three steps that wait: approved, approved, refused."""
    branch = world.release("dana", "churn", 1)
    world.approve(branch, "ravi")
    world.merge(branch)
    branch = world.replicas("dana", 5)
    world.approve(branch, "ravi")
    world.merge(branch)
    branch = world.replicas("dana", 6)
    world.merge(branch)


def serial(world: World, **changes: Any) -> tuple[dict[str, bytes], list[tuple[str, list[tuple[str, str]]]]]:
    """What one reconciler makes of it, in a copy of the origin."""
    import shutil

    copy = world.root / "serial.git"
    shutil.copytree(world.origin, copy)
    origin, world.origin = world.origin, copy
    try:
        world.reconcile(**changes)
        return world.manifests(), decided(world)
    finally:
        world.origin = origin


def test_eight_reconcilers_at_once_give_the_serial_result(world: World) -> None:
    prepared(world)
    expected = serial(world)
    orders = [
        world.order(
            pause=lambda n: time.sleep(0.01 * n),
            clock=lambda number=number: NOON + dt.timedelta(seconds=number),
        )
        for number in range(8)
    ]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(reconcile, orders))
    assert sum(each.commit is not None for each in outcomes) == 1
    assert (world.manifests(), decided(world)) == expected


def test_a_person_who_pushes_in_between_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reconciler's first push is refused; both histories end up on the branch."""
    prepared(world)
    original = Repository.push
    pushed: list[str] = []

    def push_late(self: Repository, address: str, commit: str, name: str) -> None:
        if not pushed:
            world.branch("dana", "note")
            (world.enter("dana") / "note.txt").write_text("hello\n")
            world.commit("dana", "A note")
            world.git("dana", "push", "-q", "origin", "HEAD:main")
        pushed.append(name)
        original(self, address, commit, name)

    monkeypatch.setattr(Repository, "push", push_late)
    waited: list[int] = []
    outcome = world.reconcile(pause=waited.append)
    assert waited == [1]
    assert pushed == ["refs/heads/main"] * 2
    assert len(outcome.entries) == 3
    assert "A note" in world.run(world.origin, "git", "log", "--format=%s", "main")
    assert world.reconcile().commit is None


def test_it_gives_up_politely_when_others_always_win(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(world)

    def lose(*_: object) -> None:
        raise PushRacedError("again")

    monkeypatch.setattr(Repository, "push", lose)
    monkeypatch.setattr("ordain.services.reconciling.reconcile.ATTEMPTS", 3)
    waited: list[int] = []
    with pytest.raises(RetryLater):
        world.reconcile(pause=waited.append)
    assert waited == [1, 2, 3]


@pytest.mark.parametrize("name", ["main/x", "x" * 300])
def test_a_ref_that_cannot_be_made_is_no_race(world: World, name: str) -> None:
    prepared(world)
    clone = Repository(world.enter("ada"))
    with pytest.raises(UserError, match="cannot take this ref"):
        clone.push(str(world.origin), clone.resolve("HEAD"), f"refs/heads/{name}")


CHILD = """
import os, signal, sys
from pathlib import Path
from ordain.adapters.git.command import Command
from ordain.cli.main import main
point = int(sys.argv[1])
original = Command.run
count = [0]
def run(self, *words, **options):
    if count[0] == point:
        os.kill(os.getpid(), signal.SIGKILL)
    count[0] += 1
    return original(self, *words, **options)
Command.run = run
sys.argv = ["ordain", *sys.argv[2:]]
main()
"""


def killed_at(world: World, point: int) -> int:
    """Run the command and kill it before its n-th call of Git; its exit code."""
    words = ["reconcile", "--quiet", "-C", str(world.enter("ada")), "--key", str(world.keys / "collector")]
    environment = {
        **world.environment("ada"),
        "ORDAIN_STORE": str(world.root / "store"),
        "TMPDIR": str(world.root / "tmp"),
    }
    (world.root / "tmp").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(point), *words], env=environment, capture_output=True, check=False
    )
    return done.returncode


@pytest.mark.slow
def test_killed_before_any_of_its_git_calls_it_heals(world: World) -> None:
    """SIGKILL at a spread of the points between read and push: before the push nothing has changed."""
    branch = world.release("dana", "churn", 1)
    world.approve(branch, "ravi")
    world.merge(branch)  # `_shared` is deployed; the model is not, its artifact is not in the store
    expected = serial(world, present=lambda _: False)
    head = world.head()
    done, point, step = False, 0, 5
    while not done:
        code = killed_at(world, point)
        done = code == 0
        assert done or code == -signal.SIGKILL, code
        if not done and world.head() == head:
            assert world.ledger() == {}
        point += step
    assert (world.manifests(), decided(world)) == expected
    subprocess.run(["git", "fsck", "--strict"], cwd=world.origin, check=True, capture_output=True)
    assert world.reconcile().commit is None
