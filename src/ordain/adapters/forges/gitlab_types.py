"""What GitLab answers, as far as it is read.

Field names follow GitLab's published description of its REST API, version 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ordain.adapters.forges.gitlab_settings import ApprovalSettings, Project
from ordain.adapters.forges.reading import Part


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
    """What was pushed.

    Attributes:
        ref_type: `branch` or `tag`. ref: its name; None when several were pushed at once.
        action: `created`, `pushed` or `removed`.
        commit_from, commit_to: newest commits of before and after; None where there was none.
    """

    ref_type: str
    action: str
    ref: str | None = None
    commit_from: str | None = None
    commit_to: str | None = None


class PushEvent(Part, frozen=True, kw_only=True):
    """One push to a project."""

    push_data: Pushed
    created_at: str
    author_username: str | None = None


class CommitStatus(Part, frozen=True, kw_only=True):
    """A status of a commit."""

    name: str
    status: str
    description: str | None = None
    target_url: str | None = None


class Evidence(Part, frozen=True, kw_only=True):
    """All that was answered about one merge request; None where GitLab would not say.

    Attributes:
        pushes: to the source branch, from the newest to the one that created it.
        lower: requests that were merged, maybe into the source branch; empty where its pushes are not told.
        bots: whether each approver's or reviewer's account is one, by id.
    """

    project: Project
    merged: MergeRequest
    approvals: Approvals
    reviewers: Sequence[Reviewer]
    versions: Sequence[Version]
    notes: Sequence[Note]
    pushes: Sequence[PushEvent] | None
    lower: Sequence[MergeRequest] | None
    settings: ApprovalSettings | None
    bots: Mapping[int, bool]
