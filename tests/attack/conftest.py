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


@pytest.fixture
def running(tmp_path: Path) -> World:
    """A world in which churn@1 runs in staging: Dana made it, Ravi approved it."""
    from tests.services.world import World

    world = World(tmp_path)
    world.deploy(world.release("dana", "churn", 1), "ravi")
    return world
