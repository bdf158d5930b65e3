"""A status for each of 200 models: more writes than one question takes requests, or a forge a minute."""

from __future__ import annotations

import pytest

from ordain.adapters.forges.github import GitHub
from ordain.adapters.forges.gitlab import GitLab
from ordain.adapters.forges.guard import Clock
from ordain.adapters.forges.place import Place, Token
from ordain.core.people.request import Status
from ordain.errors import RetryLater
from tests.adapters.forges import gitlab_world as on_gitlab
from tests.adapters.forges.conftest import LIMITS, NOW
from tests.adapters.forges.github_world import HEAD, STATUS, World
from tests.adapters.forges.standin import TOKEN, Fault

FLEET = [Status(name="ordain/plan", state="pending"),
         *(Status(name=f"ordain/model-{number}", state="pending") for number in range(200))]  # fmt: skip


def test_github_takes_the_status_of_every_model(github: GitHub, github_world: World) -> None:
    github.status(HEAD, FLEET)
    github.status(HEAD, FLEET)
    assert {each["context"] for each in github_world.statuses} == {each.name for each in FLEET}
    assert github_world.server.count("POST", STATUS) == len(FLEET)


def test_gitlab_takes_the_status_of_every_model(gitlab: GitLab, gitlab_world: on_gitlab.World) -> None:
    gitlab.status(on_gitlab.HEAD, FLEET)
    assert gitlab_world.server.count("POST", on_gitlab.STATUS) == len(FLEET)


SECONDARY = b'{"message": "You have exceeded a secondary rate limit"}'


@pytest.mark.parametrize(
    ("busy", "written"),
    [
        (Fault(status=403, headers={"Retry-After": "60"}), True),
        (Fault(status=403, body=SECONDARY), True),  # which GitHub documents to mean: a minute at least
        (Fault(status=403, headers={"Retry-After": "600"}), False),
    ],
)
def test_a_minute_that_is_used_up_is_waited_for(
    busy: Fault, written: bool, github_place: Place, github_world: World
) -> None:
    """GitHub takes 80 writes a minute: https://docs.github.com/rest, "About secondary rate limits"."""
    server, waited = github_world.server, []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        server.faulty.clear()

    server.faulty["POST", STATUS] = busy
    forge = GitHub(github_place, Token(TOKEN), limits=LIMITS, clock=Clock(now=lambda: NOW, sleep=sleep))
    if written:
        forge.status(HEAD, FLEET[:3])
        assert (waited, len(github_world.statuses)) == ([60.0], 3)
    else:
        with pytest.raises(RetryLater, match="less often"):
            forge.status(HEAD, FLEET[:3])
        assert waited == []
    forge.close()
