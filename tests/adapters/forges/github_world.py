"""One repository as GitHub would describe it: a merged pull request with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.adapters.forges.standin import Asked, StandIn, standing_in

REPO = "/repos/{owner}/{repo}"
PULLS, PULL = f"{REPO}/pulls", f"{REPO}/pulls/{{pull_number}}"
ASSOCIATED = f"{REPO}/commits/{{commit_sha}}/pulls"
COMMITS, REVIEWS = f"{PULL}/commits", f"{PULL}/reviews"
HISTORY = f"{REPO}/commits"
ACTIVITY, SUITES = f"{REPO}/activity", f"{REPO}/rulesets/rule-suites"
COMMENTS, COMMENT = f"{REPO}/issues/{{issue_number}}/comments", f"{REPO}/issues/comments/{{comment_id}}"
LABELS = f"{REPO}/issues/{{issue_number}}/labels"
STATUSES, STATUS = f"{REPO}/commits/{{ref}}/statuses", f"{REPO}/statuses/{{sha}}"
DISPATCHES = f"{REPO}/dispatches"
GRAPHQL = "/api/graphql"
HEAD, MERGED, OLD = "a" * 40, "b" * 40, "c" * 40


class World:
    """Sets what the stand-in answers; each list can be changed before or between questions."""

    def __init__(self, server: StandIn) -> None:
        self.server = server
        self.pull: dict[str, Any] = self._pull()
        self.associated: list[dict[str, Any]] = [self.simple(self.pull)]
        self.commits = [self.commit(HEAD, "dana", "dana")]
        self.history = [self.commit(MERGED, None, None)]
        self.reviews = [self.review(1, "mei", "APPROVED")]
        self.activity = self.pushed("dana")
        self.suites: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.open: list[dict[str, Any]] = []
        self.closed: list[dict[str, Any]] = []
        self.me = "ordain-collector"
        self._answer()

    def _answer(self) -> None:
        on = self.server.on
        on("GET", ASSOCIATED, lambda _: (200, self.associated))
        on("GET", PULL, self._pull_by_number)
        on("GET", COMMITS, lambda _: (200, self.commits))
        on("GET", HISTORY, lambda _: (200, self.history))
        on("GET", REVIEWS, lambda _: (200, self.reviews))
        on("GET", ACTIVITY, lambda _: (200, self.activity))
        on("GET", SUITES, lambda _: (200, self.suites))
        on("GET", PULLS, lambda asked: (200, self._from(asked.query)))
        on("POST", PULLS, self._open)
        on("POST", LABELS, self._label)
        on(
            "GET",
            "/user",
            lambda _: (200, self._example("public-user", login=self.me, user_view_type="public")),
        )
        on("GET", COMMENTS, lambda _: (200, self.comments))
        on("POST", COMMENTS, self._comment)
        on("PATCH", COMMENT, self._edit)
        on("DELETE", COMMENT, self._delete)
        on("GET", STATUSES, lambda _: (200, self.statuses))
        on("POST", STATUS, self._status)
        on("POST", DISPATCHES, lambda _: (204, None))
        on("POST", GRAPHQL, self._ready)

    def account(self, login: str, kind: str = "User") -> dict[str, Any]:
        return self._example("simple-user", login=login, type=kind)

    def review(self, number: int, login: str | None, state: str, **changes: Any) -> dict[str, Any]:
        user = None if login is None else self.account(login)
        when = f"2026-11-21T10:{number:02}:00Z"
        return (
            self._example(
                "pull-request-review", id=number, user=user, state=state, commit_id=HEAD, submitted_at=when
            )
            | changes
        )

    def commit(
        self, sha: str, author: str | None, committer: str | None, emails: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        accounts = {
            "author": None if author is None else self.account(author),
            "committer": {} if committer is None else self.account(committer),
        }
        found = self._example("commit", sha=sha, **accounts)
        named = zip(("author", "committer"), emails or (), strict=False)
        said = {
            role: {"name": "Somebody", "email": email, "date": "2026-11-20T09:00:00Z"}
            for role, email in named
        }
        return {**found, "commit": {**found["commit"], **said}}

    def move(self, login: str, kind: str, when: str) -> dict[str, Any]:
        return self._example("activity", actor=self.account(login), activity_type=kind, timestamp=when)

    def pushed(self, login: str) -> list[dict[str, Any]]:
        """Somebody made the branch, and pushed once more after the request was opened."""
        made = self.move(login, "branch_creation", "2026-11-20T09:00:00Z")
        return [self.move(login, "push", "2026-11-20T10:00:00Z"), made]

    def suite(self, login: str, after: str, result: str = "bypass", **changes: Any) -> dict[str, Any]:
        where = {"ref": "refs/heads/main", "pushed_at": "2026-11-01T00:00:00Z"}
        return {"id": 1, "actor_name": login, "after_sha": after, "result": result} | where | changes

    def comment(self, number: int, login: str | None, body: str, kind: str = "User") -> dict[str, Any]:
        user = None if login is None else self.account(login, kind)
        return self._example("issue-comment", id=number, user=user, body=body)

    def side(self, ref: str, sha: str, name: str = "acme/churn") -> dict[str, Any]:
        repo = self._example("repository", full_name=name, owner=self.account(name.partition("/")[0]))
        return {
            "label": ref,
            "ref": ref,
            "sha": sha,
            "repo": repo,
            "user": self.account(name.partition("/")[0]),
        }

    def simple(self, pull: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """The shorter form in which lists give a pull request."""
        short = self._example("pull-request-simple")
        return short | {name: pull[name] for name in short if name in pull} | changes

    def _pull(self) -> dict[str, Any]:
        return self._example(
            "pull-request", number=12, title="Retrain churn", state="closed", user=self.account("dana"),
            base=self.side("main", OLD), head=self.side("retrain", HEAD), merged=True, commits=1,
            merged_by=self.account("omar"), merged_at="2026-11-22T09:00:00Z", merge_commit_sha=MERGED,
            created_at="2026-11-20T09:30:00Z", updated_at="2026-11-22T09:00:00Z",
        )  # fmt: skip

    def _open(self, asked: Asked) -> tuple[int, Any]:
        number = 13 + self.server.count("POST", PULLS) - 1
        body = asked.body
        made = self._pull() | {
            "number": number, "state": "open", "merged": False, "merged_at": None, "title": body["title"],
            "head": self.side(body["head"], HEAD), "base": self.side(body["base"], OLD),
            "draft": body.get("draft", False), "node_id": f"PR_{number}",
        }  # fmt: skip
        self.open.append(self.simple(made, draft=made["draft"]))
        return 201, made

    def close(self, number: int) -> None:
        """Somebody turns a pull request down, or merges it; its branch is another matter."""
        (found,) = [each for each in self.open if each["number"] == number]
        self.open.remove(found)
        self.closed.append(found | {"state": "closed"})

    def _from(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """The open pull requests, or all, or those of a branch: `owner:branch`."""
        branch = query.get("head", "").partition(":")[2] or None
        rows = [*self.open, *(self.closed if query.get("state") == "all" else ())]
        return [each for each in rows if branch in {None, each["head"]["ref"]}]

    def _pull_by_number(self, asked: Asked) -> tuple[int, Any]:
        known = [each for each in self.open if each["number"] == int(asked.places[2])]
        return 200, self.pull | {"merged": False, **known[0]} if known else self.pull

    def _ready(self, asked: Asked) -> tuple[int, Any]:
        """The one mutation that Ordain asks for, by GitHub's name for it."""
        assert "markPullRequestReadyForReview(input: $input)" in asked.body["query"]
        (found,) = [
            each for each in self.open if each["node_id"] == asked.body["variables"]["input"]["pullRequestId"]
        ]
        found["draft"] = False
        said = {"clientMutationId": None, "pullRequest": {"isDraft": False}}
        return 200, {"data": {"markPullRequestReadyForReview": said}}

    def _label(self, asked: Asked) -> tuple[int, Any]:
        labels = [self._example("label", name=each, description="") for each in asked.body["labels"]]
        self.open[-1]["labels"] = labels
        return 200, labels

    def _comment(self, asked: Asked) -> tuple[int, Any]:
        self.comments.append(self.comment(100 + len(self.comments), self.me, asked.body["body"]))
        return 201, self.comments[-1]

    def _edit(self, asked: Asked) -> tuple[int, Any]:
        (found,) = [each for each in self.comments if each["id"] == int(asked.places[2])]
        found["body"] = asked.body["body"]
        return 200, found

    def _delete(self, asked: Asked) -> tuple[int, Any]:
        self.comments = [each for each in self.comments if each["id"] != int(asked.places[2])]
        return 204, None

    def _status(self, asked: Asked) -> tuple[int, Any]:
        made = self._example("status", **{"description": None, "target_url": None, **asked.body})
        self.statuses.insert(0, made)
        return 201, made

    def _example(self, name: str, /, **changes: Any) -> dict[str, Any]:
        return self.server.description.example(name, **changes)


@contextmanager
def hosted() -> Iterator[World]:
    """GitHub on a loopback port, for one project."""
    with standing_in("github", "/api/v3") as server:
        yield World(server)
