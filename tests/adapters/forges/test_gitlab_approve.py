"""Approving on GitLab, bound to the commit that was looked at; python-gitlab over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ordain.adapters.forges.gitlab_reviewing import GitLabReviewing
from ordain.adapters.forges.place import Token, place_of
from ordain.errors import UserError
from tests.adapters.forges.conftest import LIMITS, Slept
from tests.adapters.forges.gitlab_world import APPROVE, HEAD, NAME, OLD, World
from tests.adapters.forges.standin import TOKEN, Asked, Fault


@pytest.fixture
def world(gitlab_world: World) -> World:
    """A merge request that is open, and Ravi's token."""
    gitlab_world.merged |= {
        "state": "opened", "merged_at": None, "merge_user": None, "merge_commit_sha": None,
    }  # fmt: skip
    gitlab_world.approved_by = []
    gitlab_world.account = 3
    return gitlab_world


@pytest.fixture
def ravi(world: World, slept: Slept) -> Iterator[GitLabReviewing]:
    place = place_of("gitlab", f"{world.server.origin}/{NAME}", "main")
    made = GitLabReviewing(place, Token(TOKEN), limits=LIMITS, clock=slept.clock)
    yield made
    made.close()


def logins(world: World) -> list[str]:
    return [each["user"]["username"] for each in world.approved_by]


def test_an_approval_is_bound_to_the_commit_that_was_seen(ravi: GitLabReviewing, world: World) -> None:
    ravi.approve(12, HEAD)
    (sent,) = [each for each in world.server.asked if each.method == "POST"]
    assert sent.body == {"sha": HEAD}
    assert logins(world) == ["ravi"]
    found = ravi.under_review(12)
    assert found is not None
    assert [(each.reviewer, each.commit) for each in found.reviews] == [("ravi", HEAD)]


def test_a_request_that_moved_is_not_approved(ravi: GitLabReviewing, world: World) -> None:
    with pytest.raises(UserError, match="!12 has moved from cccccccccccc to aaaaaaaaaaaa; nothing was") as no:
        ravi.approve(12, OLD)
    assert no.value.fix == "read what is there now, then: ordain approve --request 12"
    assert logins(world) == []


def test_a_push_between_comparing_and_saving_is_told(ravi: GitLabReviewing, world: World) -> None:
    def late(_: Asked) -> tuple[int, object]:
        world.merged["sha"] = OLD
        world.approved_by = [world.approval("ravi", "2026-11-21T11:00:00.000Z")]
        return 201, {"approved_by": world.approved_by}

    world.server.on("POST", APPROVE, late)
    with pytest.raises(UserError, match="to cccccccccccc in the moment of approving") as no:
        ravi.approve(12, HEAD)
    assert no.value.fix.startswith("revoke your approval on its page")


@pytest.mark.parametrize("why", ["barred", "before", "merged"])
def test_whom_gitlab_lets_not_approve_is_told_so(why: str, ravi: GitLabReviewing, world: World) -> None:
    if why == "barred":
        world.barred = {"ravi"}
    elif why == "before":
        ravi.approve(12, HEAD)
    else:
        world.merged["state"] = "merged"
    with pytest.raises(UserError, match="GitLab does not let this account approve !12") as no:
        ravi.approve(12, HEAD)
    assert "whoever approved it already" in no.value.fix


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "the token is not accepted; make a new one that has the scope read_api"),
        (403, "give the token the scope read_api and the Reporter role on acme/ml/churn"),
    ],
)
def test_a_token_that_opens_nothing_is_told(
    status: int, said: str, ravi: GitLabReviewing, world: World
) -> None:
    world.server.faults = [Fault(status=status)]
    with pytest.raises(UserError) as no:
        ravi.account()
    assert said in no.value.fix


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_only_reads_is_told(status: int, ravi: GitLabReviewing, world: World) -> None:
    world.server.faulty["POST", APPROVE] = Fault(status=status)
    with pytest.raises(UserError, match=f"answers {status} to POST") as no:
        ravi.approve(12, HEAD)
    assert no.value.fix == "give the token the scope api and the Developer role on acme/ml/churn"


@pytest.mark.parametrize("body", [b"[]", b"{}x", b'{"approved_by": 1}'])
def test_an_answer_that_is_none_is_refused(body: bytes, ravi: GitLabReviewing, world: World) -> None:
    world.server.faulty["POST", APPROVE] = Fault(status=201, body=body)
    with pytest.raises(Exception, match="GitLab answers") as no:
        ravi.approve(12, HEAD)
    assert type(no.value).__module__ == "ordain.errors"


@pytest.mark.parametrize("commit", ["", "main", HEAD[:12]])
def test_no_approval_without_a_commit(commit: str, ravi: GitLabReviewing, world: World) -> None:
    with pytest.raises(UserError):
        ravi.approve(12, commit)
    assert world.server.asked == []


def test_whose_token_it_is(ravi: GitLabReviewing, world: World) -> None:
    assert ravi.account() == "ravi"
    world.account = 5
    with pytest.raises(UserError, match="of no person: an approval by a bot never counts"):
        ravi.account()
