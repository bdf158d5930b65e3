"""What attacks share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# `tests` is no installed package; its helpers are found from the root of the repository.
sys.path.append(str(Path(__file__).parents[2]))

if TYPE_CHECKING:
    from tests.services.world import World


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """What `running` gives copies of."""
    from tests.services.world import World

    world = World(tmp_path_factory.mktemp("deployed"))
    world.deploy(world.release("dana", "churn", 1), "ravi")
    return world


@pytest.fixture
def running(deployed: World, tmp_path: Path) -> World:
    """A world in which churn@1 runs in staging: Dana made it, Ravi approved it."""
    return deployed.copied(tmp_path)
