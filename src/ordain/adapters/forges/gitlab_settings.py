"""What a project on GitLab is set to, and what of it leaves nothing to be proven. Pure, as its answers.

Field names follow GitLab's published description of its REST API, version 4.
"""

from __future__ import annotations

import msgspec

from ordain.adapters.forges.reading import Part

# A fork's request runs the fork's own jobs with the project's secrets, once a member starts its pipeline.
FORK_PIPELINES = "ci_allow_fork_pipelines_to_run_in_parent_project"


class Project(Part, frozen=True, kw_only=True):
    """A project. `fork_pipelines`: told to its maintainers alone, and to all others None."""

    id: int
    path_with_namespace: str
    fork_pipelines: bool | None = msgspec.field(name=FORK_PIPELINES, default=None)


class ApprovalSettings(Part, frozen=True, kw_only=True):
    """The project's settings for approvals. None: never set."""

    reset_approvals_on_push: bool | None = None
    disable_overriding_approvers_per_merge_request: bool | None = None
    merge_requests_author_approval: bool | None = None
    merge_requests_disable_committers_approval: bool | None = None

    @property
    def unsafe(self) -> tuple[str, ...]:
        """The settings that leave an approval unbound to what was reviewed, or let makers approve."""
        safe = {
            "reset_approvals_on_push": True,
            "disable_overriding_approvers_per_merge_request": True,
            "merge_requests_author_approval": False,
            "merge_requests_disable_committers_approval": True,
        }
        return tuple(name for name, wanted in safe.items() if getattr(self, name) is not wanted)


def unsafe(project: Project, settings: ApprovalSettings | None) -> tuple[str, ...]:
    """Settings, by name, under which GitLab's word is not taken. `settings`: None when they can't be read."""
    approvals = settings.unsafe if settings else ("approval-settings-not-readable",)
    return (*approvals, *((FORK_PIPELINES,) if project.fork_pipelines else ()))
