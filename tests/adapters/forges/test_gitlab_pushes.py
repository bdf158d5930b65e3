"""Who had a hand in a merge request's branch, by what GitLab tells of pushes to it."""

from __future__ import annotations

from typing import Any

import pytest

from ordain.adapters.forges.gitlab import GitLab
from ordain.core.people.request import Hand, Request
from tests.adapters.forges.gitlab_world import EVENTS, HEAD, MERGED, OLD, REQUESTS, World
from tests.adapters.forges.standin import Fault

FORK = 43
UNSEEN, INNER = ("pushes-not-listed",), ("inner-pushes-not-listed",)
ADDED = "added 1 commit"
ENDS = {"commit_from": OLD, "commit_to": HEAD}
LATER, AFTER = "2026-11-20T08:00:00.000Z", "2026-11-22T09:05:00.001Z"


def asked(gitlab: GitLab) -> Request:
    found = gitlab.merged_as(MERGED)
    assert found is not None
    return found


def test_whoever_pushed_is_known(gitlab: GitLab, gitlab_world: World) -> None:
    note, event = gitlab_world.note, gitlab_world.event
    gitlab_world.notes = [
        note(1, "ravi", "added 2 commits\n\n<ul>…</ul>", system=True),
        note(2, "mei", "added 1 commit: as I asked"),  # written by hand
        note(3, "omar", "approved this merge request", system=True),
        note(4, None, ADDED, system=True),
    ]
    gitlab_world.events = [
        event("lee", "retrain"),
        event("kim", "other"),
        event("bulk", None),
        event(None, "retrain"),
        gitlab_world.created("eve"),
        event("ada", "retrain"),  # to an earlier branch of that name
    ]
    found = asked(gitlab)
    assert (found.pushers, found.unsafe) == (("", "bulk", "dana", "eve", "lee", "ravi"), ())
    (query,) = [each.query for each in gitlab_world.server.asked if each.path.endswith("/events")]
    assert (query["action"], query["before"]) == ("pushed", "2026-11-24")


def test_a_push_by_an_account_that_is_gone_is_somebodys(gitlab: GitLab, gitlab_world: World) -> None:
    created = list(gitlab_world.events)
    for told in ("notes", "events"):
        gone = [gitlab_world.note(4, None, ADDED, system=True)] if told == "notes" else []
        gitlab_world.notes = gone
        gitlab_world.events = [*([] if gone else [gitlab_world.event(None, "retrain")]), *created]
        assert asked(gitlab).pushers == ("", "dana")


def test_a_push_tells_what_it_brought(gitlab: GitLab, gitlab_world: World) -> None:
    """So that who did nothing but take in the base branch can be told from who did more."""
    gitlab_world.notes = [gitlab_world.note(1, "ravi", ADDED, system=True)]
    gitlab_world.events = [gitlab_world.event("ravi", "retrain", **ENDS), *gitlab_world.events]
    hands = asked(gitlab).hands
    assert [each for each in hands if each.login == "ravi"] == [Hand(login="ravi", before=OLD, after=HEAD)]
    assert {each for each in hands if each.login != "ravi"} == {Hand(login="dana")}


@pytest.mark.parametrize(
    "data",
    [
        {"commit_from": OLD},
        {"commit_to": HEAD},
        {"commit_from": OLD, "commit_to": "HEAD"},
        {**ENDS, "ref": None},
        {**ENDS, "action": "created"},
        {**ENDS, "action": "hardened"},
    ],
)
def test_a_push_that_does_not_tell_what_it_brought_is_a_hand_in_all(
    data: dict[str, Any], gitlab: GitLab, gitlab_world: World
) -> None:
    push = gitlab_world.event("ravi", **{"ref": "retrain", "when": LATER, **data})
    gitlab_world.events = [push, *gitlab_world.events]
    assert Hand(login="ravi") in asked(gitlab).hands


