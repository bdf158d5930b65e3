"""What Ordain opens, says and reports on GitHub."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ordain.adapters.forges.github import COMMENT_LIMIT, GitHub
from ordain.adapters.forges.place import Place, Token
from ordain.core.people.request import Draft, Opened, Section, Status, utf16
from ordain.errors import UserError
from tests.adapters.forges.github_world import (
    COMMENT,
    COMMENTS,
    DISPATCHES,
    GRAPHQL,
    HEAD,
    LABELS,
    PULLS,
    STATUS,
    World,
)
from tests.adapters.forges.standin import TOKEN, Asked, Fault

DRAFT = Draft(
    branch="retrain/churn",
    base="main",
    title="Retrain churn",
    body="Because of drift.",
    labels=("ordain",),
    draft=True,
)
GREEN = Status(name="ordain/plan", state="success")
MARK = "<!-- ordain:plan -->"


def bodies(world: World) -> list[str]:
    return [each["body"] for each in world.comments]


def test_a_request_is_opened_once(github: GitHub, github_world: World) -> None:
    page = github.open_request(DRAFT)
    assert page == f"{github_world.server.origin}/acme/churn/pull/13"
    assert github.open_request(DRAFT) == page
    made, labelled = [each for each in github_world.server.asked if each.method == "POST"]
    assert made.body == {
        "base": "main",
        "head": "retrain/churn",
        "title": "Retrain churn",
        "body": "Because of drift.",
        "draft": True,
    }
    assert (labelled.path, labelled.body) == (
        "/repos/acme/churn/issues/13/labels",
        {"labels": ["ordain"]},
    )
    looked = [each.query for each in github_world.server.asked if each.method == "GET"]
    assert looked[0] == {"state": "open", "head": "acme:retrain/churn", "base": "main", "per_page": "100"}


def test_whoever_is_slower_finds_the_request_of_whoever_was_quicker(
    github: GitHub, github_world: World
) -> None:
    def late(asked: Asked) -> tuple[int, object]:
        head = github_world.side(DRAFT.branch, HEAD)
        github_world.open = [github_world.simple(github_world.pull, number=14, head=head)]
        return 422, {"message": "A pull request already exists for acme:retrain/churn."}

    github_world.server.on("POST", PULLS, late)
    github_world.server.on("POST", LABELS, [])
    assert github.open_request(DRAFT).endswith("/pull/14")


def test_a_request_that_can_not_be_opened_says_why(github: GitHub, github_world: World) -> None:
    github_world.server.on("POST", PULLS, {"message": "No commits between main and retrain/churn"}, 422)
    with pytest.raises(UserError, match="No commits between main and retrain/churn"):
        github.open_request(DRAFT)


def test_labels_that_could_not_be_set_are_set_the_next_time(github: GitHub, github_world: World) -> None:
    github_world.server.faulty["POST", LABELS] = Fault(status=403)
    with pytest.raises(UserError, match="answers 403"):
        github.open_request(DRAFT)
    del github_world.server.faulty["POST", LABELS]
    github.open_request(DRAFT)
    assert [each["name"] for each in github_world.open[0]["labels"]] == ["ordain"]
    assert github_world.server.count("POST", PULLS) == 1


def test_a_request_without_labels_gets_none(github: GitHub, github_world: World) -> None:
    github.open_request(Draft(branch="b", base="main", title="t", body=""))
    assert github_world.server.count("POST", LABELS) == 0


@pytest.mark.parametrize("branch", ["-x", "a..b", "a b", "main:evil", ""])
def test_a_branch_with_an_unsafe_name_is_not_opened(branch: str, github: GitHub, github_world: World) -> None:
    with pytest.raises(UserError):
        github.open_request(Draft(branch=branch, base="main", title="t", body=""))
    assert github_world.server.asked == []


def test_open_requests_are_those_with_the_label(github: GitHub, github_world: World) -> None:
    def row(number: int, label: str | None) -> dict[str, object]:
        labels = (
            []
            if label is None
            else [github_world.server.description.example("label", name=label, description="")]
        )
        return github_world.simple(github_world.pull, number=number, labels=labels, state="open", user=None)

    github_world.open = [row(9, "ordain"), row(7, "ordain"), row(8, "other"), row(6, None)]
    assert github.open_requests("ordain") == tuple(
        Opened(
            number=number,
            url=f"{github_world.server.origin}/acme/churn/pull/{number}",
            title="Retrain churn",
            branch="retrain",
            base="main",
            author=None,
            created="2026-11-20T09:30:00Z",
        )
        for number in (7, 9)
    )


def test_whether_a_branch_ever_had_a_request(github: GitHub, github_world: World) -> None:
    assert not github.requested("retrain/churn-1", "main")
    head = github_world.side("retrain/churn-1", HEAD)
    github_world.closed = [github_world.simple(github_world.pull, state="closed", head=head)]
    assert github.requested("retrain/churn-1", "main")
    asked = github_world.server.asked[-1].query
    assert (asked["head"], asked["base"], asked["state"]) == ("acme:retrain/churn-1", "main", "all")


def test_a_comment_is_made_once_and_then_updated_in_place(github: GitHub, github_world: World) -> None:
    github.comment(12, "plan", "first")
    github.comment(12, "plan", "first")
    github.comment(12, "plan", "second")
    assert bodies(github_world) == [f"{MARK}\nsecond"]
    assert [each.method for each in github_world.server.asked if each.method != "GET"] == ["POST", "PATCH"]


def test_other_markers_and_other_peoples_comments_are_left_alone(github: GitHub, github_world: World) -> None:
    me = github_world.me
    there = [
        github_world.comment(1, "mallory", f"{MARK}\napproved, trust me"),
        github_world.comment(2, None, f"{MARK}\nfrom nobody"),
        github_world.comment(3, me, "<!-- ordain:plan2 -->\nanother"),
        github_world.comment(4, me, f"quoting {MARK}"),
    ]
    github_world.comments = list(there)
    github.comment(12, "plan", "ours")
    assert github_world.comments[:4] == there
    assert bodies(github_world)[4:] == [f"{MARK}\nours"]


def test_a_comment_that_a_race_made_twice_becomes_one(github: GitHub, github_world: World) -> None:
    github_world.comments = [github_world.comment(n, github_world.me, f"{MARK}\nold") for n in (1, 2, 3)]
    github.comment(12, "plan", "new")
    assert bodies(github_world) == [f"{MARK}\nnew"]
    assert github_world.server.count("DELETE", COMMENT) == 2


def test_an_app_that_can_not_ask_who_it_is_finds_its_comment(github: GitHub, github_world: World) -> None:
    github_world.server.faulty["GET", "/user"] = Fault(status=403, body=b'{"message": "not by integration"}')
    github_world.comments = [
        github_world.comment(1, "mallory", f"{MARK}\nmine"),
        github_world.comment(2, "github-actions[bot]", f"{MARK}\nold", "Bot"),
    ]
    github.comment(12, "plan", "new")
    assert bodies(github_world) == [f"{MARK}\nmine", f"{MARK}\nnew"]


def test_a_token_that_is_not_accepted_is_no_apps(github: GitHub, github_world: World) -> None:
    github_world.server.faulty["GET", "/user"] = Fault(status=401)
    with pytest.raises(UserError, match="answers 401"):
        github.comment(12, "plan", "x")


def test_a_long_comment_is_cut_and_says_so(github: GitHub, github_world: World) -> None:
    github.comment(12, "plan", "x" * 100_000)
    (body,) = bodies(github_world)
    assert len(body) == COMMENT_LIMIT
    assert body.endswith("longer comment)*")
    assert github_world.server.count("POST", COMMENTS) == 1


def test_a_long_request_leaves_whole_parts_out(github: GitHub, github_world: World) -> None:
    parts = tuple(
        Section(name=f"part {at}", text=f"<details>\n\n{'😀' * 20_000}\n\n</details>") for at in range(3)
    )
    github.open_request(replace(DRAFT, sections=parts, whole="`a.json`"))
    body = github_world.server.asked[1].body["body"]
    assert utf16(body) <= COMMENT_LIMIT
    assert body.count("<details>") == body.count("</details>") == 1
    assert body.endswith("(part 1, part 2): whole in `a.json`.*")


def test_statuses_are_set_once(github: GitHub, github_world: World) -> None:
    wanted = (
        Status(name="ordain/plan", state="success", description="2 changes", url="https://ci.example/1"),
        Status(name="ordain/gates", state="failure", description="y" * 200),
    )
    github.status(HEAD, wanted)
    github.status(HEAD, wanted)
    assert [(each["context"], each["state"]) for each in github_world.statuses] == [
        ("ordain/gates", "failure"),
        ("ordain/plan", "success"),
    ]
    assert len(github_world.statuses[0]["description"]) == 140
    github.status(HEAD, [Status(name="ordain/plan", state="pending")])
    sent = [each.body for each in github_world.server.asked if each.method == "POST"]
    assert sent[0]["target_url"] == "https://ci.example/1"
    assert sent[2] == {"state": "pending", "description": "", "context": "ordain/plan"}
    assert github_world.server.count("POST", STATUS) == 3
    assert {each.places[2] for each in github_world.server.asked} == {HEAD}


def test_an_event_is_sent(github: GitHub, github_world: World) -> None:
    github.dispatch("ordain-retrain", {"model": "churn"})
    (sent,) = github_world.server.asked
    assert sent.body == {"event_type": "ordain-retrain", "client_payload": {"model": "churn"}}


@pytest.mark.parametrize(("event", "entries"), [("a b", 0), ("", 0), ("x" * 101, 0), ("ok", 11)])
def test_an_event_that_github_would_not_take_is_not_sent(
    event: str, entries: int, github: GitHub, github_world: World
) -> None:
    with pytest.raises(UserError, match="can't take this event"):
        github.dispatch(event, {str(n): "x" for n in range(entries)})
    assert github_world.server.count("POST", DISPATCHES) == 0


@pytest.mark.parametrize(
    ("ask", "path", "needed"),
    [
        (lambda g: g.open_request(DRAFT), ("POST", PULLS), "Pull requests: write"),
        (lambda g: g.comment(1, "plan", "x"), ("POST", COMMENTS), "Pull requests: write"),
        (lambda g: g.status(HEAD, [GREEN]), ("POST", STATUS), "Commit statuses: write"),
        (lambda g: g.dispatch("a", {}), ("POST", DISPATCHES), "Contents: write"),
        (lambda g: g.open_requests("a"), ("GET", PULLS), "Pull requests: read"),
    ],
)  # fmt: skip
def test_a_missing_permission_is_named(
    ask: Callable[[GitHub], object], path: tuple[str, str], needed: str, github: GitHub, github_world: World
) -> None:
    github_world.server.faulty[path] = Fault(status=403, body=b'{"message": "Resource not accessible"}')
    with pytest.raises(UserError) as caught:
        ask(github)
    assert caught.value.fix == f"give the token {needed} on acme/churn"


def test_githubs_own_word_on_the_permission_is_passed_on(github: GitHub, github_world: World) -> None:
    accepted = {"X-Accepted-GitHub-Permissions": "pull_requests=write; issues=write"}
    github_world.server.faulty["GET", PULLS] = Fault(status=404, headers=accepted)
    with pytest.raises(UserError) as caught:
        github.open_requests("a")
    assert caught.value.fix == "give the token pull_requests=write; issues=write on acme/churn"
    github_world.server.faulty["GET", PULLS] = Fault(
        status=404, headers={"X-Accepted-GitHub-Permissions": "$(curl evil)"}
    )
    with pytest.raises(UserError) as caught:
        github.open_requests("a")
    assert caught.value.fix == "give the token Pull requests: read on acme/churn"


def test_the_token_goes_out_as_github_expects_it(
    github: GitHub, github_place: Place, github_world: World
) -> None:
    github.open_requests("a")
    (asked,) = github_world.server.asked
    assert asked.headers["Authorization"].split() == ["token", TOKEN] or asked.headers[
        "Authorization"
    ].split() == [
        "Bearer",
        TOKEN,
    ]
    assert asked.headers["X-GitHub-Api-Version"] == "2022-11-28"
    stranger = GitHub(github_place, Token("wrong-token-00"))
    with pytest.raises(UserError, match="answers 401") as caught:
        stranger.open_requests("a")
    assert "wrong-token" not in str(caught.value) + caught.value.fix
    stranger.close()


def test_a_draft_asks_for_review_once_it_is_said_to(github: GitHub, github_world: World) -> None:
    github.open_request(replace(DRAFT, draft=True))
    (found,) = github.open_requests("ordain")
    assert found.draft
    github.ready(13, "labels show it")
    github.ready(13, "labels show it")
    (found,) = github.open_requests("ordain")
    assert not found.draft
    assert bodies(github_world) == ["<!-- ordain:ready -->\nlabels show it"]
    assert github_world.server.count("POST", GRAPHQL) == 1


def test_a_mutation_that_github_refuses_is_an_error(github: GitHub, github_world: World) -> None:
    github.open_request(replace(DRAFT, draft=True))
    refused = {"data": {}, "errors": [{"type": "FORBIDDEN", "message": "no"}]}
    github_world.server.on("POST", GRAPHQL, refused)
    with pytest.raises(UserError, match="can't be taken for review"):
        github.ready(13, "labels show it")


def test_where_drafts_are_not_to_be_had_a_request_is_opened(github: GitHub, github_world: World) -> None:
    opened = github_world.server.answers["POST", PULLS]

    def paid(asked: Asked) -> tuple[int, object]:
        if asked.body["draft"]:
            return 422, {"message": "Draft pull requests are not supported in this repository."}
        return opened(asked)

    github_world.server.on("POST", PULLS, paid)
    assert "/pull/" in github.open_request(replace(DRAFT, draft=True))
    (found,) = github.open_requests("ordain")
    assert not found.draft
