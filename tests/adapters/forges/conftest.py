"""Running stand-ins, and the real clients that talk to them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from ordain.adapters.forges.github import GitHub
from ordain.adapters.forges.gitlab import GitLab
from ordain.adapters.forges.guard import Clock, Limits
from ordain.adapters.forges.place import Place, Token, place_of
from tests.adapters.forges import github_world as on_github
from tests.adapters.forges import gitlab_world as on_gitlab
from tests.adapters.forges.standin import TOKEN, StandIn

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
LIMITS = Limits(connect=2, read=0.5, deadline=1.0, size=512 * 2**10)


@dataclass
class Slept:
    """A clock that stands still and remembers how long it was asked to wait."""

    seconds: list[float] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: NOW, sleep=self.seconds.append)


@pytest.fixture
def slept() -> Slept:
    return Slept()


@pytest.fixture
def github_world() -> Iterator[on_github.World]:
    with on_github.hosted() as world:
        yield world


@pytest.fixture
def github_server(github_world: on_github.World) -> StandIn:
    return github_world.server


@pytest.fixture
def github_place(github_server: StandIn) -> Place:
    return place_of("github", f"{github_server.origin}/acme/churn", "main")


@pytest.fixture
def github(github_place: Place, slept: Slept) -> Iterator[GitHub]:
    made = GitHub(github_place, Token(TOKEN), limits=LIMITS, clock=slept.clock)
    yield made
    made.close()


@pytest.fixture
def gitlab_world() -> Iterator[on_gitlab.World]:
    with on_gitlab.hosted() as world:
        yield world


@pytest.fixture
def gitlab(gitlab_world: on_gitlab.World, slept: Slept) -> Iterator[GitLab]:
    place = place_of("gitlab", f"{gitlab_world.server.origin}/{on_gitlab.NAME}", "main")
    made = GitLab(place, Token(TOKEN), limits=LIMITS, clock=slept.clock)
    yield made
    made.close()