def test_a_push_that_is_noted_and_not_listed_is_a_hand_in_all(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.notes = [gitlab_world.note(each, "ravi", ADDED, system=True) for each in (1, 2)]
    gitlab_world.events = [gitlab_world.event("ravi", "retrain", **ENDS), *gitlab_world.events]
    assert Hand(login="ravi") in asked(gitlab).hands


def test_merging_and_removing_the_branch_is_no_push(gitlab: GitLab, gitlab_world: World) -> None:
    """GitLab removes a merged branch in the name of whoever merged, who may well have approved it."""
    gone = gitlab_world.event("mei", "retrain", "2026-11-22T09:00:01.000Z", action="removed", **ENDS)
    later = gitlab_world.event("lee", "retrain", AFTER)  # a branch of the same name, for the next request
    gitlab_world.events = [later, gone, *gitlab_world.events]
    found = asked(gitlab)
    assert (found.pushers, found.unsafe) == (("dana",), ())


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "pushed"},
        {"ref_type": "tag"},
        {"ref": None},
        {"ref": "retrain2"},
        {"when": "2026-11-20T07:36:00.000Z"},  # an earlier branch of that name is what was opened
        {"when": "soon"},
        {"when": "0001-01-01T00:00:00Z"},
        {"when": "9999-12-31T23:59:59Z"},
    ],
)
def test_pushes_are_all_known_only_back_to_the_creation_of_the_branch(
    changes: dict[str, Any], gitlab: GitLab, gitlab_world: World
) -> None:
    known = {"ref": "retrain", "when": "2026-11-20T07:00:00.000Z", "action": "created"}
    gitlab_world.events = [gitlab_world.event("dana", **known)]
    assert asked(gitlab).unsafe == ()
    gitlab_world.events = [gitlab_world.event("dana", **{**known, **changes})]
    assert asked(gitlab).unsafe == UNSEEN
    gitlab_world.events = []
    assert asked(gitlab).unsafe == UNSEEN


def test_a_request_that_its_push_opened_may_be_written_down_before_that(
    gitlab: GitLab, gitlab_world: World
) -> None:
    """By `git push -o merge_request.create`, of which GitLab notes the push a moment later."""
    gitlab_world.events = [gitlab_world.created("ravi", "2026-11-20T07:30:20.000Z")]
    found = asked(gitlab)
    assert (found.pushers, found.unsafe) == (("dana", "ravi"), ())


def test_pushes_to_a_fork_are_asked_of_the_fork(gitlab: GitLab, gitlab_world: World) -> None:
    """Whoever may merge may push there, too, where its owner allows collaboration."""
    gitlab_world.merged |= {"source_project_id": FORK}
    gitlab_world.events.insert(0, gitlab_world.event("ravi", "retrain"))
    found = asked(gitlab)
    assert (found.pushers, found.unsafe) == (("dana", "ravi"), ())
    gitlab_world.server.faulty["GET", EVENTS] = Fault(status=404)  # a private one
    assert asked(gitlab).unsafe == UNSEEN
    paths = {each.path for each in gitlab_world.server.asked if each.path.endswith("/events")}
    assert paths == {f"/projects/{FORK}/events"}


def test_a_fork_that_is_gone_tells_nothing(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.merged |= {"source_project_id": None}
    found = asked(gitlab)
    assert (found.pushers, found.unsafe) == (("", "dana"), UNSEEN)
    assert gitlab_world.server.count("GET", EVENTS) == 0


@pytest.mark.parametrize(
    ("target", "when", "unsafe"),
    [
        ("retrain", LATER, INNER),
        ("retrain", None, INNER),
        ("retrain", "2026-11-19T08:00:00.000Z", ()),  # into an earlier branch of that name
        ("retrain", AFTER, ()),  # into a later one
        ("other", LATER, ()),
    ],
)
def test_who_pushed_what_another_request_brought_in_is_not_known(
    target: str, when: str | None, unsafe: tuple[str, ...], gitlab: GitLab, gitlab_world: World
) -> None:
    """Ravi pushes Dana's commits to a branch below, and lets her merge that into hers."""
    below = gitlab_world.request(iid=11, target_branch=target, source_branch="below", merged_at=when)
    gitlab_world.lower = [gitlab_world.basic(below)]
    assert asked(gitlab).unsafe == unsafe
    (query,) = [each.query for each in gitlab_world.server.asked if each.query.get("state") == "merged"]
    assert (query["target_branch"], query["updated_after"]) == ("retrain", "2026-11-20T06:55:00+00:00")


def test_requests_below_that_may_not_be_seen_leave_pushes_unknown(
    gitlab: GitLab, gitlab_world: World
) -> None:
    gitlab_world.server.faulty["GET", REQUESTS] = Fault(status=403)
    assert asked(gitlab).unsafe == INNER


def test_more_pushes_than_can_be_looked_at_are_no_evidence(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.events = [gitlab_world.event("lee", "other")] * 5000 + gitlab_world.events
    gitlab_world.server.description.check_answer = lambda *_: None  # type: ignore[method-assign]
    assert asked(gitlab).unsafe == UNSEEN


def test_no_more_pages_are_read_than_up_to_the_creation(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.events = gitlab_world.events + [gitlab_world.event("lee", "other")] * 250
    assert asked(gitlab).unsafe == ()
    assert gitlab_world.server.count("GET", EVENTS) == 1
