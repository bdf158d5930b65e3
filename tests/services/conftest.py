"""The world that the tests of deciding verbs play in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# `tests` is no installed package; its helpers are found from the root of the repository.
sys.path.append(str(Path(__file__).parents[2]))

if TYPE_CHECKING:
    from ordain.services.monitoring.watched import Watched
    from tests.services.test_run import Repo
    from tests.services.world import World
    from tests.watch.world import Log


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, World]:
    """What `world` and `running` give copies of."""
    from tests.services.world import World

    founded = World(tmp_path_factory.mktemp("founded"))
    running = founded.copied(tmp_path_factory.mktemp("running"))
    running.deploy(running.release("dana", "churn", 1), "ravi")
    return founded, running


@pytest.fixture
def world(worlds: tuple[World, World], tmp_path: Path) -> World:
    """A repository that was just founded."""
    return worlds[0].copied(tmp_path)


@pytest.fixture
def running(worlds: tuple[World, World], tmp_path: Path) -> World:
    """A world in which churn@1 runs in staging: Dana made it, Ravi approved it."""
    return worlds[1].copied(tmp_path)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """One model, run once and committed. Tests copy it."""
    from tests.services.test_run import make

    repo = make(tmp_path_factory.mktemp("ran") / "repo")
    repo.run()
    repo.commit()
    return repo


@pytest.fixture
def somebody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person with a name and a key, and nothing of whoever runs the tests."""
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "key"], check=True)
    (home / ".gitconfig").write_text(
        f"[user]\n\tname = Ann Lee\n\temail = ann@x.example\n\tsigningkey = {home / 'key.pub'}\n"
    )
    for name in [each for each in os.environ if each.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A release that is watched."""
    from ordain.services.monitoring.watched import Approved, watched
    from tests.watch.world import artifact

    folder = artifact(tmp_path_factory.mktemp("artifact"))
    return watched(folder, "churn@production", folder, Approved(release="churn@7"))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Its log of three days on which nothing drifted."""
    from tests.watch.world import ROWS, Log

    log = Log(tmp_path_factory.mktemp("quiet") / "log")
    for days in range(3):
        log.day(days, ROWS)
    return log
