"""What GitHub says of merged requests, through PyGithub, against a stand-in that its description judges."""

from __future__ import annotations

from typing import Any

import pytest

from ordain.adapters.forges.github import GitHub
from ordain.core.people.request import Hand, Request, standing
from ordain.errors import UserError
from tests.adapters.forges.github_world import (
    ACTIVITY,
    ASSOCIATED,
    HEAD,
    MERGED,
    OLD,
    REVIEWS,
    SUITES,
    World,
)
from tests.adapters.forges.standin import Fault


def asked(github: GitHub) -> Request:
    found = github.merged_as(MERGED)
    assert found is not None
    return found


def test_a_merged_request_is_told_whole(github: GitHub, github_world: World) -> None:
    found = asked(github)
    assert (found.forge, found.repository, found.number, found.base) == ("github", "acme/churn", 12, "main")
    assert found.url == f"{github_world.server.origin}/acme/churn/pull/12"
    assert (found.head, found.merged, found.merged_at) == (HEAD, MERGED, "2026-11-22T09:00:00Z")
    assert (found.merged_by, found.author, found.pushers) == ("omar", "dana", ("dana",))
    assert [(each.reviewer, each.state, each.commit, each.bot) for each in found.reviews] == [
        ("mei", "approved", HEAD, False)
    ]
    assert (found.bypasses, found.unsafe, found.unseen) == ((), (), ())
    assert standing(found.reviews) == found.reviews


@pytest.mark.parametrize("way", ["merge", "squash", "rebase", "queue"])
def test_each_way_to_merge_is_found_from_the_commit_that_it_made(
    way: str, github: GitHub, github_world: World
) -> None:
    """GitHub gives all four in one field; what differs is what else it associates with the commit."""
    became = {"merge": MERGED, "squash": "5" * 40, "rebase": "6" * 40, "queue": "7" * 40}[way]
    github_world.pull |= {"merge_commit_sha": became}
    mine = github_world.simple(github_world.pull)
    queued = github_world.simple(github_world.pull, number=11, merge_commit_sha="8" * 40)
    github_world.associated = {"rebase": [mine], "queue": [queued, mine]}.get(way, [mine])
    found = github.merged_as(became)
    assert found is not None
    assert (found.number, found.merged) == (12, became)


def test_an_earlier_commit_of_a_rebased_request_leads_to_it(github: GitHub, github_world: World) -> None:
    first, second = "5" * 40, "6" * 40
    github_world.pull |= {"commits": 3}
    github_world.associated = [github_world.simple(github_world.pull)]
    github_world.commits = [github_world.commit(sha, "dana", "dana") for sha in ("1" * 40, "2" * 40, HEAD)]
    github_world.history = [github_world.commit(sha, None, None) for sha in (MERGED, second, first, OLD)]
    for earlier in (first, second):
        found = github.merged_as(earlier)
        assert found is not None
        assert (found.number, found.merged) == (12, MERGED)
    # What was there before the request is not of it, whatever the forge associates.
    assert github.merged_as(OLD) is None
    assert {
        each.query["sha"]
        for each in github_world.server.asked
        if each.path.endswith("/commits") and each.query.get("sha")
    } == {MERGED}


def test_no_commit_leads_to_what_was_squashed_into_one(github: GitHub, github_world: World) -> None:
    github_world.history = [github_world.commit(sha, None, None) for sha in (MERGED, OLD)]
    assert github.merged_as(OLD) is None
    assert github_world.server.count("GET", REVIEWS) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"merged_at": None},  # open: its merge_commit_sha is only a test merge
        {"merge_commit_sha": None},
        {"merge_commit_sha": OLD},
    ],
)
def test_what_is_not_merged_as_this_commit_is_nothing(
    changes: dict[str, Any], github: GitHub, github_world: World
) -> None:
    github_world.associated = [github_world.simple(github_world.pull, **changes)]
    assert github.merged_as(MERGED) is None
    # Nor when the list is right and the request itself says otherwise.
    github_world.associated = [github_world.simple(github_world.pull)]
    github_world.pull |= changes
    assert github.merged_as(MERGED) is None


@pytest.mark.parametrize(
    "where", [("release", "acme/churn"), ("main", "evil/churn"), ("main", "acme/churn2")]
)
def test_a_request_into_another_branch_or_repository_is_nothing(
    where: tuple[str, str], github: GitHub, github_world: World
) -> None:
    other = {"base": github_world.side(where[0], OLD, where[1])}
    github_world.associated = [github_world.simple(github_world.pull, **other)]
    assert github.merged_as(MERGED) is None
    github_world.associated = [github_world.simple(github_world.pull)]
    github_world.pull |= other
    assert github.merged_as(MERGED) is None


