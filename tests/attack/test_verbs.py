"""Every verb in an armed clone: it does its work, and nothing of the clone's runs."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ordain.cli.main import main
from tests.attack.armed import Armed
from tests.services.world import World

Verb = Callable[[World, Path], list[str]]


def words(*told: str) -> Verb:
    """A verb that needs to know nothing of the world."""
    return lambda world, clone: [each.replace("OUT", str(clone.parent / "out")) for each in told]


def with_key(*told: str) -> Verb:
    """A verb that signs."""
    return lambda world, clone: [each.replace("KEYS", str(world.keys)) for each in told]


# Verb, and the exit code that tells that it did its work.
VERBS: dict[str, tuple[Verb, int]] = {
    "check": (words("check"), 1),
    "plan": (words("plan"), 2),
    "plan --rev": (words("plan", "--rev", "HEAD", "--report", "OUT.html"), 2),
    "plan --base": (words("plan", "--rev", "HEAD", "--base", "HEAD~1"), 2),
    "verify": (words("verify"), 0),
    "verify --all": (words("verify", "--all", "--anew"), 0),
    "audit": (words("audit", "--format", "html"), 0),
    "audit --at": (words("audit", "--at", "HEAD"), 0),
    "why": (words("why", "churn@staging"), 0),
    "gc": (words("gc", "--remove"), 0),
    "status": (words("status"), 0),
    "report": (words("report", "--out", "OUT.md"), 0),
    "compare": (words("compare", "churn"), 0),
    "compare releases": (words("compare", "churn", "churn@1"), 0),
    "affected": (words("affected"), 0),
    "data check": (words("data", "check"), 0),
    "data pull": (words("data", "pull"), 1),
    "release": (words("release"), 1),
    "promote": (words("promote", "churn", "--to", "production"), 0),
    "rollback": (words("rollback", "churn", "--env", "staging"), 1),
    "renumber": (words("renumber", "churn"), 1),
    "commit": (words("commit"), 0),
    "publish": (words("publish"), 75),
    "bundle": (with_key("bundle", "churn@staging", "--key", "KEYS/dana"), 75),
    "approve": (with_key("approve", "origin/replicas-3", "--key", "KEYS/ravi"), 0),
    "retrain": (words("retrain", "churn", "--because", "{}"), 1),
    "reconcile": (with_key("reconcile", "--key", "KEYS/collector"), 0),
}


@pytest.fixture(scope="module")
def world(deployed: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """churn@1 runs in staging, another change waits, and main holds what a plain clone can bring."""
    world = deployed.copied(tmp_path_factory.mktemp("armed"))
    world.replicas("dana", 3)
    armed = Armed(world.root / "marks")
    clone = world.branch("mei", "armed")
    armed.arm_content(clone)
    world.commit("mei", "Arm it")
    world.merge(world.push("mei"))
    world.branch("dana", "here")
    armed.arm_settings(world.enter("dana"), world.environment("dana"))
    return world


@pytest.fixture
def clone(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the armed clone, in which the test now stands, with variables as bad."""
    shutil.copytree(world.enter("dana"), tmp_path / "clone", symlinks=True)
    armed = Armed(world.root / "marks")
    for left in armed.marks.iterdir():
        left.unlink()
    for key, value in {**world.environment("dana"), **armed.environment(tmp_path / "else")}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("ORDAIN_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr("ordain.adapters.registry.session.LONGEST_PAUSE", 0.0)
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def no_network(*_: object, **__: object) -> None:
    """A registry that is nowhere is found out at once, and asked again without a pause."""
    raise socket.gaierror("no such host")


def outside(world: World, clone: Path) -> dict[str, Any]:
    """What no verb may touch: what lies around the clone, its settings and its hooks."""
    kept = (clone / ".git/config", clone / ".git/more", *(clone / ".git/hooks").iterdir())
    around = sorted(str(each) for each in world.root.iterdir())
    return {"around": around, **{str(each): (each.read_bytes(), each.stat().st_mode) for each in kept}}


@pytest.mark.parametrize("name", VERBS)
def test_nothing_runs(world: World, clone: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    verb, expected = VERBS[name]
    before = outside(world, clone)
    with pytest.raises(SystemExit) as ended:
        main(verb(world, clone))
    said = capfd.readouterr()
    assert Armed(world.root / "marks").left == []
    assert outside(world, clone) == before
    assert ended.value.code == expected, said.out + said.err
    assert not list(clone.rglob("ran-by*"))
    assert os.environ["GIT_NAMESPACE"] == "evil"
