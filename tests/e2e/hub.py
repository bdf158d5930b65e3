"""GitHub as it would describe one bare repository: pull requests that live, over the stand-in's HTTP."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.adapters.forges.github_world import (
    ACTIVITY,
    ASSOCIATED,
    COMMENT,
    COMMENTS,
    COMMITS,
    HISTORY,
    LABELS,
    PULL,
    PULLS,
    REVIEWS,
    STATUS,
    STATUSES,
    World,
)
from tests.adapters.forges.standin import Asked, StandIn

BOT = "ordain-bot"


class Hub(World):
    """Pull requests whose heads are the branches of a repository, with comments, reviews and statuses.

    Args:
        server: the stand-in. origin: the bare repository. name: such as `acme/shop`.
        logins: accounts by e-mail address.
    """

    def __init__(self, server: StandIn, origin: Path, name: str, logins: dict[str, str]) -> None:
        self.origin, self.name, self.logins = origin, name, logins
        self.pulls: dict[int, dict[str, Any]] = {}
        self.given: dict[int, list[dict[str, Any]]] = {}
        self.said: dict[int, list[dict[str, Any]]] = {}
        self.states: dict[str, list[dict[str, Any]]] = {}
        super().__init__(server)
        self.me = BOT

    # -- What people do --------------------------------------------------------------------------------

    def propose(self, branch: str, author: str, title: str = "A change") -> int:
        """Open a pull request from a pushed branch; its number."""
        number = max(self.pulls, default=6) + 1
        self.pulls[number] = self._example(
            "pull-request", number=number, title=title, state="open", user=self.account(author),
            base=self.side("main", self.git("rev-parse", "main"), self.name),
            head=self.side(branch, self.git("rev-parse", branch), self.name),
            merged=False, merged_by=None, merged_at=None, merge_commit_sha="d" * 40, labels=[],
            created_at="2026-11-20T09:30:00Z", updated_at="2026-11-20T09:30:00Z",
        )  # fmt: skip
        return number

    def approve(self, number: int, login: str) -> None:
        """Review what is there now."""
        given = self.given.setdefault(number, [])
        given.append(
            self.review(len(given) + 1, login, "APPROVED", commit_id=self.pull_of(number)["head"]["sha"])
        )

    def merge(self, number: int, merged: str) -> None:
        """The base branch has taken it up by this commit."""
        pull = self.pull_of(number)
        self.git("update-ref", f"refs/pull/{number}/head", pull["head"]["sha"])
        self.pulls[number] = pull | {
            "state": "closed", "merged": True, "merged_by": self.account("ada-gh"),
            "merged_at": "2026-11-22T09:00:00Z", "merge_commit_sha": merged,
        }  # fmt: skip

    def pull_of(self, number: int) -> dict[str, Any]:
        """A pull request; an open one follows its branch."""
        pull = self.pulls[number]
        if pull["state"] == "open":
            pull["head"]["sha"] = self.git("rev-parse", pull["head"]["ref"])
        return pull | {"commits": len(self.commits_of(pull))}

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.origin, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commits_of(self, pull: dict[str, Any]) -> list[dict[str, Any]]:
        form = "--format=%H %ae %ce"
        rows = self.git(
            "log", "--reverse", form, f"{pull['base']['sha']}..{pull['head']['sha']}"
        ).splitlines()
        split = [each.split(" ") for each in rows]
        return [self.commit(sha, self.logins[author], self.logins[made]) for sha, author, made in split]

    # -- What GitHub answers ---------------------------------------------------------------------------

    def _answer(self) -> None:
        super()._answer()
        on = self.server.on
        on("GET", PULL, lambda asked: (200, self.pull_of(int(asked.places[2]))))
        on("GET", COMMITS, lambda asked: (200, self.commits_of(self.pull_of(int(asked.places[2])))))
        on("GET", REVIEWS, lambda asked: (200, self.given.get(int(asked.places[2]), [])))
        on("GET", ASSOCIATED, lambda asked: (200, self._associated(asked.places[2])))
        on("GET", HISTORY, lambda _: (200, []))
        on("GET", ACTIVITY, lambda asked: (200, self._moves(asked.query["ref"])))
        on("GET", PULLS, lambda asked: (200, self._list(asked.query)))
        on("POST", PULLS, self._open)
        on("POST", LABELS, self._label)
        on("GET", COMMENTS, lambda asked: (200, self.said.get(int(asked.places[2]), [])))
        on("POST", COMMENTS, self._comment)
        on("PATCH", COMMENT, self._edit)
        on("GET", STATUSES, lambda asked: (200, self.states.get(asked.places[2], [])))
        on("POST", STATUS, self._status)

    def _associated(self, sha: str) -> list[dict[str, Any]]:
        found = [each for each in map(self.pull_of, self.pulls) if each["merge_commit_sha"] == sha]
        return [self.simple(each) for each in found]

    def _moves(self, ref: str) -> list[dict[str, Any]]:
        """Newest first: whoever committed pushed, and whoever opened the request made the branch."""
        found = [each for each in map(self.pull_of, self.pulls) if f"refs/heads/{each['head']['ref']}" == ref]
        moves = [self.move(found[0]["user"]["login"], "branch_creation", "2026-11-20T09:00:00Z")]
        for commit in self.commits_of(found[0]):
            moves.insert(0, self.move(commit["committer"]["login"], "push", "2026-11-20T10:00:00Z"))
        return moves

    def _list(self, query: dict[str, str]) -> list[dict[str, Any]]:
        pulls = [self.pull_of(number) for number in sorted(self.pulls)]
        owner = self.name.partition("/")[0]
        return [
            self.simple(each)
            for each in pulls
            if query.get("state", "open") in {"all", each["state"]}
            and query.get("head", f"{owner}:{each['head']['ref']}") == f"{owner}:{each['head']['ref']}"
            and query.get("base", each["base"]["ref"]) == each["base"]["ref"]
        ]

    def _open(self, asked: Asked) -> tuple[int, Any]:
        number = self.propose(asked.body["head"], self.me, asked.body["title"])
        self.pulls[number] |= {"body": asked.body["body"], "draft": asked.body.get("draft", False)}
        return 201, self.pull_of(number)

    def _label(self, asked: Asked) -> tuple[int, Any]:
        labels = [self._example("label", name=each, description="") for each in asked.body["labels"]]
        self.pulls[int(asked.places[2])]["labels"] = labels
        return 200, labels

    def _comment(self, asked: Asked) -> tuple[int, Any]:
        there = self.said.setdefault(int(asked.places[2]), [])
        there.append(self.comment(100 + len(self.said) * 10 + len(there), self.me, asked.body["body"]))
        return 201, there[-1]

    def _edit(self, asked: Asked) -> tuple[int, Any]:
        every = [each for there in self.said.values() for each in there]
        (found,) = [each for each in every if each["id"] == int(asked.places[2])]
        found["body"] = asked.body["body"]
        return 200, found

    def _status(self, asked: Asked) -> tuple[int, Any]:
        made = self._example("status", **{"description": None, "target_url": None, **asked.body})
        self.states.setdefault(asked.places[2], []).insert(0, made)
        return 201, made