def test_a_closed_request_that_claims_no_merge_is_nothing(github: GitHub, github_world: World) -> None:
    github_world.pull |= {"merged": False}
    assert github.merged_as(MERGED) is None


def test_an_answer_about_another_request_is_nothing(github: GitHub, github_world: World) -> None:
    github_world.pull |= {"number": 99}
    assert github.merged_as(MERGED) is None


def test_two_requests_that_claim_one_commit_are_nothing(github: GitHub, github_world: World) -> None:
    github_world.associated.append(github_world.simple(github_world.pull, number=14))
    assert github.merged_as(MERGED) is None


def test_a_commit_that_github_does_not_have_is_nothing(github: GitHub, github_world: World) -> None:
    github_world.server.on("GET", ASSOCIATED, {"message": "No commit found for SHA"}, 422)
    assert github.merged_as(MERGED) is None


@pytest.mark.parametrize("commit", ["main", "b" * 39, "B" * 40, "../../user", "", "b" * 40 + "\n"])
def test_only_a_commit_id_is_asked_for(commit: str, github: GitHub, github_world: World) -> None:
    with pytest.raises(UserError):
        github.merged_as(commit)
    assert github_world.server.asked == []


def test_reviews_are_kept_and_the_newest_of_each_holds(github: GitHub, github_world: World) -> None:
    review = github_world.review
    github_world.reviews = [
        review(1, "mei", "APPROVED"),
        review(2, "ravi", "APPROVED", commit_id=OLD),
        review(3, "omar", "DISMISSED"),
        review(4, "ravi", "CHANGES_REQUESTED"),
        review(5, "mei", "COMMENTED"),
        review(6, "ada", "PENDING", submitted_at="2026-11-21T11:00:00Z"),
        review(7, None, "APPROVED"),
        review(8, "helper[bot]", "APPROVED", user=github_world.account("helper[bot]", "Bot")),
        review(9, "lee", "APPROVED", commit_id=None),
    ]
    found = asked(github).reviews
    assert [each.reviewer for each in found] == [
        "mei",
        "ravi",
        "omar",
        "ravi",
        "mei",
        "",
        "helper[bot]",
        "lee",
    ]
    assert [each.reviewer for each in standing(found)] == ["mei", "lee"]
    assert [each.reviewer for each in found if each.bot] == ["helper[bot]"]
    assert found[-1].commit is None


def test_all_pages_of_reviews_are_read(github: GitHub, github_world: World) -> None:
    github_world.reviews = [github_world.review(n % 60, f"person-{n}", "APPROVED") for n in range(250)]
    assert len({each.reviewer for each in asked(github).reviews}) == 250
    assert github_world.server.count("GET", REVIEWS) == 3


def test_the_makers_are_known_from_accounts_and_from_pushes(github: GitHub, github_world: World) -> None:
    github_world.commits = [
        github_world.commit(HEAD, "dana", "web-flow"),
        github_world.commit(OLD, None, None),
        github_world.commit("d" * 40, "lee", "kim"),
    ]
    move = github_world.move
    github_world.activity = [
        move("late", "branch_creation", "2026-11-23T00:00:00Z"),  # another branch of that name
        move("bob", "branch_deletion", "2026-11-22T08:00:00Z"),
        move("ravi", "force_push", "2026-11-21T00:00:00Z"),
        move("dana", "branch_creation", "2026-11-20T09:00:00Z"),
        move("old", "push", "2026-01-01T00:00:00Z"),  # and an earlier one
    ]
    found = asked(github)
    assert found.pushers == ("dana", "kim", "lee", "ravi")
    assert found.unsafe == ()
    (query,) = [each.query for each in github_world.server.asked if each.path.endswith("/activity")]
    assert query["ref"] == "refs/heads/retrain"


def test_whoever_pushed_to_a_fork_is_known_from_its_own_activity(github: GitHub, github_world: World) -> None:
    """GitHub lets everybody push to it who may push here: those who review."""
    github_world.pull |= {"head": github_world.side("retrain", HEAD, "mallory/churn")}
    github_world.activity = github_world.pushed("ravi")
    found = asked(github)
    assert (found.pushers, found.unsafe) == (("dana", "mallory", "ravi"), ())
    (path,) = [each.path for each in github_world.server.asked if each.path.endswith("/activity")]
    assert path.endswith("/repos/mallory/churn/activity")


