"""The forges with a server: GitHub and GitLab, each through its kept client and one guarded way out."""

from __future__ import annotations

from ordain.adapters.forges.place import place_of, read_token
from ordain.core.people.request import ForgeName
from ordain.ports import Dispatches, Requests, Reviewing


def connect(forge: ForgeName, address: str, base: str) -> Requests:
    """A repository on its forge, opened with the token of the environment; nothing is sent yet.

    Args:
        address: of its page, such as `https://github.com/acme/churn`. base: the branch that counts.

    Raises:
        UserError: for what is no such address, and when there is no token.
    """
    place, token = place_of(forge, address, base), read_token(forge)
    if forge == "github":
        from ordain.adapters.forges.github import GitHub

        return GitHub(place, token)
    from ordain.adapters.forges.gitlab import GitLab

    return GitLab(place, token)


def reviewing(address: str, base: str) -> Reviewing:
    """A project on GitLab, opened with the token of the environment, which is a reviewer's own.

    Raises:
        UserError: for what is no address of a project's page, and when there is no token.
    """
    from ordain.adapters.forges.gitlab_reviewing import GitLabReviewing

    return GitLabReviewing(place_of("gitlab", address, base), read_token("gitlab"))


def teller(forge: ForgeName, address: str, base: str) -> Dispatches:
    """A repository on its forge that is told and never asked, with the token of the environment.

    Raises:
        UserError: for what is no address of a repository's page, and when there is no token.
    """
    from ordain.adapters.forges.telling import Teller

    return Teller(place_of(forge, address, base), read_token(forge))
