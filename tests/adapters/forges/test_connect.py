"""A forge by its name and address, as the command line opens it."""

from __future__ import annotations

import pytest

from ordain.adapters.forges import connect
from ordain.errors import UserError
from tests.adapters.forges import github_world, gitlab_world
from tests.adapters.forges.standin import TOKEN


def test_either_forge_is_opened_with_the_token_of_the_environment(
    github_world: github_world.World, gitlab_world: gitlab_world.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
    github = connect("github", f"{github_world.server.origin}/acme/churn", "main")
    gitlab = connect("gitlab", f"{gitlab_world.server.origin}/acme/ml/churn", "main")
    for forge, name in ((github, "github"), (gitlab, "gitlab")):
        found = forge.merged_as("b" * 40)
        assert found is not None
        assert found.forge == name


def test_nothing_is_opened_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    with pytest.raises(UserError, match="no token for GitHub"):
        connect("github", "https://github.com/acme/churn", "main")
