"""The same commits give the same manifests, wherever, whenever and by whomever `ordain reconcile` runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ordain.adapters.git import Repository
from ordain.core.ledger.ledger import decode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.world import World

# The command itself; only what is published is given.
COMMAND = """
import sys
from ordain.cli import wiring
from ordain.cli.main import main
wiring.published = lambda clone: lambda digest: True
main(sys.argv[1:])
"""
PLACES = {
    "far east": ("077", "a", {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"}),
    "Turkish": ("000", "a folder", {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8",
                                        "PYTHONHASHSEED": "4242", "PYTHONUTF8": "0", "COLUMNS": "20"}),
    "by day": ("027", "b/ü", {"TZ": "UTC", "LANG": "de_DE.UTF-8", "PYTHONHASHSEED": "random",
                              "SOURCE_DATE_EPOCH": "1"}),
}  # fmt: skip


def prepared(world: World) -> None:
    """Two models, the second of which is merged later, and a change that nobody approved."""
    for who, model, other in (("dana", "churn", "ravi"), ("ravi", "fraud", "dana")):
        branch = world.release(who, model, 1)
        world.approve(branch, other)
        world.merge(branch)
    world.merge(world.replicas("dana", 9))


def reconciled(world: World, name: str) -> tuple[str, list[object]]:
    """The tree of what one place made of it, without the ledger, and what its ledger decided."""
    mask, folder, surroundings = PLACES[name]
    root: Path = world.root / folder
    shutil.copytree(world.origin, root / "origin.git")
    world.run(root, "git", "clone", "-q", str(root / "origin.git"), str(root / "clone"))
    words = ["reconcile", "--quiet", "-C", str(root / "clone"), "--key", str(world.keys / "collector")]
    done = subprocess.run(
        ["sh", "-c", f'umask {mask} && exec "$@"', "sh", sys.executable, "-c", COMMAND, *words],
        cwd=root, env={**world.environment("ada"), **surroundings}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    repository = Repository(root / "origin.git")
    head = repository.resolve("main")
    tree = world.run(root / "origin.git", "git", "ls-tree", "-r", head, "--", "manifests/staging")
    entries = [decode(data) for _, data in sorted(repository.read(head, ("manifests/ledger/",)).items())]
    return tree, [(each.source, each.manifests, each.decisions) for each in entries]


@pytest.mark.slow
def test_the_same_commits_give_the_same_bytes(world: World) -> None:
    prepared(world)
    first, *others = (reconciled(world, name) for name in PLACES)
    assert "manifests/staging/churn/deployment.yaml" in first[0]
    assert "manifests/staging/fraud/deployment.yaml" in first[0]
    assert len(first[1]) == 3
    for each in others:
        assert each == first
