"""What Ordain opens, approves, says and reports on GitLab; and the way out through python-gitlab."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ordain.adapters.forges.gitlab import GitLab
from ordain.core.people.request import Draft, Opened, Status, StatusState
from ordain.errors import RetryLater, UserError
from tests.adapters.forges.conftest import Slept
from tests.adapters.forges.gitlab_world import (
    HEAD,
    LOGINS,
    MERGED,
    NOTE,
    NOTES,
    PIPELINE,
    PROJECT,
    REQUEST,
    REQUESTS,
    SETTINGS,
    STATUS,
    World,
)
from tests.adapters.forges.standin import TOKEN, Asked, Fault, standing_in

DRAFT = Draft(
    branch="retrain/churn", base="main", title="Retrain churn", body="Drift.", labels=("ordain",), draft=True
)
GREEN = Status(name="ordain/plan", state="success")
MARK = "<!-- ordain:plan -->"


def bodies(world: World) -> list[str]:
    return [each["body"] for each in world.notes]


def test_a_request_is_opened_once(gitlab: GitLab, gitlab_world: World) -> None:
    page = gitlab.open_request(DRAFT)
    assert page == f"{gitlab_world.server.origin}/acme/ml/churn/-/merge_requests/13"
    assert gitlab.open_request(DRAFT) == page
    (made,) = [each for each in gitlab_world.server.asked if each.method == "POST"]
    assert made.body == {
        "source_branch": "retrain/churn",
        "target_branch": "main",
        "title": "Draft: Retrain churn",
        "description": "Drift.",
        "labels": ["ordain"],
        "remove_source_branch": True,
    }


def test_whoever_is_slower_finds_the_request_of_whoever_was_quicker(
    gitlab: GitLab, gitlab_world: World
) -> None:
    def late(asked: Asked) -> tuple[int, object]:
        gitlab_world.open = [gitlab_world.basic(gitlab_world.merged, iid=14, source_branch=DRAFT.branch)]
        return 409, {"message": ["Another open merge request already exists for this source branch: !14"]}

    gitlab_world.server.on("POST", REQUESTS, late)
    assert gitlab.open_request(DRAFT).endswith("/merge_requests/14")


def test_a_request_that_can_not_be_opened_says_why(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab_world.server.on("POST", REQUESTS, {"error": "source_branch is missing"}, 400)
    with pytest.raises(UserError, match="source_branch is missing"):
        gitlab.open_request(DRAFT)


def test_open_requests_are_those_with_the_label(gitlab: GitLab, gitlab_world: World) -> None:
    def row(number: int, *labels: str) -> dict[str, object]:
        return gitlab_world.basic(gitlab_world.merged, iid=number, labels=list(labels), author=None)

    gitlab_world.open = [row(9, "ordain"), row(7, "ordain", "b"), row(8, "ordainx"), row(6)]
    assert gitlab.open_requests("ordain") == tuple(
        Opened(
            number=number,
            url=f"{gitlab_world.server.origin}/acme/ml/churn/-/merge_requests/{number}",
            title="Retrain churn",
            branch="retrain",
            base="main",
            author=None,
            created="2026-11-20T07:30:00Z",
        )
        for number in (7, 9)
    )


def test_whether_a_branch_ever_had_a_request(gitlab: GitLab, gitlab_world: World) -> None:
    assert not gitlab.requested("retrain/churn-1", "main")
    closed = gitlab_world.basic(gitlab_world.merged, state="closed", source_branch="retrain/churn-1")
    gitlab_world.closed = [closed]
    assert gitlab.requested("retrain/churn-1", "main")
    asked = gitlab_world.server.asked[-1].query
    assert (asked["source_branch"], asked["target_branch"], asked["state"]) == (
        "retrain/churn-1",
        "main",
        "all",
    )


def test_a_comment_is_made_once_and_then_updated_in_place(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab.comment(12, "plan", "first")
    gitlab.comment(12, "plan", "first")
    gitlab.comment(12, "plan", "second")
    assert bodies(gitlab_world) == [f"{MARK}\nsecond"]
    assert [each.method for each in gitlab_world.server.asked if each.method != "GET"] == ["POST", "PUT"]


def test_other_markers_and_other_peoples_comments_are_left_alone(gitlab: GitLab, gitlab_world: World) -> None:
    note = gitlab_world.note
    there = [
        note(1, "mei", f"{MARK}\napproved, trust me"),
        note(2, None, f"{MARK}\nfrom nobody"),
        note(3, LOGINS[9], "<!-- ordain:plan2 -->\nanother"),
    ]
    gitlab_world.notes = [*there, note(4, LOGINS[9], f"{MARK}\nold"), note(5, LOGINS[9], f"{MARK}\nraced")]
    gitlab.comment(12, "plan", "ours")
    assert gitlab_world.notes[:3] == there
    assert bodies(gitlab_world)[3:] == [f"{MARK}\nours"]
    assert gitlab_world.server.count("DELETE", NOTE) == 1


def test_statuses_are_set_once(gitlab: GitLab, gitlab_world: World) -> None:
    wanted = (
        Status(name="ordain/plan", state="success", description="2 changes", url="https://ci.example/1"),
        Status(name="ordain/gates", state="failure", description="y" * 300),
        Status(name="ordain/wait", state="pending"),
    )
    gitlab.status(HEAD, wanted)
    gitlab.status(HEAD, wanted)
    assert [(each["name"], each["status"]) for each in gitlab_world.statuses] == [
        ("ordain/plan", "success"),
        ("ordain/gates", "failed"),
        ("ordain/wait", "pending"),
    ]
    assert gitlab_world.server.count("POST", STATUS) == 3


def test_what_waits_goes_on_waiting_in_its_first_words(gitlab: GitLab, gitlab_world: World) -> None:
    """GitLab refuses `pending` for what is pending; the statuses behind that one are set all the same."""

    def told(words: str, state: StatusState = "pending") -> dict[str, tuple[str, str]]:
        plan = Status(name="ordain/plan", state=state, description=words)
        gitlab.status(HEAD, [plan, Status(name="ordain/churn", state="success", description=words)])
        return {each["name"]: (each["status"], each["description"]) for each in gitlab_world.statuses}

    both, one = "needs 2 reviewers", "needs 1 reviewer"
    assert told(both) == {"ordain/plan": ("pending", both), "ordain/churn": ("success", both)}
    assert told(one) == {"ordain/plan": ("pending", both), "ordain/churn": ("success", one)}
    assert told("approved", "success")["ordain/plan"] == ("success", "approved")
    assert told(one)["ordain/plan"] == ("pending", one)


def test_an_event_starts_a_pipeline(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab.dispatch("ordain-retrain", {"model": "churn"})
    (sent,) = [each for each in gitlab_world.server.asked if each.method == "POST"]
    variables = [
        {"key": "ORDAIN_EVENT", "value": "ordain-retrain"},
        {"key": "ORDAIN_MODEL", "value": "churn"},
    ]
    assert sent.body == {"ref": "main", "variables": variables}


@pytest.mark.parametrize(
    ("event", "name"), [("a b", "x"), ("", "x"), ("ok", "a-b"), ("ok", ""), ("ok", "1a")]
)
def test_an_event_that_gitlab_would_not_take_is_not_sent(
    event: str, name: str, gitlab: GitLab, gitlab_world: World
) -> None:
    with pytest.raises(UserError, match="can't take this event"):
        gitlab.dispatch(event, {name: "x"})
    assert gitlab_world.server.asked == []


@pytest.mark.parametrize(
    ("ask", "path", "needed"),
    [
        (lambda g: g.open_request(DRAFT), ("POST", REQUESTS), "the scope api and the Developer role"),
        (lambda g: g.comment(1, "plan", "x"), ("POST", NOTES), "the scope api and the Developer role"),
        (lambda g: g.status(HEAD, [GREEN]), ("POST", STATUS), "the scope api and the Developer role"),
        (lambda g: g.dispatch("a", {}), ("POST", PIPELINE), "the scope api and the Developer role"),
        (lambda g: g.merged_as(MERGED), ("GET", PROJECT), "the scope read_api and the Reporter role"),
    ],
)
def test_a_missing_permission_is_named(
    ask: Callable[[GitLab], object], path: tuple[str, str], needed: str, gitlab: GitLab, gitlab_world: World
) -> None:
    for status in (403, 404):
        gitlab_world.server.faulty[path] = Fault(status=status, body=b'{"message": "403 Forbidden"}')
        with pytest.raises(UserError) as caught:
            ask(gitlab)
        assert caught.value.fix == f"give the token {needed} on acme/ml/churn"


def test_a_passing_fault_is_waited_out(gitlab: GitLab, gitlab_world: World, slept: Slept) -> None:
    ends = {"RateLimit-Remaining": "0", "RateLimit-Reset": "1795521612"}
    gitlab_world.server.faults = [
        Fault(status=429, headers={"Retry-After": "7"}),
        Fault(status=429, headers=ends),
        Fault(status=503),
    ]
    gitlab.open_requests("any")
    assert slept.seconds == [7.0, 12.0, 4.0]
    gitlab_world.server.faults = [Fault(status=429, headers={"Retry-After": "600"})]
    with pytest.raises(RetryLater, match="GitLab asks to be called less often") as caught:
        gitlab.open_requests("any")
    assert caught.value.after == 600


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_never_followed_and_the_token_stays(
    status: int, gitlab: GitLab, gitlab_world: World
) -> None:
    with standing_in("gitlab", "/api/v4") as other:
        headers = {"Location": f"{other.origin}/api/v4/projects/1"}
        gitlab_world.server.faults = [Fault(status=status, headers=headers)]
        with pytest.raises(UserError, match=f"answers {status}"):
            gitlab.open_requests("any")
        assert (other.asked, other.problems) == ([], [])


def test_the_next_page_is_on_the_same_api_and_pages_end(gitlab: GitLab, gitlab_world: World) -> None:
    here = f"{gitlab_world.server.origin}/api/v4/projects/42/merge_requests?page=1"
    gitlab_world.server.faulty["GET", REQUESTS] = Fault(
        status=200, headers={"Link": '<https://evil.example/api/v4/projects?page=2>; rel="next"'}, body=b"[]"
    )
    with pytest.raises(UserError, match="next page on another server"):
        gitlab.open_requests("any")
    circle = {"Link": f'<{here}>; rel="next"'}
    gitlab_world.server.faulty["GET", REQUESTS] = Fault(status=200, headers=circle, body=b"[]")
    with pytest.raises(UserError, match="more than 200 requests"):
        gitlab.open_requests("any")


@pytest.mark.parametrize("body", [b"{}", b'{"message": "x"}', b"[1]", b"[{}]", b'["x"]'])
@pytest.mark.parametrize("template", [REQUESTS, PROJECT])
def test_what_the_description_does_not_have_is_refused(
    template: str, body: bytes, gitlab: GitLab, gitlab_world: World
) -> None:
    gitlab_world.server.faulty["GET", template] = Fault(status=200, body=body)
    with pytest.raises(UserError, match="its API describes"):
        gitlab.open_requests("any")


def test_a_page_that_is_not_called_json_is_refused(gitlab: GitLab, gitlab_world: World) -> None:
    fault = Fault(status=200, headers={"Content-Type": "text/html"}, body=b'{"id": 1}')
    gitlab_world.server.faulty["GET", PROJECT] = fault
    with pytest.raises(UserError, match="otherwise than its API describes"):
        gitlab.open_requests("any")


def test_the_token_is_a_bearer_and_is_shown_nowhere(
    gitlab: GitLab, gitlab_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = [repr(gitlab), repr(vars(gitlab))]
    echo = b'{"message": {"base": ["bad token ' + TOKEN.encode() + b'"]}}'
    for status in (200, 301, 400, 401, 403, 404, 409, 422):
        gitlab_world.server.faults = [Fault(status=status, body=echo)]
        with pytest.raises(UserError) as caught:
            gitlab.open_requests("any")
        said += [*traceback.format_exception(caught.value), caught.value.fix]
    gitlab.merged_as(MERGED)
    assert gitlab_world.server.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in "".join(said)
    assert TOKEN not in "".join(f"{each.getMessage()}{each.__dict__}" for each in caplog.records)
    assert gitlab_world.server.count("GET", SETTINGS) == 1


def test_a_draft_asks_for_review_once_it_is_said_to(gitlab: GitLab, gitlab_world: World) -> None:
    gitlab.open_request(replace(DRAFT, draft=True))
    (found,) = gitlab.open_requests("ordain")
    assert found.draft
    gitlab.ready(13, "labels show it")
    gitlab.ready(13, "labels show it")
    (found,) = gitlab.open_requests("ordain")
    assert (found.draft, found.title) == (False, DRAFT.title)
    assert [each["body"] for each in gitlab_world.notes] == ["<!-- ordain:ready -->\nlabels show it"]
    assert gitlab_world.server.count("PUT", REQUEST) == 1
