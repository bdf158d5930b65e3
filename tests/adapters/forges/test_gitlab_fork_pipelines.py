"""A project on GitLab that runs pipelines of forks is refused where it can be seen."""

from __future__ import annotations

import pytest

from ordain.adapters.forges.gitlab import GitLab
from ordain.adapters.forges.gitlab_settings import FORK_PIPELINES
from tests.adapters.forges.gitlab_world import MERGED, World


@pytest.mark.parametrize(
    ("said", "unsafe"),
    [
        ({FORK_PIPELINES: True}, (FORK_PIPELINES,)),  # as it is by default
        ({FORK_PIPELINES: False}, ()),
        ({}, ()),  # told to nobody below Maintainer
    ],
)
def test_a_project_whose_secrets_reach_jobs_of_forks_is_unsafe(
    said: dict[str, bool], unsafe: tuple[str, ...], gitlab: GitLab, gitlab_world: World
) -> None:
    gitlab_world.project |= said
    merged = gitlab.merged_as(MERGED)
    assert merged is not None
    assert merged.unsafe == unsafe
    gitlab_world.merged |= {"state": "opened", "merged_at": None}
    open_still = gitlab.under_review(12)
    assert open_still is not None
    assert open_still.unsafe == unsafe
