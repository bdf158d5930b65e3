"""GitLab: merged requests with their evidence, and what Ordain opens, says and reports there.

python-gitlab speaks to GitLab, through a guard. An approval there carries no commit; what binds one to
a commit is the time at which GitLab had it, and settings that are named when they would loosen that.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from urllib.parse import quote

from ordain.adapters.forges.gitlab_answers import (
    beginning,
    chosen,
    concerns,
    creates,
    merged_here,
    open_here,
    opened,
    page,
    request,
)
from ordain.adapters.forges.gitlab_client import Client
from ordain.adapters.forges.gitlab_settings import ApprovalSettings, Project
from ordain.adapters.forges.gitlab_types import (
    Account,
    Approvals,
    Commit,
    CommitStatus,
    Evidence,
    MergeRequest,
    Note,
    PushEvent,
    Reviewer,
    Version,
)
from ordain.adapters.forges.guard import Clock, ForgeError, Guard, Limits, if_allowed
from ordain.adapters.forges.place import Place, Token
from ordain.adapters.forges.reading import MOST, instant, read, undrafted
from ordain.core import gitnames
from ordain.core.people.request import READY, Draft, Opened, Request, Status, StatusState, first_line, marked
from ordain.errors import UserError

COMMENT_LIMIT = 1_000_000  # characters
_STATUS_LIMIT = 255
_STATES: Mapping[StatusState, str] = {"pending": "pending", "success": "success", "failure": "failed"}
_EVENT = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
# GitLab tells events by whole days of its own time zone; none of these is missed by a request's last day.
_DAYS = dt.timedelta(days=2)

# What a token needs for a request, by method and path; the first match holds.
PERMISSIONS = (
    (r"GET /projects/[^/]+/approvals", "the scope read_api and the Maintainer role"),
    (r"GET .*", "the scope read_api and the Reporter role"),
    (r".*", "the scope api and the Developer role"),
)


class GitLab:
    """One project on gitlab.com or another GitLab; a `ports.Requests`.

    Args:
        place: the project. token: what opens it; `docs/forges.md` lists the scopes.
        limits, clock: for tests.
    """

    def __init__(
        self, place: Place, token: Token, *, limits: Limits | None = None, clock: Clock | None = None
    ) -> None:
        self._place = place
        self._guard = Guard(place, PERMISSIONS, limits or Limits(), clock or Clock())
        self._client = Client(place, token, self._guard)

    def merged_as(self, commit: str) -> Request | None:
        """The merge request that became this commit by a merge, a squash or a fast-forward.

        An earlier commit of a fast-forwarded one counts too; `merged` is then the last of them.
        """
        gitnames.object_id(commit)
        self._guard.begin()
        described = self._described()
        project = described.id
        try:
            candidates = self._client.rows(
                f"{_path(project)}/repository/commits/{commit}/merge_requests", MergeRequest
            )
        except ForgeError as refused:
            if refused.status == 404:  # no such commit; the project itself was just there
                return None
            raise
        candidate = chosen(candidates, self._place, project, commit)
        if candidate is None:
            return None
        merged = self._client.one(f"{_path(project)}/merge_requests/{candidate.iid}", MergeRequest)
        same = (merged.iid, merged.became) == (candidate.iid, candidate.became)
        if not (same and merged_here(merged, self._place, project) and self._leads(project, merged, commit)):
            return None
        return request(self._place, self._evidence(described, merged))

    def under_review(self, number: int) -> Request | None:
        """An open merge request into the base branch, with everything that decides how its reviews count."""
        self._guard.begin()
        project = self._described()
        found = self._open_here(project.id, number)
        return request(self._place, self._evidence(project, found)) if found else None

    def head(self, number: int) -> str | None:
        """The newest commit of an open merge request into the base branch."""
        self._guard.begin()
        found = self._open_here(self._project(), number)
        return found.sha if found else None

    def open_request(self, draft: Draft) -> str:
        """Open a merge request from a branch of this project, unless it has one; its page."""
        ends = {"source_branch": gitnames.ref(draft.branch), "target_branch": gitnames.ref(draft.base)}
        self._guard.begin()
        path = f"{_path(self._project())}/merge_requests"
        there = self._client.rows(path, MergeRequest, state="opened", **ends)
        if not there:
            wanted = {
                "title": f"Draft: {draft.title}" if draft.draft else draft.title,
                "description": draft.text(COMMENT_LIMIT),
                "labels": list(draft.labels),
                "remove_source_branch": True,
            }
            try:
                made = self._client.gitlab.http_post(path, post_data={**ends, **wanted})
                there = [read(self._place, made, MergeRequest)]
            except ForgeError:
                there = self._client.rows(
                    path, MergeRequest, state="opened", **ends
                )  # somebody else was quicker
                if not there:
                    raise
        return page(self._place, there[0].iid)

    def open_requests(self, label: str) -> tuple[Opened, ...]:
        """The open merge requests with a label, by number."""
        self._guard.begin()
        path = f"{_path(self._project())}/merge_requests"
        rows = self._client.rows(path, MergeRequest, state="opened", labels=label)
        ours = [each for each in rows if label in each.labels]
        return tuple(opened(self._place, each) for each in sorted(ours, key=lambda each: each.iid))

    def ready(self, number: int, why: str) -> None:
        """Take the draft mark off, which GitLab reads from the title."""
        self.comment(number, READY, why)
        path = f"{_path(self._project())}/merge_requests/{number}"
        if (found := self._client.one(path, MergeRequest)).draft:
            self._client.gitlab.http_put(path, post_data={"title": undrafted(found.title)})

    def requested(self, branch: str, base: str) -> bool:
        """Whether a branch of this project ever had a merge request into a base."""
        ends = {"source_branch": gitnames.ref(branch), "target_branch": gitnames.ref(base)}
        self._guard.begin()
        return bool(
            self._client.rows(f"{_path(self._project())}/merge_requests", MergeRequest, state="all", **ends)
        )

    def _open_here(self, project: int, number: int) -> MergeRequest | None:
        found = self._client.one(f"{_path(project)}/merge_requests/{number}", MergeRequest)
        return found if found.iid == number and open_here(found, self._place, project) else None

    def comment(self, number: int, marker: str, body: str) -> None:
        """Keep one comment of our own, found by its marker; other people's are never touched."""
        text = marked(marker, body, COMMENT_LIMIT)
        self._guard.begin()
        path = f"{_path(self._project())}/merge_requests/{number}/notes"
        own = self._client.one("/user", Account).id
        ours = [
            each
            for each in self._client.rows(path, Note, sort="asc", order_by="created_at")
            if each.body.startswith(first_line(marker)) and each.author is not None and each.author.id == own
        ]
        if not ours:
            self._client.gitlab.http_post(path, post_data={"body": text})
        elif ours[0].body != text:
            self._client.gitlab.http_put(f"{path}/{ours[0].id}", post_data={"body": text})
        for extra in ours[1:]:
            self._client.gitlab.http_delete(f"{path}/{extra.id}")

    def status(self, commit: str, statuses: Sequence[Status]) -> None:
        """Set the statuses that the commit does not have yet, by their name.

        One that is pending there and stays so keeps its words: GitLab refuses to have it wait again.
        """
        gitnames.object_id(commit)
        self._guard.begin()
        path = _path(self._project())
        rows = self._client.rows(f"{path}/repository/commits/{commit}/statuses", CommitStatus)
        known = {each.name: (each.status, each.description or "", each.target_url or "") for each in rows}
        for each in statuses:
            wanted = (_STATES[each.state], each.description[:_STATUS_LIMIT], each.url or "")
            there = known.get(each.name, ("", "", ""))
            if there != wanted and (there[0], each.state) != ("pending", "pending"):
                named = zip(("state", "description", "target_url"), wanted, strict=True)
                said = {name: text for name, text in named if text}
                self._guard.begin_write()
                posted = {"name": each.name, **said}
                self._client.gitlab.http_post(f"{path}/statuses/{commit}", post_data=posted)

    def dispatch(self, event: str, payload: Mapping[str, str]) -> None:
        """Start a pipeline of the base branch with `ORDAIN_EVENT` and the payload as `ORDAIN_…` variables."""
        if not _EVENT.fullmatch(event) or not all(map(_VARIABLE.fullmatch, payload)):
            fix = "name it with letters, digits and `_.-`, and entries with letters, digits and `_`"
            raise UserError("GitLab can't take this event", where=ascii(event[:100]), fix=fix)
        entries = {"event": event, **payload}
        variables = [{"key": f"ORDAIN_{name.upper()}", "value": text} for name, text in entries.items()]
        self._guard.begin()
        path = f"{_path(self._project())}/pipeline"
        self._client.gitlab.http_post(path, post_data={"ref": self._place.base, "variables": variables})

    def close(self) -> None:
        """Let go of the connections."""
        self._client.gitlab.session.close()

    def _project(self) -> int:
        return self._described().id

    def _described(self) -> Project:
        """The project, once it has answered to its name."""
        name = self._place.repository
        project = self._client.one(f"/projects/{quote(name, safe='')}", Project)
        if project.path_with_namespace.casefold() != name.casefold():
            fix = "give the project's present address"
            raise UserError(f"GitLab answers for another project than {name}", fix=fix)
        return project

    def _leads(self, project: int, merged: MergeRequest, commit: str) -> bool:
        """Whether a commit is what a merge request became, or one that it was fast-forwarded over."""
        if merged.became == commit:
            return True
        rows = self._client.rows(f"{_path(project)}/merge_requests/{merged.iid}/commits", Commit)
        return any(each.id == commit for each in rows)

    def _evidence(self, project: Project, merged: MergeRequest) -> Evidence:
        path = f"{_path(project.id)}/merge_requests/{merged.iid}"
        approvals = self._client.one(f"{path}/approvals", Approvals)
        reviewers = self._client.rows(f"{path}/reviewers", Reviewer)
        involved = [*(each.user for each in approvals.approved_by), *(each.user for each in reviewers)]
        pushes = if_allowed(lambda: self._pushes(merged))
        return Evidence(
            project=project,
            merged=merged,
            approvals=approvals,
            reviewers=reviewers,
            versions=self._client.rows(f"{path}/versions", Version),
            notes=self._client.rows(f"{path}/notes", Note, sort="asc", order_by="created_at"),
            pushes=pushes,
            lower=if_allowed(lambda: self._lower(merged, pushes)) if pushes else [],
            settings=if_allowed(lambda: self._client.one(f"{_path(project.id)}/approvals", ApprovalSettings)),
            bots={each.id: self._client.one(f"/users/{each.id}", Account).bot for each in involved if each},
        )

    def _pushes(self, merged: MergeRequest) -> list[PushEvent] | None:
        """Pushes to the source branch, from the newest to its creation; None where that is not among them."""
        if merged.source_project_id is None:
            return None
        query, end = {"action": "pushed", "sort": "desc"}, instant(merged.merged_at)
        if end is not None:
            query["before"] = (end + _DAYS).strftime("%Y-%m-%d")
        found = []
        for row in islice(self._client.pages(f"{_path(merged.source_project_id)}/events", query), MOST):
            push = read(self._place, row, PushEvent)
            if concerns(push, merged):
                found.append(push)
            if creates(push, merged):
                return found
        return None

    def _lower(self, merged: MergeRequest, pushes: Sequence[PushEvent]) -> list[MergeRequest]:
        """Merged requests into the source branch that were touched since it was created."""
        path = f"{_path(merged.source_project_id)}/merge_requests"
        ends = {"state": "merged", "target_branch": merged.source_branch}
        return self._client.rows(path, MergeRequest, **ends, updated_after=beginning(pushes).isoformat())


def _path(project: int | None) -> str:
    return f"/projects/{project}"
