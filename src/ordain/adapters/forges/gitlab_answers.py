"""What GitLab answers, and what it amounts to. Pure: everything was asked for before.

Field names follow GitLab's published description of its REST API, version 4.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence

from ordain.adapters.forges.gitlab_settings import ApprovalSettings, Project, unsafe
from ordain.adapters.forges.place import Place
from ordain.adapters.forges.reading import Part, commit_id, distinct, instant, login, stamp, title
from ordain.core.people.request import Opened, Request, Review

# A system note that a push leaves on a merge request; nobody can write one by hand.
_PUSHED = re.compile(r"added \d+ (new )?commits?\b")


class Account(Part, frozen=True, kw_only=True):
    """A user. `bot` is told by the user's own page only."""

    id: int
    username: str | None = None
    bot: bool = False


class MergeRequest(Part, frozen=True, kw_only=True):
    """A merge request.

    Attributes:
        sha: newest commit of the source branch.
        merge_commit_sha: None when it was merged without a merge commit.
        squash_commit_sha: None unless it was squashed.
        source_project_id: None when the fork is gone.
    """

    iid: int
    title: str
    state: str
    target_branch: str
    source_branch: str
    target_project_id: int
    created_at: str
    sha: str | None = None
    source_project_id: int | None = None
    author: Account | None = None
    labels: tuple[str, ...] = ()
    merge_user: Account | None = None
    merged_by: Account | None = None
    merged_at: str | None = None
    merge_commit_sha: str | None = None
    squash_commit_sha: str | None = None
    draft: bool = False

    @property
    def became(self) -> str | None:
        """The commit on the target branch: merge, else squash, else fast-forward."""
        return self.merge_commit_sha or self.squash_commit_sha or self.sha


class Approval(Part, frozen=True, kw_only=True):
    """One approval that stands. `approved_at`: absent before GitLab 17."""

    user: Account | None = None
    approved_at: str | None = None


class Approvals(Part, frozen=True, kw_only=True):
    """The approvals of a merge request that stand."""

    approved_by: tuple[Approval, ...] = ()


class Reviewer(Part, frozen=True, kw_only=True):
    """Somebody who was asked to review, and how far they are."""

    state: str
    user: Account | None = None


class Commit(Part, frozen=True, kw_only=True):
    """A commit of a merge request."""

    id: str


class Version(Part, frozen=True, kw_only=True):
    """The source branch after one push."""

    head_commit_sha: str | None = None
    created_at: str | None = None


class Note(Part, frozen=True, kw_only=True):
    """A comment, or what GitLab itself noted of somebody's doing."""

    id: int
    body: str = ""
    system: bool = False
    author: Account | None = None


class Pushed(Part, frozen=True, kw_only=True):
    """What was pushed. `ref`: None when several branches were pushed at once."""

    ref: str | None = None


class PushEvent(Part, frozen=True, kw_only=True):
    """One push to the project."""

    author_username: str | None = None
    push_data: Pushed | None = None


class CommitStatus(Part, frozen=True, kw_only=True):
    """A status of a commit."""

    name: str
    status: str
    description: str | None = None
    target_url: str | None = None


class Evidence(Part, frozen=True, kw_only=True):
    """All that was answered about one merge request; None where GitLab would not say.

    Attributes:
        bots: whether each approver's or reviewer's account is one, by id.
    """

    project: Project
    merged: MergeRequest
    approvals: Approvals
    reviewers: Sequence[Reviewer]
    versions: Sequence[Version]
    notes: Sequence[Note]
    pushes: Sequence[PushEvent] | None
    settings: ApprovalSettings | None
    bots: Mapping[int, bool]


def merged_here(merged: MergeRequest, place: Place, project: int) -> bool:
    """Whether a merge request was merged into our base branch."""
    here = merged.target_project_id == project and merged.target_branch == place.base
    done = merged.state == "merged" and instant(merged.merged_at) is not None
    return here and done and commit_id(merged.became) is not None


def open_here(found: MergeRequest, place: Place, project: int) -> bool:
    """Whether a merge request is open into our base branch."""
    here = found.target_project_id == project and found.target_branch == place.base
    return here and found.state == "opened"


