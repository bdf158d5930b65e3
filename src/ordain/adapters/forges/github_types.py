"""What GitHub answers, as far as it is read.

Field names and which may be null follow GitHub's published description of its REST API, 2022-11-28.
"""

from __future__ import annotations

from collections.abc import Sequence

from ordain.adapters.forges.reading import Part


class Account(Part, frozen=True, kw_only=True):
    """A user, app or organisation. GitHub sends `{}` for a commit's account that it can't find."""

    login: str | None = None
    type: str = ""

    @property
    def bot(self) -> bool:
        """Whether it is an app's or a machine's."""
        return self.type == "Bot" or (self.login or "").endswith("[bot]")


class Repository(Part, frozen=True, kw_only=True):
    """A repository's full name."""

    full_name: str


class Side(Part, frozen=True, kw_only=True):
    """One end of a pull request. `repo`: None when the fork is gone. `user`: the repository's owner."""

    ref: str
    sha: str
    repo: Repository | None = None
    user: Account | None = None


class Label(Part, frozen=True, kw_only=True):
    """A label."""

    name: str | None = None


class Pull(Part, frozen=True, kw_only=True):
    """A pull request. `merged`, `merged_by` and `commits` are absent from lists."""

    number: int
    title: str
    state: str
    base: Side
    head: Side
    created_at: str
    user: Account | None = None
    labels: tuple[Label, ...] = ()
    merge_commit_sha: str | None = None
    merged_at: str | None = None
    merged: bool = False
    merged_by: Account | None = None
    commits: int = 0
    draft: bool = False
    node_id: str = ""


class PullReview(Part, frozen=True, kw_only=True):
    """A review. `commit_id`: None once GitHub has dropped the commit."""

    state: str
    user: Account | None = None
    commit_id: str | None = None
    submitted_at: str | None = None


class Maker(Part, frozen=True, kw_only=True):
    """Whom a commit names."""

    email: str | None = None


class Makers(Part, frozen=True, kw_only=True):
    """What a commit itself says of its making."""

    author: Maker | None = None
    committer: Maker | None = None


class PullCommit(Part, frozen=True, kw_only=True):
    """A commit of a pull request, with the accounts to which its addresses belong."""

    sha: str
    commit: Makers
    author: Account | None = None
    committer: Account | None = None


class Activity(Part, frozen=True, kw_only=True):
    """One move of a branch."""

    activity_type: str
    timestamp: str
    before: str = ""
    after: str = ""
    actor: Account | None = None


class Suite(Part, frozen=True, kw_only=True):
    """One push, judged by the branch's rules."""

    after_sha: str
    pushed_at: str | None = None
    actor_name: str | None = None
    result: str | None = None


class Comment(Part, frozen=True, kw_only=True):
    """A comment on a request."""

    id: int
    body: str = ""
    user: Account | None = None


class CommitStatus(Part, frozen=True, kw_only=True):
    """One status of a commit; lists give the newest first."""

    context: str
    state: str
    description: str | None = None
    target_url: str | None = None


class Evidence(Part, frozen=True, kw_only=True):
    """All that was answered about one pull request; None where GitHub would not say."""

    pull: Pull
    commits: Sequence[PullCommit]
    reviews: Sequence[PullReview]
    moves: Sequence[Activity] | None
    suites: Sequence[Suite] | None
