"""GitLab, as somebody who reviews there: what a person does with a token of their own, and no job does."""

from __future__ import annotations

from ordain.adapters.forges.gitlab import GitLab
from ordain.adapters.forges.gitlab_types import Account, Approvals, MergeRequest
from ordain.adapters.forges.guard import ForgeError
from ordain.adapters.forges.reading import login, read
from ordain.core import gitnames
from ordain.errors import UserError

_AGAIN = "read what is there now, then: ordain approve --request {}"
_KEPT_OUT = (
    "see who may approve it: GitLab keeps out its author, whoever committed to it, whoever approved it "
    "already, and every token where a project asks for a password"
)


class GitLabReviewing(GitLab):
    """One project, opened with a reviewer's own token; a `ports.Reviewing`."""

    def account(self) -> str:
        """The login that the token is of; a bot's token is refused, since no bot's approval counts."""
        self._guard.begin()
        found = self._client.one("/user", Account)
        name = login(found.username)
        if name is None or found.bot:
            what = "this token is of no person: an approval by a bot never counts"
            raise UserError(what, fix="set GITLAB_TOKEN to a personal access token of your own, scope api")
        return name

    def approve(self, number: int, commit: str) -> None:
        """Approve a merge request as it stands at a commit; GitLab refuses when it has moved.

        GitLab compares before it saves, so a push may still fall between: it is looked for afterwards.
        """
        gitnames.object_id(commit)
        self._guard.begin()
        project = self._project()
        made = self._client.gitlab.projects.get(project, lazy=True).mergerequests.get(number, lazy=True)
        try:
            read(self._place, made.approve(sha=commit), Approvals)
        except ForgeError as refused:
            raise self._told(refused, project, number, commit) from None
        now = self._newest(project, number)
        if now != commit:
            what = f"!{number} moved from {commit[:12]} to {now[:12]} in the moment of approving"
            raise UserError(what, fix=f"revoke your approval on its page, {_AGAIN.format(number)}")

    def _told(self, refused: ForgeError, project: int, number: int, commit: str) -> UserError:
        """What a refusal of an approval means."""
        if refused.status == 401:  # the token was good for reading the project
            return UserError(f"GitLab does not let this account approve !{number}", fix=_KEPT_OUT)
        if refused.status != 409:
            return refused
        now = self._newest(project, number)
        what = f"!{number} has moved from {commit[:12]} to {now[:12]}; nothing was approved"
        return UserError(what, fix=_AGAIN.format(number))

    def _newest(self, project: int, number: int) -> str:
        return self._client.one(f"/projects/{project}/merge_requests/{number}", MergeRequest).sha or "nothing"
