"""GitLab as it would describe one bare repository: merge requests that live, over the stand-in's HTTP."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.adapters.forges.gitlab_world import (
    APPROVALS,
    ASSOCIATED,
    COMMITS,
    EVENTS,
    NOTES,
    NUMBER,
    PROJECT,
    REQUESTS,
    REVIEWERS,
    SETTINGS,
    STATUS,
    STATUSES,
    VERSIONS,
    World,
)
from tests.adapters.forges.standin import Asked, StandIn

BOT = "ordain-bot"


class Lab(World):
    """Merge requests whose heads are the branches of a repository, with comments, approvals and statuses.

    Args:
        server: the stand-in. origin: the bare repository. name: such as `acme/shop`.
        logins: accounts by e-mail address.
    """

    def __init__(self, server: StandIn, origin: Path, name: str, logins: dict[str, str]) -> None:
        self.origin, self.name, self.logins = origin, name, logins
        self.ids = {login: number for number, login in enumerate([*logins.values()], 1)}
        self.merges: dict[int, dict[str, Any]] = {}
        self.pushed: dict[int, list[dict[str, Any]]] = {}
        self.given: dict[int, list[dict[str, Any]]] = {}
        self.said: dict[int, list[dict[str, Any]]] = {}
        self.states: dict[str, list[dict[str, Any]]] = {}
        self._minutes = 0
        super().__init__(server)
        self.project = self._example("Project", id=NUMBER, path_with_namespace=name)

    # -- What people do --------------------------------------------------------------------------------

    def propose(self, branch: str, author: str, title: str = "A change") -> int:
        """Open a merge request from a pushed branch; its number."""
        number = max(self.merges, default=6) + 1
        self.merges[number] = self.request(
            iid=number, title=title, state="opened", author=self.user(author), target_branch="main",
            source_branch=branch, merge_user=None, merged_at=None, merge_commit_sha=None, labels=[],
            created_at=self._now(),
        )  # fmt: skip
        return number

    def approve(self, number: int, login: str) -> None:
        """Approve what is there now."""
        self.request_of(number)
        self.given.setdefault(number, []).append(self.approval(login, self._now()))

    def merge(self, number: int, merged: str) -> None:
        """The base branch has taken it up by this commit."""
        request = self.request_of(number)
        self.merges[number] = request | {
            "state": "merged", "merge_user": self.user("ada-gl"), "merged_at": self._now(),
            "merge_commit_sha": merged,
        }  # fmt: skip

    def request_of(self, number: int) -> dict[str, Any]:
        """A merge request; an open one follows its branch, and each push makes a version."""
        request, versions = self.merges[number], self.pushed.setdefault(number, [])
        if request["state"] == "opened":
            request["sha"] = self.git("rev-parse", request["source_branch"])
            if not versions or versions[0]["head_commit_sha"] != request["sha"]:
                versions.insert(0, self.version(request["sha"], self._now()))
                self.git("update-ref", f"refs/merge-requests/{number}/head", request["sha"])
        return request

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.origin, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def user(self, login: str) -> dict[str, Any]:
        return self._example("UserBasic", id=self.ids.get(login, 77), username=login)

    def _page(self, number: int) -> dict[str, Any]:
        login = next((login for login, known in self.ids.items() if known == number), BOT)
        return self._example("User", id=self.ids[login], username=login, bot=login == BOT)

    def _now(self) -> str:
        self._minutes += 1
        return f"2026-11-20T{10 + self._minutes // 60:02}:{self._minutes % 60:02}:00.000Z"

    # -- What GitLab answers ---------------------------------------------------------------------------

    def _answer(self) -> None:
        super()._answer()
        on = self.server.on
        on("GET", PROJECT, lambda _: (200, self.project))
        on("GET", ASSOCIATED, lambda asked: (200, self._associated(asked.places[1])))
        on("GET", APPROVALS, lambda asked: (200, {"approved_by": self._given(int(asked.places[1]))}))
        on("GET", COMMITS, lambda asked: (200, self._commits(int(asked.places[1]))))
        on("GET", REVIEWERS, lambda _: (200, []))
        on("GET", VERSIONS, lambda asked: (200, self.pushed[int(asked.places[1])]))
        on("GET", EVENTS, lambda _: (200, self._pushes()))
        on("GET", SETTINGS, lambda _: (200, self.settings))
        on("GET", REQUESTS, lambda asked: (200, self._list(asked.query)))
        on("POST", REQUESTS, self._open)
        on("GET", NOTES, lambda asked: (200, self.said.get(int(asked.places[1]), [])))
        on("POST", NOTES, self._note)
        on("GET", STATUSES, lambda asked: (200, self.states.get(asked.places[1], [])))
        on("POST", STATUS, self._status)

    def _by_number(self, asked: Asked) -> tuple[int, Any]:
        return 200, self.request_of(int(asked.places[1]))

    def _given(self, number: int) -> list[dict[str, Any]]:
        return self.given.setdefault(number, [])

    def _associated(self, sha: str) -> list[dict[str, Any]]:
        found = [each for each in map(self.request_of, self.merges) if each["merge_commit_sha"] == sha]
        return [self.basic(each) for each in found]

    def _rows(self, number: int, form: str) -> list[str]:
        head = self.request_of(number)["sha"]
        return self.git("log", f"--format={form}", f"{head}", "--not", "main").splitlines()

    def _commits(self, number: int) -> list[dict[str, Any]]:
        return [self.commit(sha) for sha in self._rows(number, "%H")]

    def _pushes(self) -> list[dict[str, Any]]:
        """Whoever opened a request made its branch, and whoever else committed to it pushed."""
        found = []
        for number, each in self.merges.items():
            branch, author, when = each["source_branch"], each["author"]["username"], each["created_at"]
            others = {self.logins[one] for one in self._rows(number, "%ce")} - {author}
            found += [self.event(login, branch, when) for login in sorted(others)]
            found.append(self.event(author, branch, when, action="created"))
        return found

    def _list(self, query: dict[str, str]) -> list[dict[str, Any]]:
        return [
            self.basic(each)
            for each in map(self.request_of, sorted(self.merges))
            if query.get("state", "all") in {"all", each["state"]}
            and query.get("source_branch", each["source_branch"]) == each["source_branch"]
            and query.get("target_branch", each["target_branch"]) == each["target_branch"]
            and set(filter(None, query.get("labels", "").split(","))) <= set(each["labels"])
        ]

    def _open(self, asked: Asked) -> tuple[int, Any]:
        number = self.propose(asked.body["source_branch"], BOT, asked.body["title"])
        self.merges[number] |= {"labels": asked.body["labels"], "description": asked.body["description"]}
        return 201, self.request_of(number)

    def _note(self, asked: Asked) -> tuple[int, Any]:
        there = self.said.setdefault(int(asked.places[1]), [])
        there.append(self.note(100 + len(self.said) * 10 + len(there), BOT, asked.body["body"]))
        self.notes = [each for said in self.said.values() for each in said]
        return 201, there[-1]

    def _status(self, asked: Asked) -> tuple[int, Any]:
        return self._stated(self.states.setdefault(asked.places[1], []), asked)