def chosen(requests: Sequence[MergeRequest], place: Place, project: int, commit: str) -> MergeRequest | None:
    """The one of a commit's merge requests that became it, or else the one that it may lead to."""
    here = [each for each in requests if merged_here(each, place, project)]
    exact = [each for each in here if each.became == commit]
    found = exact or [each for each in here if each.became == each.sha]
    return found[0] if len(found) == 1 else None


def request(place: Place, evidence: Evidence) -> Request:
    """The request that the evidence describes."""
    merged = evidence.merged
    return Request(
        forge="gitlab",
        repository=place.repository,
        number=merged.iid,
        url=page(place, merged.iid),
        title=title(merged.title),
        base=merged.target_branch,
        head=merged.sha or "",
        merged=(merged.became or "") if merged.state == "merged" else "",
        merged_by=_login(merged.merge_user or merged.merged_by),
        merged_at=stamp(merged.merged_at),
        author=_login(merged.author),
        pushers=_pushers(evidence),
        reviews=_reviews(evidence),
        bypasses=(),
        unsafe=_unsafe(evidence),
    )


def opened(place: Place, found: MergeRequest) -> Opened:
    """An open merge request."""
    return Opened(
        number=found.iid,
        url=page(place, found.iid),
        title=title(found.title),
        branch=found.source_branch,
        base=found.target_branch,
        author=_login(found.author),
        created=stamp(found.created_at),
        draft=found.draft,
    )


def page(place: Place, number: int) -> str:
    """Where people read a merge request; never taken from an answer."""
    return f"{place.origin}/{place.repository}/-/merge_requests/{number}"


def _reviews(evidence: Evidence) -> tuple[Review, ...]:
    """Approvals, each at the commit that was newest then; behind them who asked for changes.

    GitLab keeps one state a reviewer, so a request for changes is newer than an approval that stands.
    """
    approved = [
        Review(
            reviewer=_login(each.user) or "",
            state="approved",
            commit=_newest(evidence.versions, instant(each.approved_at)),
            submitted=stamp(each.approved_at),
            bot=_bot(evidence, each.user),
        )
        for each in evidence.approvals.approved_by
    ]
    asked = [
        Review(
            reviewer=_login(each.user) or "",
            state="changes_requested",
            commit=None,
            submitted="",
            bot=_bot(evidence, each.user),
        )
        for each in evidence.reviewers
        if each.state == "requested_changes"
    ]
    return (*sorted(approved, key=lambda each: each.submitted), *asked)


def _newest(versions: Sequence[Version], then: dt.datetime | None) -> str | None:
    """The head of the source branch at some time; None when it can't be told."""
    known = [(instant(each.created_at), commit_id(each.head_commit_sha)) for each in versions]
    before = [(when, head) for when, head in known if when is not None and then is not None and when <= then]
    return max(before, key=lambda each: each[0])[1] if before else None


def _pushers(evidence: Evidence) -> tuple[str, ...]:
    """Whoever opened it, whose pushes GitLab noted on it, and who pushed to its branch before.

    An empty name stands for whoever can't be told: an account that is gone, as is a fork's whose project is.
    """
    branch = evidence.merged.source_branch
    noted = [each.author for each in evidence.notes if each.system and _PUSHED.match(each.body)]
    pushed = [
        each.author_username
        for each in evidence.pushes or ()
        if each.push_data is not None and each.push_data.ref in {branch, None}
    ]
    gone = [None] if evidence.merged.source_project_id is None else []
    return distinct(
        name or "" for name in (*map(_login, [evidence.merged.author, *noted]), *map(login, pushed), *gone)
    )


def _unsafe(evidence: Evidence) -> tuple[str, ...]:
    settings = unsafe(evidence.project, evidence.settings)
    return distinct([*settings, *(["pushes-not-listed"] if evidence.pushes is None else [])])


def _bot(evidence: Evidence, account: Account | None) -> bool:
    return account is not None and evidence.bots.get(account.id, True)


def _login(account: Account | None) -> str | None:
    return login(account.username) if account is not None else None
