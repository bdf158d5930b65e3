"""What GitLab says of merged requests, through its client, against a stand-in that its description judges."""

from __future__ import annotations

from typing import Any

import pytest

from ordain.adapters.forges.gitlab import GitLab
from ordain.core.people.request import Request, Review, standing
from ordain.errors import UserError
from tests.adapters.forges.gitlab_world import (
    ASSOCIATED,
    EVENTS,
    HEAD,
    MERGED,
    NOTES,
    NUMBER,
    OLD,
    SETTINGS,
    SQUASHED,
    World,
)
from tests.adapters.forges.standin import Fault


def asked(gitlab: GitLab, commit: str = MERGED) -> Request:
    found = gitlab.merged_as(commit)
    assert found is not None
    return found


def test_a_merged_request_is_told_whole(gitlab: GitLab, gitlab_world: World) -> None:
    found = asked(gitlab)
    assert (found.forge, found.repository, found.number, found.base) == (
        "gitlab",
        "acme/ml/churn",
        12,
        "main",
    )
    assert found.url == f"{gitlab_world.server.origin}/acme/ml/churn/-/merge_requests/12"
    assert (found.head, found.merged, found.merged_at) == (HEAD, MERGED, "2026-11-22T09:00:00Z")
    assert (found.merged_by, found.author, found.pushers) == ("omar", "dana", ("dana",))
    approval = Review(
        reviewer="mei", state="approved", commit=HEAD, submitted="2026-11-21T10:00:00Z", bot=False
    )
    assert found.reviews == (approval,)
    assert (found.bypasses, found.unsafe) == ((), ())


@pytest.mark.parametrize(
    ("merge", "squash", "became"),
    [
        (MERGED, None, MERGED),
        (MERGED, SQUASHED, MERGED),
        (None, SQUASHED, SQUASHED),  # squashed and fast-forwarded
        (None, None, HEAD),  # rebased and fast-forwarded
        ("7" * 40, None, "7" * 40),  # from a merge train
    ],
)
def test_each_way_to_merge_is_found_from_the_commit_that_it_made(
    merge: str | None, squash: str | None, became: str, gitlab: GitLab, gitlab_world: World
) -> None:
    ways = {"merge_commit_sha": merge, "squash_commit_sha": squash}
    gitlab_world.merged |= ways
    gitlab_world.associated = [gitlab_world.basic(gitlab_world.merged)]
    assert asked(gitlab, became).merged == became
    for other in {MERGED, SQUASHED, HEAD} - {became}:
        assert gitlab.merged_as(other) is None


def test_an_earlier_commit_of_a_fast_forwarded_request_leads_to_it(
    gitlab: GitLab, gitlab_world: World
) -> None:
    gitlab_world.merged |= {"merge_commit_sha": None}
    gitlab_world.associated = [gitlab_world.basic(gitlab_world.merged)]
    gitlab_world.commits = [gitlab_world.commit(sha) for sha in (HEAD, "5" * 40)]
    found = asked(gitlab, "5" * 40)
    assert (found.number, found.merged) == (12, HEAD)
    assert gitlab.merged_as(OLD) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "opened"},
        {"state": "closed"},
        {"merged_at": None},
        {"merge_commit_sha": OLD},
        {"target_branch": "release"},
        {"target_project_id": 43},
    ],
)
def test_what_is_not_merged_here_as_this_commit_is_nothing(
    changes: dict[str, Any], gitlab: GitLab, gitlab_world: World
) -> None:
    gitlab_world.associated = [gitlab_world.basic(gitlab_world.merged, **changes)]
    assert gitlab.merged_as(MERGED) is None
    # Nor when the list is right and the request itself says otherwise.
    gitlab_world.associated = [gitlab_world.basic(gitlab_world.merged)]
    gitlab_world.merged |= changes
    assert gitlab.merged_as(MERGED) is None


