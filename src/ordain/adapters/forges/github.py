"""GitHub: merged pull requests with their evidence, and what Ordain opens, says and reports there.

Evidence is read from the rows that GitHub sent, as types of our own; what is written goes through
PyGithub's objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from github import GithubException
from github.Commit import Commit
from github.GithubObject import NotSet
from github.IssueComment import IssueComment
from github.PullRequest import PullRequest
from github.Repository import Repository
from msgspec.structs import replace

from ordain.adapters.forges.github_answers import (
    chosen,
    merged_here,
    open_here,
    opened,
    page,
    request,
    source,
)
from ordain.adapters.forges.github_client import GuardedRequester
from ordain.adapters.forges.github_types import (
    Account,
    Activity,
    Comment,
    CommitStatus,
    Evidence,
    Pull,
    PullCommit,
    PullReview,
    Suite,
)
from ordain.adapters.forges.guard import Clock, ForgeError, Guard, Limits, if_allowed
from ordain.adapters.forges.place import Place, Token
from ordain.adapters.forges.reading import bounded, read
from ordain.core import gitnames
from ordain.core.people.request import READY, Draft, Opened, Request, Status, first_line, marked, utf16
from ordain.errors import UserError

# Characters; whether one beyond the basic plane counts as one or two GitHub does not say, so here it is two.
COMMENT_LIMIT = 65_536
_STATUS_LIMIT = 140
_PAYLOAD_LIMIT = 10
_EVENT = re.compile(r"[A-Za-z0-9_.-]{1,100}")
# What a fine-grained token or an app needs for a request, by method and path; the first match holds.
PERMISSIONS = (
    (r"GET .*/rulesets/rule-suites", "Administration: write"),
    (r"GET .*/(activity|repos/[^/]+/[^/]+/commits)", "Contents: read"),
    (r"POST .*/dispatches", "Contents: write"),
    (r"POST .*/graphql", "Pull requests: write; Contents: write"),
    (r"GET .*/statuses", "Commit statuses: read"),
    (r"POST .*/statuses/.*", "Commit statuses: write"),
    (r"GET .*", "Pull requests: read"),
    (r".*", "Pull requests: write"),
)

Answer = TypeVar("Answer")


class GitHub:
    """One repository on GitHub or a GitHub Enterprise Server; a `ports.Requests`.

    Args:
        place: the repository. token: what opens it; `docs/forges.md` lists the permissions.
        limits, clock: for tests.
    """

    def __init__(
        self, place: Place, token: Token, *, limits: Limits | None = None, clock: Clock | None = None
    ) -> None:
        self._place = place
        self._clock = clock or Clock()
        self._guard = Guard(place, PERMISSIONS, limits or Limits(), self._clock)
        self._requester = GuardedRequester(place, token, self._guard)
        self._path = f"/repos/{place.repository}"
        self._repository = Repository(self._requester, url=self._path)

    def merged_as(self, commit: str) -> Request | None:
        """The pull request that became this commit by a merge, a squash, a rebase or the queue.

        An earlier commit of a rebased one counts too; `merged` is then the last of them.
        """
        gitnames.object_id(commit)
        self._guard.begin()
        try:
            candidates = self._rows(f"/commits/{commit}/pulls", Pull)
        except ForgeError as refused:
            if refused.status == 422:  # no such commit
                return None
            raise
        candidate = chosen(candidates, self._place, commit)
        if candidate is None:
            return None
        pull = self._one(f"/pulls/{candidate.number}", Pull)
        same = (pull.number, pull.merge_commit_sha) == (candidate.number, candidate.merge_commit_sha)
        if not (same and pull.merged and merged_here(pull, self._place) and self._leads(pull, commit)):
            return None
        return request(self._place, self._evidence(pull), self._clock.now())

    def under_review(self, number: int) -> Request | None:
        """An open pull request into the base branch, with everything that decides how its reviews count."""
        pull = self._open_here(number)
        return request(self._place, self._evidence(pull), self._clock.now()) if pull else None

    def head(self, number: int) -> str | None:
        """The newest commit of an open pull request into the base branch."""
        pull = self._open_here(number)
        return pull.head.sha if pull else None

    def open_request(self, draft: Draft) -> str:
        """Open a pull request from a branch of this repository, unless it has one; its page."""
        gitnames.ref(draft.branch)
        gitnames.ref(draft.base)
        self._guard.begin()
        pull = self._open_from(draft)
        if pull is None:
            try:
                pull = self._open(draft)
            except ForgeError as refused:
                pull = self._open_from(draft)  # somebody else was quicker
                if pull is None and draft.draft and refused.status == 422:
                    pull = self._open(
                        replace(draft, draft=False)
                    )  # drafts take a paid plan where it's private
                if pull is None:
                    raise
        missing = set(draft.labels) - {each.name for each in pull.labels}
        if missing:
            # Not PyGithub's `add_to_labels`: it sends a bare list, which GitHub no longer documents.
            path, labels = f"{self._path}/issues/{pull.number}/labels", {"labels": sorted(missing)}
            self._requester.requestJsonAndCheck("POST", path, input=labels)
        return page(self._place, pull.number)

    def open_requests(self, label: str) -> tuple[Opened, ...]:
        """The open pull requests with a label, by number."""
        self._guard.begin()
        pulls = self._rows("/pulls", Pull, state="open", sort="created", direction="asc")
        ours = [each for each in pulls if any(has.name == label for has in each.labels)]
        return tuple(opened(self._place, each) for each in sorted(ours, key=lambda each: each.number))

    def ready(self, number: int, why: str) -> None:
        """Take the draft mark off, which only GitHub's GraphQL API can; the comment comes first, so that
        whoever is asked for review finds it there."""
        self.comment(number, READY, why)
        found = self._one(f"/pulls/{number}", Pull)
        if found.draft:
            url = f"{self._path}/pulls/{number}"
            known = {"node_id": found.node_id, "url": url, "number": number}
            try:
                PullRequest(self._requester, attributes=known, completed=True).mark_ready_for_review()
            except (GithubException, LookupError, TypeError) as refused:
                what = f"GitHub says that #{number} can't be taken for review"
                raise UserError(
                    what, fix="give the token Pull requests: write; Contents: write, or do it by hand"
                ) from refused

    def requested(self, branch: str, base: str) -> bool:
        """Whether a branch of this repository ever had a pull request into a base."""
        self._guard.begin()
        return bool(self._from(branch, base, "all"))

    def comment(self, number: int, marker: str, body: str) -> None:
        """Keep one comment of our own, found by its marker; other people's are never touched."""
        text = marked(marker, body, COMMENT_LIMIT, utf16)
        self._guard.begin()
        own = self._own()
        ours = [
            each
            for each in self._rows(f"/issues/{number}/comments", Comment)
            if each.body.startswith(first_line(marker)) and each.user is not None and own(each.user)
        ]
        if not ours:
            self._repository.get_issue(number).create_comment(text)
        elif ours[0].body != text:
            self._comment(ours[0].id).edit(text)
        for extra in ours[1:]:
            self._comment(extra.id).delete()

    def status(self, commit: str, statuses: Sequence[Status]) -> None:
        """Set the statuses that the commit does not have yet, by their `context`."""
        url = f"{self._path}/commits/{gitnames.object_id(commit)}"
        self._guard.begin()
        known: dict[str, CommitStatus] = {}
        for each in self._rows(f"/commits/{commit}/statuses", CommitStatus):
            known.setdefault(each.context, each)
        target = Commit(self._requester, attributes={"url": url, "sha": commit})
        for status in statuses:
            description = status.description[:_STATUS_LIMIT]
            wanted = (status.state, description, status.url or "")
            there = known.get(status.name)
            if there is None or (there.state, there.description or "", there.target_url or "") != wanted:
                self._guard.begin_write()
                target.create_status(status.state, status.url or NotSet, description, status.name)

    def dispatch(self, event: str, payload: Mapping[str, str]) -> None:
        """Send a `repository_dispatch` event, with at most ten entries."""
        if not _EVENT.fullmatch(event) or len(payload) > _PAYLOAD_LIMIT:
            fix = f"name it with letters, digits and `_.-`, and give at most {_PAYLOAD_LIMIT} entries"
            raise UserError("GitHub can't take this event", where=ascii(event[:100]), fix=fix)
        self._guard.begin()
        self._repository.create_repository_dispatch(event, dict(payload))

    def close(self) -> None:
        """Let go of the connections."""
        self._requester.close()
        self._guard.close()

    def _leads(self, pull: Pull, commit: str) -> bool:
        """Whether a commit is what a pull request became, or one of as many before it as it has commits."""
        if pull.merge_commit_sha == commit:
            return True
        query = {"sha": pull.merge_commit_sha or ""}
        history = islice(self._requester.rows(f"{self._path}/commits", query), pull.commits)
        return any(read(self._place, each, PullCommit).sha == commit for each in history)

    def _open_here(self, number: int) -> Pull | None:
        self._guard.begin()
        pull = self._one(f"/pulls/{number}", Pull)
        return pull if pull.number == number and open_here(pull, self._place) else None

    def _open_from(self, draft: Draft) -> Pull | None:
        """The open pull request of a branch into a base."""
        there = self._from(draft.branch, draft.base, "open")
        return there[0] if there else None

    def _from(self, branch: str, base: str, state: str) -> list[Pull]:
        head = f"{self._place.repository.partition('/')[0]}:{gitnames.ref(branch)}"
        return self._rows("/pulls", Pull, state=state, head=head, base=gitnames.ref(base))

    def _open(self, draft: Draft) -> Pull:
        body = draft.text(COMMENT_LIMIT, utf16)
        made = self._repository.create_pull(
            draft.base, draft.branch, title=draft.title, body=body, draft=draft.draft
        )
        return read(self._place, made.raw_data, Pull)

    def _evidence(self, pull: Pull) -> Evidence:
        # Who may push to a fork is told by its own activity, if by any.
        fork, ref = source(pull), f"refs/heads/{pull.head.ref}"
        moves = self._if_allowed(f"/repos/{fork}/activity", Activity, ref=ref) if fork else None
        return Evidence(
            pull=pull,
            commits=self._rows(f"/pulls/{pull.number}/commits", PullCommit),
            reviews=self._rows(f"/pulls/{pull.number}/reviews", PullReview),
            moves=moves,
            suites=self._suites(pull) if pull.merged else [],
        )

    def _suites(self, pull: Pull) -> list[Suite] | None:
        """Pushes to the base branch of the last month that were let past its rules."""
        ref, kind = f"refs/heads/{pull.base.ref}", "bypass"
        path = f"{self._path}/rulesets/rule-suites"
        return self._if_allowed(path, Suite, ref=ref, time_period="month", rule_suite_result=kind)

    def _own(self) -> Callable[[Account], bool]:
        """Whether an account is the token's; apps can't ask who they are, so theirs is any bot."""
        answer = if_allowed(lambda: self._requester.requestJsonAndCheck("GET", "/user"))
        if answer is None:
            return lambda account: account.bot
        name = read(self._place, answer[1], Account).login
        return lambda account: account.login == name

    def _comment(self, number: int) -> IssueComment:
        return IssueComment(self._requester, url=f"{self._path}/issues/comments/{number}")

    def _one(self, path: str, kind: type[Answer]) -> Answer:
        _, document = self._requester.requestJsonAndCheck("GET", f"{self._path}{path}")
        return read(self._place, document, kind)

    def _rows(self, path: str, kind: type[Answer], **query: str) -> list[Answer]:
        return self._rows_at(f"{self._path}{path}", kind, query)

    def _rows_at(self, path: str, kind: type[Answer], query: Mapping[str, str]) -> list[Answer]:
        rows = bounded(self._place, self._requester.rows(path, dict(query)))
        return [read(self._place, each, kind) for each in rows]

    def _if_allowed(self, path: str, kind: type[Answer], **query: str) -> list[Answer] | None:
        """The rows, or None when the token may not see them or this GitHub does not have them."""
        return if_allowed(lambda: self._rows_at(path, kind, query))
