"""One project as GitLab would describe it: a merged merge request with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.adapters.forges.standin import Asked, StandIn, standing_in

PROJECT = "/projects/{id}"
REQUESTS, REQUEST = f"{PROJECT}/merge_requests", f"{PROJECT}/merge_requests/{{merge_request_iid}}"
COMMITS = f"{REQUEST}/commits"
ASSOCIATED = f"{PROJECT}/repository/commits/{{sha}}/merge_requests"
APPROVALS, APPROVE, SETTINGS = f"{REQUEST}/approvals", f"{REQUEST}/approve", f"{PROJECT}/approvals"
REVIEWERS, VERSIONS, EVENTS = f"{REQUEST}/reviewers", f"{REQUEST}/versions", f"{PROJECT}/events"
NOTES, NOTE = f"{REQUEST}/notes", f"{REQUEST}/notes/{{note_id}}"
STATUSES, STATUS = f"{PROJECT}/repository/commits/{{sha}}/statuses", f"{PROJECT}/statuses/{{sha}}"
PIPELINE, TRIGGER = f"{PROJECT}/pipeline", f"{PROJECT}/trigger/pipeline"
HEAD, MERGED, SQUASHED, OLD = "a" * 40, "b" * 40, "d" * 40, "c" * 40
NAME, NUMBER = "acme/ml/churn", 42
SAFE = {
    "reset_approvals_on_push": True,
    "selective_code_owner_removals": False,
    "disable_overriding_approvers_per_merge_request": True,
    "merge_requests_author_approval": False,
    "merge_requests_disable_committers_approval": True,
    "require_password_to_approve": False,
}
LOGINS = {1: "dana", 2: "mei", 3: "ravi", 4: "omar", 5: "project_42_bot", 9: "ordain-collector"}


class World:
    """Sets what the stand-in answers; each list can be changed before or between questions."""

    def __init__(self, server: StandIn) -> None:
        self.server = server
        self.account = 9  # whose token it is
        self.barred: set[str] = set()  # accounts that the project's rules let approve nothing
        self.project = self._example("Project", id=NUMBER, path_with_namespace=NAME)
        self.merged = self.request()
        self.associated: list[dict[str, Any]] = [self.basic(self.merged)]
        self.approved_by = [self.approval("mei", "2026-11-21T10:00:00.000Z")]
        self.commits = [self.commit(HEAD)]
        self.reviewers: list[dict[str, Any]] = []
        self.versions = [
            self.version(HEAD, "2026-11-21T09:00:00.000Z"),
            self.version(OLD, "2026-11-20T09:00:00.000Z"),
        ]
        self.notes: list[dict[str, Any]] = []
        self.events = [self.created("dana")]
        self.lower: list[dict[str, Any]] = []
        self.settings: dict[str, Any] = dict(SAFE)
        self.open: list[dict[str, Any]] = []
        self.closed: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self._answer()

    def _answer(self) -> None:
        on = self.server.on
        on("GET", PROJECT, lambda _: (200, self.project))
        on("GET", ASSOCIATED, lambda _: (200, self.associated))
        on("GET", REQUEST, self._by_number)
        on("PUT", REQUEST, self._retitle)
        on("GET", APPROVALS, lambda _: (200, {"approved_by": self.approved_by}))
        on("GET", COMMITS, lambda _: (200, self.commits))
        on("GET", REVIEWERS, lambda _: (200, self.reviewers))
        on("GET", VERSIONS, lambda _: (200, self.versions))
        on("GET", NOTES, lambda _: (200, self.notes))
        on("GET", EVENTS, lambda asked: (200, self._pushed_to(int(asked.places[0]))))
        on("GET", SETTINGS, lambda _: (200, self.settings))
        on("GET", "/users/{id}", lambda asked: (200, self._page(int(asked.places[0]))))
        on("GET", "/user", lambda _: (200, self._page(self.account)))
        on("GET", REQUESTS, lambda asked: (200, self._from(asked.query)))
        on("POST", REQUESTS, self._open)
        on("POST", APPROVE, self._approve)
        on("POST", NOTES, self._note)
        on("PUT", NOTE, self._edit)
        on("DELETE", NOTE, self._delete)
        on("GET", STATUSES, lambda _: (200, self.statuses))
        on("POST", STATUS, self._status)
        on("POST", TRIGGER, lambda _: (201, self._example("Pipeline")))
        on("POST", PIPELINE, lambda _: (201, self._example("Pipeline")))

    def user(self, login: str) -> dict[str, Any]:
        number = next((number for number, name in LOGINS.items() if name == login), 77)
        return self._example("UserBasic", id=number, username=login)

    def request(self, **changes: Any) -> dict[str, Any]:
        return self._example(
            "MergeRequest", iid=12, title="Retrain churn", state="merged", author=self.user("dana"),
            target_branch="main", source_branch="retrain", target_project_id=NUMBER, source_project_id=NUMBER,
            merge_user=self.user("omar"), merged_at="2026-11-22T09:00:00.000Z", sha=HEAD,
            merge_commit_sha=MERGED, created_at="2026-11-20T09:30:00.000+02:00",
            updated_at="2026-11-22T09:00:00.000Z",
        ) | changes  # fmt: skip

    def basic(self, request: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """The shorter form in which lists give a merge request."""
        return {name: request[name] for name in self._example("MergeRequestBasic")} | changes

    def approval(self, login: str | None, when: str | None) -> dict[str, Any]:
        given = {} if when is None else {"approved_at": when}
        return {"user": None if login is None else self.user(login), **given}

    def reviewer(self, login: str, state: str) -> dict[str, Any]:
        return {"user": self.user(login), "state": state, "created_at": "2026-11-20T10:00:00.000Z"}

    def commit(self, sha: str) -> dict[str, Any]:
        return self._example("Commit", id=sha)

    def version(self, head: str, when: str) -> dict[str, Any]:
        return self._example("MergeRequestDiff", head_commit_sha=head, created_at=when)

    def note(self, number: int, login: str | None, body: str, *, system: bool = False) -> dict[str, Any]:
        author = None if login is None else self.user(login)
        when = {"created_at": "2026-11-21T08:00:00.000Z", "updated_at": "2026-11-21T08:00:00.000Z"}
        return self._example("Note", id=number, author=author, body=body, system=system, **when)

    def event(
        self, login: str | None, ref: str | None, when: str = "2026-11-20T08:00:00.000Z", **data: Any
    ) -> dict[str, Any]:
        known = {"ref_type": "branch", "action": "pushed", "commit_from": None, "commit_to": None}
        said = self._example("PushEventPayload", **{**known, "ref": ref, **data})
        named = {"action_name": "pushed to", "author_username": login, "created_at": when}
        return self._example("Event", push_data=said, **named)

    def created(self, login: str | None, when: str = "2026-11-20T07:00:00.000Z") -> dict[str, Any]:
        """The push that created the branch of the request."""
        return self.event(login, "retrain", when, action="created", commit_to=OLD)

    def _pushed_to(self, project: int) -> list[dict[str, Any]]:
        return self.events if project == self.merged["source_project_id"] else []

    def _page(self, number: int) -> dict[str, Any]:
        login = LOGINS.get(number, "someone")
        return self._example("User", id=number, username=login, bot="bot" in login)

    def _open(self, asked: Asked) -> tuple[int, Any]:
        kept = {name: asked.body[name] for name in ("title", "source_branch", "target_branch", "labels")}
        made = self.request(
            **kept, iid=13 + self.server.count("POST", REQUESTS) - 1, state="opened", merged_at=None,
            merge_user=None, merge_commit_sha=None, draft=kept["title"].startswith("Draft: "),
        )  # fmt: skip
        self.open.append(self.basic(made))
        return 201, made

    def close(self, number: int) -> None:
        """Somebody turns a merge request down, or merges it; its branch is another matter."""
        (found,) = [each for each in self.open if each["iid"] == number]
        self.open.remove(found)
        self.closed.append(found | {"state": "closed"})

    def _from(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """The open merge requests, or all, or those of a branch, or those that were merged into one."""
        if query.get("state") == "merged":
            return [each for each in self.lower if each["target_branch"] == query["target_branch"]]
        branch = query.get("source_branch")
        rows = [*self.open, *(self.closed if query.get("state") == "all" else ())]
        return [each for each in rows if branch in {None, each["source_branch"]}]

    def _by_number(self, asked: Asked) -> tuple[int, Any]:
        known = [each for each in self.open if each["iid"] == int(asked.places[1])]
        return 200, self.merged | known[0] if known else self.merged

    def _retitle(self, asked: Asked) -> tuple[int, Any]:
        (found,) = [each for each in self.open if each["iid"] == int(asked.places[1])]
        found |= asked.body | {"draft": asked.body["title"].startswith("Draft: ")}
        return 200, self.request() | found

    def _approve(self, asked: Asked) -> tuple[int, Any]:
        """Compare, then refuse whoever is barred, was here before, or comes too late; as GitLab does."""
        there, given = self._by_number(asked)[1], self._given(int(asked.places[1]))
        if asked.body.get("sha", there["sha"]) != there["sha"]:
            return 409, {"message": f"SHA does not match HEAD of source branch: {there['sha']}"}
        login = self._page(self.account)["username"]
        before = {each["user"]["username"] for each in given}
        if login in {*before, *self.barred} or there["state"] == "merged":
            return 401, {"message": "401 Unauthorized"}
        given.append(self.approval(login, "2026-11-21T11:00:00.000Z"))
        return 201, {"approved_by": given}

    def _given(self, _: int) -> list[dict[str, Any]]:
        return self.approved_by

    def _note(self, asked: Asked) -> tuple[int, Any]:
        self.notes.append(self.note(100 + len(self.notes), LOGINS[9], asked.body["body"]))
        return 201, self.notes[-1]

    def _edit(self, asked: Asked) -> tuple[int, Any]:
        (found,) = [each for each in self.notes if each["id"] == int(asked.places[2])]
        found["body"] = asked.body["body"]
        return 200, found

    def _delete(self, asked: Asked) -> tuple[int, Any]:
        self.notes = [each for each in self.notes if each["id"] != int(asked.places[2])]
        return 204, None

    def _status(self, asked: Asked) -> tuple[int, Any]:
        return self._stated(self.statuses, asked)

    def _stated(self, there: list[dict[str, Any]], asked: Asked) -> tuple[int, Any]:
        """A status in the place of the one of its name; one that waits can't be made to wait again."""
        said = {**asked.body, "status": asked.body["state"]}
        del said["state"]
        old = {each["name"]: each["status"] for each in there}
        if (old.get(said["name"]), said["status"]) == ("pending", "pending"):
            why = 'Status cannot transition via "enqueue"'
            return 400, {"message": f"Cannot transition status via :enqueue from :pending (Reason(s): {why})"}
        made = self._example("CommitStatus", created_at="2026-11-21T08:00:00.000Z", **said)
        there[:] = [each for each in there if each["name"] != made["name"]] + [made]
        return 201, made

    def _example(self, name: str, /, **changes: Any) -> dict[str, Any]:
        return self.server.description.example(name, **changes)


@contextmanager
def hosted() -> Iterator[World]:
    """GitLab on a loopback port, for one project."""
    with standing_in("gitlab", "/api/v4") as server:
        yield World(server)
