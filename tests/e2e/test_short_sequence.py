"""Pull request, merge, reconcile, by the very lines of the workflows: one model that needs no training.

tests/e2e/test_workflows.py goes the whole way, with training and a real registry; that takes minutes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from ordain.adapters.package import stage_scripts
from tests.e2e.actions import Actions
from tests.services.test_plan import pipeline
from tests.services.world import World, record

WORKFLOWS = Path(__file__).parents[2] / ".github/workflows"


class Shelf(BaseHTTPRequestHandler):
    """A registry that has every artifact that it is asked for."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Docker-Content-Digest", self.path.rpartition("/")[2])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shelf) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/models"
        server.shutdown()


@pytest.fixture
def world(tmp_path: Path, registry: str) -> World:
    people: dict[str, Any] = World.policy()["people"]
    people["bot"] = {"name": "Bot", "emails": ["bot@x.example"], "bot": True,
                     "keys": [{"key": World.public("bot")}]}  # fmt: skip
    (tmp_path / "world").mkdir()
    world = World(tmp_path / "world", {"people": people})
    where = world.branch("ada", "registry")
    for name in ("staging", "production"):
        world.edit(where, f"environments/{name}.yaml", lambda value: value.update(registry=registry))
    world.commit("ada", "Where artifacts go")
    world.git("ada", "push", "-q", "origin", "HEAD:main")
    return world


@pytest.fixture
def actions(world: World, tmp_path: Path) -> Actions:
    (tmp_path / "actions").mkdir()
    secrets = {f"ORDAIN_{name.upper()}_KEY": (world.keys / name).read_text() for name in ("bot", "collector")}
    variables = {"ORDAIN_BOT_NAME": "Bot", "ORDAIN_BOT_EMAIL": "bot@x.example"}
    environment = {**world.environment("bot"), "ORDAIN_ARTIFACTS": "registry"}
    return Actions(tmp_path / "actions", world.origin, environment, secrets, variables)


def declare(world: World) -> str:
    """Dana declares churn with a run and its release on a branch; what is generated besides is left out."""
    where = world.branch("dana", "declare-churn")
    world.add_release("dana", where, ("churn", 1))
    world.write(where, "data/rows.csv", "left,age\nYes,1\nNo,2\n")
    for path, data in stage_scripts().items():
        world.write(where, path, data.decode())
    pipeline(world, where)
    lock = where / "pipelines/churn/dvc.lock"
    stages = yaml.safe_load(lock.read_text())
    for dep in (each for stage in stages["stages"].values() for each in stage["deps"]):
        found = lock.parent / dep["path"]
        if found.is_file():
            dep["md5"] = hashlib.md5(found.read_bytes(), usedforsecurity=False).hexdigest()
    lock.write_text(json.dumps(stages))
    made = record("churn", 1)
    world.write(where, "pipelines/churn/package.json", json.dumps({"artifact": made.artifact}))
    world.git("dana", "rm", "-q", "--cached", "--ignore-unmatch", "dvc.yaml")
    (where / "dvc.yaml").unlink()
    world.commit("dana", "Declare churn")
    return world.push("dana")


def queued(world: World, actions: Actions, branch: str) -> list[str]:
    """GitHub's merge queue tries a request on top of the base branch."""
    tree = world.run(world.origin, "git", "merge-tree", "--write-tree", "main", branch)
    words = ("git", "commit-tree", tree, "-p", "main", "-p", branch, "-m", "Merge")
    group = world.run(world.origin, *words)
    ref = f"refs/heads/gh-readonly-queue/main/pr-7-{world.head()}"
    world.run(world.origin, "git", "update-ref", ref, group)
    event = {"merge_group": {"head_sha": group, "head_ref": ref}}
    return actions.run(WORKFLOWS / "pull-request.yml",
                       {"name": "merge_group", "event": event, "sha": group, "ref": ref})  # fmt: skip


def test_pull_request_merge_reconcile(world: World, actions: Actions) -> None:
    branch = declare(world)

    def pull_request() -> list[str]:
        head = world.run(world.origin, "git", "rev-parse", branch)
        pull = {"number": 7, "head": {"sha": head, "repo": {"full_name": "acme/shop"}}}
        event = {"name": "pull_request", "event": {"pull_request": pull}, "head_ref": branch}
        return actions.run(WORKFLOWS / "pull-request.yml", event)

    with pytest.raises(AssertionError, match=r"dvc\.yaml"):
        queued(world, actions, branch)
    assert actions.results["verdict"] == "failure", "the queue takes nothing that is not ready"
    assert pull_request() == ["generate", "verdict"], "what was left out is pushed, and that is judged"
    assert pull_request() == ["generate", "check", "report", "verdict"]
    assert "churn@1" in actions.summary
    world.git("ravi", "fetch", "-q", "origin")
    words = (str(Path(sys.executable).parent / "ordain"), "approve", f"origin/{branch}")
    world.run(world.enter("ravi"), *words, "--key", str(world.keys / "ravi"), who="ravi")
    assert queued(world, actions, branch) == ["check", "verdict"]
    world.merge(branch)
    actions.run(WORKFLOWS / "reconcile.yml", {"name": "push"})
    assert any("churn@1 approved" in each for each in actions.answers)
    listed = world.run(world.origin, "git", "ls-tree", "-r", "--name-only", "main").splitlines()
    assert {"manifests/staging/churn/deployment.yaml", "manifests/ledger/00000001.json"} <= set(listed)
    before = world.head()
    actions.run(WORKFLOWS / "reconcile.yml", {"name": "push"})
    assert world.head() == before, "ten times, the result is the same"
