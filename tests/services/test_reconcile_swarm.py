"""Eight reconcilers on real clones, staggered, most of them killed: the result is the serial one.

Each round starts from the same origin. The steps are those that a run by itself takes: every call of Git,
from the first read to the push, and what it remembers after that.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from ordain.adapters.git import Repository
from ordain.core.ledger.ledger import decode
from ordain.services.reconciling.order import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.services.world import World

EIGHT, KILLED = 8, 7
NEVER = -1
# The command itself. It notes each step before it takes it, and dies before the one that it was given.
COMMAND = """
import os, signal, sys
from ordain.adapters.git.command import Command
from ordain.adapters.ledger_memory import LedgerMemory
from ordain.cli import wiring
from ordain.cli.main import main
last, notes = int(sys.argv[1]), open(sys.argv[2], "w")
count = [0]
def step(owner, name):
    original = getattr(owner, name)
    def run(self, *words, **options):
        if count[0] == last:
            os.kill(os.getpid(), signal.SIGKILL)
        count[0] += 1
        print(words[0] if owner is Command else name, file=notes, flush=True)
        return original(self, *words, **options)
    setattr(owner, name, run)
for name in ("run", "start"):
    step(Command, name)
for name in ("recall", "remember"):
    step(LedgerMemory, name)
wiring.published = lambda clone: lambda digest: True
main(sys.argv[3:])
"""


class Swarm:
    """An origin that is reset each round, and where manifests and ledger go.

    Args:
        target: a branch of it.
    """

    def __init__(self, world: World, target: str) -> None:
        self.world, self.target = world, target
        self.kept = world.root / "kept.git"
        shutil.copytree(world.origin, self.kept)

    def reset(self) -> None:
        shutil.rmtree(self.world.origin)
        shutil.copytree(self.kept, self.world.origin)

    def start(self, name: str, last: int) -> subprocess.Popen[bytes]:
        """One reconciler in a clone of its own."""
        clone = self.world.root / "clones" / name
        shutil.rmtree(clone, ignore_errors=True)
        self.world.run(self.world.root, "git", "clone", "-q", str(self.world.origin), str(clone))
        (self.world.root / "tmp").mkdir(exist_ok=True)
        words = ["reconcile", "--quiet", "-C", str(clone), "--key", str(self.world.keys / "collector"),
                 "--target", f"#{self.target}"]  # fmt: skip
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(last), str(self.notes(name)), *words],
            env={**self.world.environment("ada"), "TMPDIR": str(self.world.root / "tmp")},
            stderr=subprocess.PIPE,
        )

    def notes(self, name: str) -> Path:
        return self.world.root / f"{name}.steps"

    def serial(self) -> Any:
        """What one reconciler by itself makes of it, in this process."""
        place = Place(str(self.world.origin), "main")
        self.world.reconcile(source=place, target=Place(place.address, self.target))
        return self.result()

    def result(self) -> Any:
        """What was deployed, and each entry but for when it was written and by which signature."""
        repository = Repository(self.world.origin)
        found = repository.read(repository.resolve(self.target), ("manifests/",))
        ledger = {path: data for path, data in found.items() if path.startswith("manifests/ledger/")}
        entries = [decode(data) for _, data in sorted(ledger.items())]
        return (
            {path: data for path, data in found.items() if path not in ledger},
            [replace(each, observed="", previous=None, summaries=()) for each in entries],
        )

    def heads(self) -> list[int]:
        """How many entries each commit of the target holds, oldest first, from where there are any."""
        words = ("git", "rev-list", "--first-parent", "--reverse", self.target)
        rows = self.world.run(self.world.origin, *words).split()
        counts = [len(Repository(self.world.origin).listing(each, ("manifests/ledger/",))) for each in rows]
        return [each for each in counts if each]

    def round(self, steps: Sequence[int], pause: float) -> set[int]:
        """Eight at once: some that die at a step, then some that live; the steps that really killed."""
        self.reset()
        plan = [*steps, *[NEVER] * (EIGHT - len(steps))]
        running = []
        for number, last in enumerate(plan):
            running.append((last, self.start(f"clone-{number}", last)))
            time.sleep(pause)
        killed = set()
        for last, each in running:
            said = each.communicate(timeout=300)[1].decode()
            assert each.returncode in {0, -signal.SIGKILL if last >= 0 else 0}, said
            killed |= {last} if each.returncode else set()
        return killed


def prepared(world: World) -> None:
    """Three steps that wait: approved, approved, refused."""
    branch = world.release("dana", "churn", 1)
    world.approve(branch, "ravi")
    world.merge(branch)
    branch = world.replicas("dana", 5)
    world.approve(branch, "ravi")
    world.merge(branch)
    world.merge(world.replicas("dana", 6))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["main", "live"])
def test_killed_at_every_step_among_others_the_result_is_the_serial_one(world: World, target: str) -> None:
    prepared(world)
    swarm = Swarm(world, target)
    expected = swarm.serial()
    assert [len(each.decisions) for each in expected[1]] == [2, 1, 1]
    swarm.reset()
    alone = swarm.start("alone", NEVER)
    assert alone.communicate(timeout=300)[1] == b""
    steps = swarm.notes("alone").read_text().split()
    assert swarm.result() == expected
    assert {"fetch", "cat-file", "hash-object", "mktree"} <= set(steps[: steps.index("push")])
    # The clone whose readers share the memory is brought up to what was pushed first.
    told = ["rev-parse", "fetch"] if target == "main" else []
    after = [each for each in steps[steps.index("push") + 1 :] if each != "config"]
    assert after == [*told, "remember"], "settings are read, and nothing else"
    left, rounds = set(range(len(steps))), 0
    while left:
        rounds += 1
        assert rounds <= len(steps), f"{sorted(left)} of {steps} were never reached"
        left -= swarm.round(sorted(left)[:KILLED], pause=0.05 * (rounds % 3))
        assert swarm.result() == expected
        assert swarm.heads() == [1, 2, 3]  # none lost, none doubled, nothing older on top
    subprocess.run(["git", "fsck", "--strict"], cwd=world.origin, check=True, capture_output=True)
