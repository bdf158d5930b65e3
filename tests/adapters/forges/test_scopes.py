"""Each token scope of the pages opens the verbs that they name, with nothing to spare, and no other verb."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Literal, cast

import pytest
from msgspec.structs import replace

from ordain.adapters.forges.github import GitHub
from ordain.adapters.forges.gitlab_reviewing import GitLabReviewing
from ordain.adapters.forges.place import Token, place_of
from ordain.adapters.forges.telling import Teller
from ordain.core.people.request import Draft, Request, Status
from ordain.errors import UserError
from ordain.ports import Requests, Reviewing
from tests.adapters.forges import github_world, gitlab_world, scopes
from tests.adapters.forges.github_world import HEAD, MERGED, OLD
from tests.adapters.forges.standin import TOKEN, StandIn, standing_in

Verb = Callable[[Requests, Teller], object]
DRAFT = Draft(branch="retrain/churn-1", base="main", title="t", body="b", labels=("retrain",), draft=True)
OTHER = replace(DRAFT, branch="retrain/churn-2")
ONE = Status(name="ordain", state="success")


def told(request: Request | None, lacking: str = "") -> None:
    """What was asked for is there, and told whole."""
    if request is None or lacking in {*request.unsafe, *request.unseen}:
        raise UserError("not told")


# Each with the rows of the table whose permissions it takes together.
GITHUB: dict[str, tuple[Verb, tuple[str, ...]]] = {
    "merged": (
        lambda forge, _: told(forge.merged_as(MERGED)), ("what merged, reviews, comments of requests",)
    ),
    "listed": (lambda forge, _: forge.open_requests("x"), ("what merged, reviews, comments of requests",)),
    "requested": (
        lambda forge, _: forge.requested("b", "main"), ("what merged, reviews, comments of requests",)
    ),
    "pushes": (
        lambda forge, _: told(forge.merged_as(MERGED), "pushes-not-listed"),
        ("what merged, reviews, comments of requests", "who pushed, earlier commits of a rebase"),
    ),
    "rebased": (
        lambda forge, _: told(forge.merged_as(OLD)),
        ("what merged, reviews, comments of requests", "who pushed, earlier commits of a rebase"),
    ),
    "review": (
        lambda forge, _: told(forge.under_review(13), "pushes-not-listed"),
        ("reviews of an open request, for the report",),
    ),
    "statuses": (lambda forge, _: forge.status(HEAD, []), ("statuses",)),
    "open": (lambda forge, _: forge.open_request(OTHER), ("opening requests, comments, labels",)),
    "comment": (lambda forge, _: forge.comment(12, "plan", "b"), ("opening requests, comments, labels",)),
    "ready": (
        lambda forge, _: forge.ready(13, "labels"),
        ("letting a draft ask for review",),
    ),
    "status": (lambda forge, _: forge.status(HEAD, [ONE]), ("setting statuses",)),
    "tell": (
        lambda _, teller: teller.dispatch("ordain-retrain", {"model": "churn"}),
        ("starting jobs (repository_dispatch), which is all that a monitor does",),
    ),
    "bypasses": (
        lambda forge, _: told(forge.merged_as(MERGED), "rule-suites-not-listed"),
        ("what merged, reviews, comments of requests", "bypasses (rule suites)"),
    ),
}  # fmt: skip
GITLAB: dict[str, tuple[Verb, str]] = {
    "merged": (
        lambda forge, _: told(forge.merged_as(gitlab_world.MERGED)),
        "what merged, approvals, pushes; the same of an open request, for the report",
    ),
    "listed": (
        lambda forge, _: forge.open_requests("x"),
        "what merged, approvals, pushes; the same of an open request, for the report",
    ),
    "settings": (
        lambda forge, _: told(forge.merged_as(gitlab_world.MERGED), "approval-settings-not-readable"),
        "the project's approval settings",
    ),
    "open": (lambda forge, _: forge.open_request(OTHER), "opening requests, comments, statuses, pipelines"),
    "comment": (
        lambda forge, _: forge.comment(12, "plan", "b"), "opening requests, comments, statuses, pipelines"
    ),
    "ready": (
        lambda forge, _: forge.ready(13, "labels"), "opening requests, comments, statuses, pipelines"
    ),
    "status": (
        lambda forge, _: forge.status(HEAD, [ONE]), "opening requests, comments, statuses, pipelines"
    ),
    "approve": (
        lambda forge, _: cast("Reviewing", forge).approve(13, gitlab_world.HEAD),
        "approving as oneself (ordain approve --request 12), by a personal access token",
    ),
    "tell": (
        lambda _, teller: teller.dispatch("ordain-retrain", {"model": "churn"}),
        "starting a pipeline, as a monitor does",
    ),
}  # fmt: skip
ON_GITHUB = scopes.listed("forges.md", "## GitHub")
ON_GITLAB = scopes.listed("forges.md", "## GitLab")


def permissions(rows: tuple[str, ...]) -> frozenset[str]:
    return frozenset(chain.from_iterable(ON_GITHUB[row].split("; ") for row in rows))


class Forge:
    """A forge with a merged request, 12, and an open draft, 13, and what is tried there."""

    def __init__(self, kind: Literal["github", "gitlab"], server: StandIn) -> None:
        self.kind, self.server = kind, server
        name = "acme/churn" if kind == "github" else gitlab_world.NAME
        self.place = place_of(kind, f"{server.origin}/{name}", "main")

    def refusal(self, verb: Verb, refuses: scopes.Refuses) -> UserError | None:
        """Why a verb fails with a token, in a fresh world; None when it does what it should."""
        self.server.asked.clear()
        self.server.refuses = None
        client = self._client()
        client.open_request(DRAFT)
        self.server.refuses = refuses
        try:
            verb(client, Teller(self.place, Token(TOKEN)))
        except UserError as error:
            return error
        finally:
            client.close()
        return None

    def _client(self) -> GitHub | GitLabReviewing:
        if self.kind == "gitlab":
            gitlab_world.World(self.server)
            return GitLabReviewing(self.place, Token(TOKEN))
        world = github_world.World(self.server)
        world.history.append(world.commit(OLD, None, None))
        world.commits *= 2
        world.pull["commits"] = 2
        return GitHub(self.place, Token(TOKEN))

    def verbs(self, refuses: scopes.Refuses) -> set[str]:
        """Every verb that a token opens."""
        known = GITHUB if self.kind == "github" else GITLAB
        return {name for name, (verb, _) in known.items() if self.refusal(verb, refuses) is None}


@pytest.fixture
def github_() -> Iterator[Forge]:
    with standing_in("github", "/api/v3") as server:
        yield Forge("github", server)


@pytest.fixture
def gitlab_() -> Iterator[Forge]:
    with standing_in("gitlab", "/api/v4") as server:
        yield Forge("gitlab", server)


def test_every_row_of_the_pages_is_tried() -> None:
    assert {row for _, rows in GITHUB.values() for row in rows} == set(ON_GITHUB)
    assert {row for _, row in GITLAB.values()} == set(ON_GITLAB)


@pytest.mark.parametrize("name", GITHUB)
def test_on_github_a_verb_takes_what_the_page_says_and_nothing_less(name: str, github_: Forge) -> None:
    verb, rows = GITHUB[name]
    needed = permissions(rows)
    assert github_.refusal(verb, scopes.github(needed)) is None
    for each in needed:
        fewer = [needed - {each}]
        if each.endswith("write"):
            fewer.append(fewer[0] | {each.replace("write", "read")})
        for granted in fewer:
            if not covers(granted, each):
                refused = github_.refusal(verb, scopes.github(granted))
                assert refused is not None, f"{each} is too much"
                assert str(refused) == "not told" or each.partition(":")[0] in refused.fix


def covers(granted: frozenset[str], needed: str) -> bool:
    """Whether what is left has it still, as `write` has `read`."""
    return needed in granted or needed.replace("read", "write") in granted


@pytest.mark.parametrize("name", GITLAB)
def test_on_gitlab_a_verb_takes_what_the_page_says_and_nothing_less(name: str, gitlab_: Forge) -> None:
    verb, row = GITLAB[name]
    needed = ON_GITLAB[row]
    assert gitlab_.refusal(verb, scopes.gitlab(needed)) is None
    found = re.fullmatch(r"the scope (\w+) and the (\w+) role", needed)
    if found is None:
        for other in set(ON_GITLAB.values()) - {needed}:
            assert gitlab_.refusal(verb, scopes.gitlab(other)) is not None
        return
    lower = scopes.ROLES[scopes.ROLES.index(found[2]) - 1]
    scope = "read_user" if found[1] == "read_api" else "read_api"
    for words in (needed.replace(found[2], lower), needed.replace(found[1], scope)):
        refused = gitlab_.refusal(verb, scopes.gitlab(words))
        assert refused is not None, f"{needed} is too much"
        assert str(refused) == "not told" or "the scope" in refused.fix


# --- what a monitor holds -----------------------------------------------------------------------------


def held(forge: str) -> str:
    """What a monitor holds there, by the page on monitors."""
    rows = scopes.listed("monitoring.md", "### What a monitor could do, were it taken over")
    (cell,) = [what for what in rows if what.startswith(f"{forge}: ")]
    found = re.search(r"\*+([A-Za-z ]+(: write)?)\*+", cell)
    assert found is not None
    return found[1]


def test_the_token_of_a_monitor_tells_github_and_opens_no_other_verb(github_: Forge) -> None:
    row = "starting jobs (repository_dispatch), which is all that a monitor does"
    assert held("GitHub") == ON_GITHUB[row]
    assert github_.verbs(scopes.github([held("GitHub")])) == {"tell"}


def test_the_token_of_a_monitor_tells_gitlab_and_opens_no_other_verb(gitlab_: Forge) -> None:
    assert f"a {held('GitLab')}" == scopes.TRIGGER
    assert ON_GITLAB["starting a pipeline, as a monitor does"].startswith(scopes.TRIGGER)
    assert gitlab_.verbs(scopes.gitlab(scopes.TRIGGER)) == {"tell"}


# --- what jobs hold -----------------------------------------------------------------------------------


def test_the_jobs_tokens_open_what_they_do_and_no_more(github_: Forge, gitlab_: Forge) -> None:
    """The page on automation: a job that retrains, and the one that reconciles."""
    rows = {name: needs for name, needs in jobs().items() if "TOKEN" in name}
    pushing, live = (rows[name] for name in sorted(rows, key=lambda name: "LIVE" in name))
    assert "contents and pull requests: write" in pushing
    assert "contents: write, requests: read" in live
    retrains = {"listed", "requested", "open", "comment", "ready", "tell"}
    reads = {"merged", "pushes", "rebased", "review"}
    assert github_.verbs(scopes.github(["Contents: write", "Pull requests: write"])) == retrains | reads
    assert github_.verbs(scopes.github(["Contents: write", "Pull requests: read"])) == reads | {
        "listed", "requested", "tell"
    }  # fmt: skip
    assert "role Developer, scopes `api` and `write_repository`" in pushing
    assert gitlab_.verbs(scopes.gitlab("the scope api and the Developer role")) == {
        "merged", "listed", "open", "comment", "ready", "status", "approve"
    }, "GitLab lets that bot approve too; a bot never counts"  # fmt: skip


def jobs() -> dict[str, str]:
    text = (scopes.DOCS / "automation.md").read_text()
    rows = [row.strip("|").split(" | ") for row in re.findall(r"^\| `?ORDAIN_.*$", text, re.MULTILINE)]
    return {cells[0].strip(): cells[2] for cells in rows}