def test_an_answer_about_another_request_is_nothing(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.merged |= {"iid": 99}
    assert gitlab.merged_as(MERGED) is None


def test_two_requests_that_claim_one_commit_are_nothing(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.associated.append(gitlab_world.basic(gitlab_world.merged, iid=14))
    assert gitlab.merged_as(MERGED) is None


def test_a_commit_that_gitlab_does_not_have_is_nothing(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.server.on("GET", ASSOCIATED, {"message": "404 Commit Not Found"}, 404)
    assert gitlab.merged_as(MERGED) is None


def test_an_answer_for_another_project_is_refused(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.project |= {"path_with_namespace": "evil/churn"}
    with pytest.raises(UserError, match="another project than acme/ml/churn"):
        gitlab.merged_as(MERGED)


@pytest.mark.parametrize("commit", ["main", "b" * 39, "B" * 40, "../../user", ""])
def test_only_a_commit_id_is_asked_for(commit: str, gitlab: GitLab, gitlab_world: World) -> None:
    with pytest.raises(UserError):
        gitlab.merged_as(commit)
    assert gitlab_world.server.asked == []


def test_an_approval_is_of_the_commit_that_was_newest_then(gitlab: GitLab, gitlab_world: World) -> None:
    """Whoever switches the reset off, pushes and switches it on again moves no approval to the new commit."""
    approval = gitlab_world.approval
    gitlab_world.approved_by = [
        approval("mei", "2026-11-21T10:00:00.000Z"),
        approval("ravi", "2026-11-21T08:59:59.999Z"),
        approval("omar", "2026-11-19T00:00:00.000Z"),
        approval("ada", None),
        approval("lee", "soon"),
    ]
    assert {each.reviewer: each.commit for each in asked(gitlab).reviews} == {
        "ada": None,
        "lee": None,
        "mei": HEAD,
        "omar": None,
        "ravi": OLD,
    }


def test_who_asks_for_changes_does_not_approve(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.approved_by.append(gitlab_world.approval("ravi", "2026-11-21T10:00:00.000Z"))
    gitlab_world.reviewers = [
        gitlab_world.reviewer("mei", "approved"),
        gitlab_world.reviewer("ravi", "requested_changes"),
        gitlab_world.reviewer("omar", "unreviewed"),
    ]
    found = asked(gitlab).reviews
    assert [(each.reviewer, each.state) for each in found] == [
        ("mei", "approved"),
        ("ravi", "approved"),
        ("ravi", "changes_requested"),
    ]
    assert [each.reviewer for each in standing(found)] == ["mei"]


def test_bots_and_deleted_accounts_are_told_apart(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.approved_by = [
        gitlab_world.approval("project_42_bot", "2026-11-21T10:00:00.000Z"),
        gitlab_world.approval(None, "2026-11-21T10:00:00.000Z"),
    ]
    gitlab_world.merged |= {"author": None, "merge_user": None}
    found = asked(gitlab)
    assert [(each.reviewer, each.bot) for each in found.reviews] == [("project_42_bot", True), ("", False)]
    assert standing(found.reviews) == ()
    assert (found.author, found.merged_by) == (None, None)


@pytest.mark.parametrize(
    ("setting", "loose"),
    [
        ("reset_approvals_on_push", False),
        ("disable_overriding_approvers_per_merge_request", False),
        ("merge_requests_author_approval", True),
        ("merge_requests_disable_committers_approval", False),
        ("merge_requests_author_approval", None),
        ("reset_approvals_on_push", None),
    ],
)
def test_each_unsafe_setting_is_named(
    setting: str, loose: bool | None, gitlab: GitLab, gitlab_world: World
) -> None:
    gitlab_world.settings |= {setting: loose}
    assert asked(gitlab).unsafe == (setting,)


@pytest.mark.parametrize("status", [403, 404])
def test_evidence_that_may_not_be_seen_is_named(status: int, gitlab: GitLab, gitlab_world: World) -> None:
    for template in (SETTINGS, EVENTS):
        gitlab_world.server.faulty["GET", template] = Fault(status=status)
    assert asked(gitlab).unsafe == ("approval-settings-not-readable", "pushes-not-listed")


def test_whoever_pushed_is_known(gitlab: GitLab, gitlab_world: World) -> None:
    note, event = gitlab_world.note, gitlab_world.event
    gitlab_world.notes = [
        note(1, "ravi", "added 2 commits\n\n<ul>…</ul>", system=True),
        note(2, "mei", "added 1 commit: as I asked"),  # written by hand
        note(3, "omar", "approved this merge request", system=True),
        note(4, None, "added 1 commit", system=True),
    ]
    gitlab_world.events = [
        event("lee", "retrain"),
        event("kim", "other"),
        event("bulk", None),
        event(None, "retrain"),
    ]
    assert asked(gitlab).pushers == ("", "bulk", "dana", "lee", "ravi")
    (query,) = [each.query for each in gitlab_world.server.asked if each.path.endswith("/events")]
    assert (query["action"], query["after"]) == ("pushed", "2026-10-21")


def test_a_push_by_an_account_that_is_gone_is_somebodys(gitlab: GitLab, gitlab_world: World) -> None:
    note, event = gitlab_world.note, gitlab_world.event
    for told in ("notes", "events"):
        gitlab_world.notes = [note(4, None, "added 1 commit", system=True)] if told == "notes" else []
        gitlab_world.events = [event(None, "retrain")] if told == "events" else []
        assert asked(gitlab).pushers == ("", "dana")


def test_whoever_pushed_to_a_fork_is_known_from_its_own_events(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.merged |= {"source_project_id": 43}
    gitlab_world.events = [gitlab_world.event("ravi", "retrain")]
    found = asked(gitlab)
    assert (found.pushers, found.unsafe) == (("dana", "ravi"), ())
    (path,) = [each.path for each in gitlab_world.server.asked if each.path.endswith("/events")]
    assert path.endswith("/projects/43/events")


def test_a_fork_that_tells_nothing_makes_the_word_unusable(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.merged |= {"source_project_id": 43}
    gitlab_world.server.faulty["GET", EVENTS] = Fault(
        status=404, body=b'{"message": "404 Project Not Found"}'
    )
    assert asked(gitlab).unsafe == ("pushes-not-listed",)
    gitlab_world.merged |= {"source_project_id": None}
    found = asked(gitlab)
    assert (found.pushers, found.unsafe) == (("", "dana"), ("pushes-not-listed",))


def test_all_pages_are_read(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.notes = [gitlab_world.note(n, f"p-{n}", "added 1 commit", system=True) for n in range(250)]
    assert len(asked(gitlab).pushers) == 251
    assert gitlab_world.server.count("GET", NOTES) == 3


def test_more_pushes_than_can_be_looked_at_are_no_evidence(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.events = [gitlab_world.event("lee", "retrain")] * 5001
    gitlab_world.server.description.check_answer = lambda *_: None  # type: ignore[method-assign]
    found = asked(gitlab)
    assert found.unsafe == ("pushes-not-listed",)


@pytest.mark.parametrize("login", ["mei\n", "", "mei mei", "me" + "\u0456", "-mei", "*"])
def test_hostile_logins_are_nobody(login: str, gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.approved_by = [gitlab_world.approval(login, "2026-11-21T10:00:00.000Z")]
    gitlab_world.merged |= {"author": gitlab_world.user(login), "title": "a\n\x1b[2J\u202e"}
    found = asked(gitlab)
    assert (found.reviews[0].reviewer, found.author, standing(found.reviews)) == ("", None, ())
    assert found.title == "a\\n\\x1b[2J\\u202e"


def test_the_project_is_asked_for_by_its_whole_name(gitlab: GitLab, gitlab_world: World) -> None:
    asked(gitlab)
    paths = [each.path for each in gitlab_world.server.asked]
    assert paths[0] == "/projects/acme%2Fml%2Fchurn"
    assert all(each.startswith((f"/projects/{NUMBER}/", "/users/")) for each in paths[1:])


@pytest.mark.parametrize("template", [ASSOCIATED, EVENTS, SETTINGS])
def test_a_question_that_is_not_answered_decides_nothing(
    template: str, gitlab: GitLab, gitlab_world: World
) -> None:
    for status in (400, 401, 410):
        gitlab_world.server.faulty["GET", template] = Fault(status=status)
        with pytest.raises(UserError, match=f"answers {status}"):
            gitlab.merged_as(MERGED)


def test_an_open_request_is_told_with_its_reviews_and_not_as_merged(
    gitlab: GitLab, gitlab_world: World
) -> None:
    assert (gitlab.under_review(12), gitlab.head(12)) == (None, None), "it is merged"
    gitlab_world.merged |= {
        "state": "opened",
        "merged_at": None,
        "merge_user": None,
        "merge_commit_sha": None,
    }
    assert gitlab.head(12) == HEAD
    found = gitlab.under_review(12)
    assert found is not None
    assert (found.head, found.merged, found.merged_at, found.merged_by) == (HEAD, "", "", None)
    assert [(each.reviewer, each.commit) for each in found.reviews] == [("mei", HEAD)]
    assert (found.author, found.unsafe) == ("dana", ())
    gitlab_world.merged |= {"target_branch": "release"}
    assert gitlab.under_review(12) is None