@pytest.mark.parametrize("name", [None, "..", "mallory", "mallory/..", "mallory/a/b", "mallory/a?b", ""])
def test_a_fork_that_tells_nothing_makes_the_word_unusable(
    github: GitHub, github_world: World, name: str | None
) -> None:
    side = github_world.side("retrain", HEAD, "mallory/churn")
    side["repo"] = None if name is None else side["repo"] | {"full_name": name}
    github_world.pull |= {"head": side | {"user": None}}
    found = asked(github)
    assert (found.pushers, found.unsafe) == (("", "dana"), ("pushes-not-listed",))
    assert github_world.server.count("GET", ACTIVITY) == 0


@pytest.mark.parametrize("kind", ["pr_merge", "merge_queue_merge", "something_new"])
def test_what_came_by_another_request_has_no_known_pushers(
    github: GitHub, github_world: World, kind: str
) -> None:
    if kind == "something_new":  # whatever GitHub may add one day
        github_world.server.description.check_answer = lambda *_: None  # type: ignore[method-assign]
    github_world.activity.insert(0, github_world.move("ravi", kind, "2026-11-20T11:00:00Z"))
    found = asked(github)
    assert (found.pushers, found.unsafe) == (("dana", "ravi"), ("inner-pushes-not-listed",))


def test_moves_that_do_not_reach_back_to_the_creation_are_no_evidence(
    github: GitHub, github_world: World
) -> None:
    move = github_world.move
    for moves in (
        [],
        [move("dana", "push", "2026-11-20T10:00:00Z")],
        [move("dana", "branch_creation", "2026-11-21T10:00:00Z")],  # after the request: an older one is due
        [move("dana", "branch_creation", "2026-11-23T10:00:00Z")],
    ):
        github_world.activity = moves
        assert asked(github).unsafe == ("pushes-not-listed",)


def test_deleted_accounts_are_somebody_who_can_not_be_named(github: GitHub, github_world: World) -> None:
    github_world.pull |= {"user": None, "merged_by": None}
    github_world.activity = [each | {"actor": None} for each in github_world.pushed("x")]
    github_world.commits = [github_world.commit(HEAD, None, None)]
    found = asked(github)
    assert (found.author, found.merged_by, found.pushers) == (None, None, ("",))


def test_what_each_account_did_is_told_where_github_tells_it(github: GitHub, github_world: World) -> None:
    github_world.commits = [github_world.commit(HEAD, "dana", "web-flow")]
    move = github_world.move
    github_world.activity = [
        move("ravi", "push", "2026-11-21T00:00:00Z") | {"before": OLD, "after": HEAD},
        move("mei", "force_push", "2026-11-21T00:00:00Z") | {"before": OLD, "after": HEAD},
        move("lee", "push", "2026-11-21T00:00:00Z") | {"before": "0" * 7, "after": HEAD},
    ]
    assert asked(github).hands == (
        Hand(login="dana", after=HEAD),
        Hand(login="ravi", before=OLD, after=HEAD),
        Hand(login="mei"),
        Hand(login="lee"),
    )
    github_world.pull |= {"head": github_world.side("retrain", HEAD, "mallory/churn")}
    assert asked(github).hands[:2] == (Hand(login="dana", after=HEAD), Hand(login="mallory"))


def test_addresses_are_named_that_github_attributes_to_an_account(
    github: GitHub, github_world: World
) -> None:
    made = github_world.commit
    github_world.commits = [
        made(HEAD, "dana", "web-flow", emails=("dana@x.example", "noreply@github.com")),
        made(OLD, None, "dana", emails=("eve@x.example", "dana@y.example")),
    ]
    found = asked(github)
    assert found.named == ("dana@x.example", "dana@y.example", "noreply@github.com")
    assert found.pushers == ("dana",)
    # Whoever writes GitHub's own address as an author's hides behind it.
    github_world.commits = [made(HEAD, "web-flow", "dana")]
    assert asked(github).pushers == ("", "dana")


def test_commits_beyond_what_github_lists_make_its_word_unusable(github: GitHub, github_world: World) -> None:
    github_world.pull |= {"commits": 251}
    assert asked(github).unsafe == ("commits-not-listed",)


def test_bypasses_of_this_merge_are_told(github: GitHub, github_world: World) -> None:
    suite = github_world.suite
    github_world.suites = [
        suite("omar", MERGED),
        suite("ada", OLD),
        suite("mei", MERGED, "pass"),
        suite("\n", MERGED),
    ]
    assert asked(github).bypasses == ("omar", "unknown")
    (query,) = [each.query for each in github_world.server.asked if each.path.endswith("/rule-suites")]
    assert query == {
        "ref": "refs/heads/main",
        "time_period": "month",
        "rule_suite_result": "bypass",
        "per_page": "100",
    }


def test_a_bypass_for_a_whole_group_of_the_queue_is_each_requests(
    github: GitHub, github_world: World
) -> None:
    """The queue pushes a group under its newest commit, so the others are known by the time."""
    suite = github_world.suite
    github_world.suites = [
        suite("omar", "9" * 40, pushed_at="2026-11-22T08:59:20Z"),
        suite("ada", "9" * 40, pushed_at="2026-11-22T09:01:01Z"),
        suite("mei", "9" * 40, "fail", pushed_at="2026-11-22T09:00:00Z"),
    ]
    assert asked(github).bypasses == ("omar",)


@pytest.mark.parametrize("status", [403, 404])
def test_evidence_that_may_not_be_seen_is_named(status: int, github: GitHub, github_world: World) -> None:
    for template in (SUITES, ACTIVITY):
        github_world.server.faulty["GET", template] = Fault(status=status, body=b'{"message": "no"}')
    found = asked(github)
    assert (found.unsafe, found.unseen) == (("pushes-not-listed",), ("rule-suites-not-listed",))


def test_bypasses_can_not_be_known_after_a_month(github: GitHub, github_world: World) -> None:
    when = {"created_at": "2026-10-19T12:00:00Z", "merged_at": "2026-10-20T00:00:00Z"}
    github_world.pull |= when
    github_world.activity = [github_world.move("dana", "branch_creation", "2026-10-19T00:00:00Z")]
    github_world.associated = [github_world.simple(github_world.pull, **when)]
    found = asked(github)
    assert (found.unsafe, found.unseen) == ((), ("rule-suites-not-listed",))


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("a\nb\x1b[2J\u202e", "a\\nb\\x1b[2J\\u202e"),
        ("x" * 5000, "x" * 200 + "…"),
        ("<script>|`@mei", "<script>|`@mei"),
    ],
)
def test_hostile_titles_stay_on_one_line(title: str, shown: str, github: GitHub, github_world: World) -> None:
    github_world.pull |= {"title": title, "html_url": "javascript:alert(1)"}
    found = asked(github)
    assert found.title == shown
    assert found.url.endswith("/acme/churn/pull/12")


@pytest.mark.parametrize(
    "login", ["mei\n", "", "mei mei", "me" + "\u0456", "-mei", "m" * 300, "mei[bot]x", "*"]
)
def test_hostile_logins_are_nobody(login: str, github: GitHub, github_world: World) -> None:
    github_world.reviews = [github_world.review(1, login, "APPROVED")]
    github_world.commits = [github_world.commit(HEAD, login, login)]
    github_world.pull |= {"user": github_world.account(login)}
    found = asked(github)
    assert (found.reviews[0].reviewer, found.author, standing(found.reviews)) == ("", None, ())
    assert found.pushers == ("", "dana")


@pytest.mark.parametrize("when", ["yesterday", "2026-11-22", "2026-11-22T09:00:00", "9" * 400])
def test_times_that_are_none_are_told_as_none(when: str, github: GitHub, github_world: World) -> None:
    github_world.reviews = [github_world.review(1, "mei", "APPROVED") | {"submitted_at": when}]
    assert asked(github).reviews[0].submitted == ""


@pytest.mark.parametrize("template", [ASSOCIATED, SUITES])
def test_a_question_that_is_not_answered_decides_nothing(
    template: str, github: GitHub, github_world: World
) -> None:
    for status in (400, 401, 410):
        github_world.server.faulty["GET", template] = Fault(status=status)
        with pytest.raises(UserError, match=f"answers {status}"):
            github.merged_as(MERGED)


def test_an_open_request_is_told_with_its_reviews_and_not_as_merged(
    github: GitHub, github_world: World
) -> None:
    # Before a merge, GitHub names a test merge.
    github_world.pull |= {"state": "open", "merged": False, "merged_at": None, "merged_by": None}
    assert github.head(12) == HEAD
    assert len(github_world.server.asked) == 1, "one question, whatever it says of itself"
    found = github.under_review(12)
    assert found is not None
    assert (found.head, found.merged, found.merged_at, found.merged_by) == (HEAD, "", "", None)
    assert [(each.reviewer, each.commit) for each in found.reviews] == [("mei", HEAD)]
    assert (found.author, found.pushers, found.unsafe, found.bypasses) == ("dana", ("dana",), (), ())
    assert github_world.server.count("GET", SUITES) == 0, "nobody has been let past anything yet"


def test_a_request_that_is_closed_merged_or_for_another_branch_is_none_to_review(
    github: GitHub, github_world: World
) -> None:
    assert (github.under_review(12), github.head(12)) == (None, None)
    github_world.pull |= {"state": "open", "merged": False, "merged_at": None, "merged_by": None}
    github_world.pull["base"] = github_world.side("release", OLD)
    assert github.under_review(12) is None
    github_world.pull["base"] = github_world.side("main", OLD, "mallory/churn")
    assert github.under_review(12) is None
