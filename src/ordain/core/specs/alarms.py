"""The type of an environment's `alarms`: whom monitors tell what they find."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ordain.core.specs.parts import BRANCH_PATTERN, BRANCH_WORDS, Cidr, Name, Part, matching

FORGE_PAGE_PATTERN = (
    r"^https://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{2,5})?(/[A-Za-z0-9_][A-Za-z0-9_.-]*){2,}(?!\n)$"
)


class Alarms(Part, frozen=True, kw_only=True):
    """The forge that monitors tell what they find, so that it opens a retraining request.

    The token in the Secret starts jobs there and is good for nothing else: docs/monitoring.md says which.
    """

    forge: Literal["github", "gitlab"]
    repository: Annotated[
        str,
        matching(
            FORGE_PAGE_PATTERN, "the page of a repository such as https://github.com/acme/models",
            max_length=500,
        ),
    ]  # fmt: skip
    branch: Annotated[
        str,
        matching(BRANCH_PATTERN, BRANCH_WORDS, max_length=200, description="Whose jobs GitLab starts."),
    ] = "main"
    secret: Annotated[Name, Meta(description="A Secret in the namespace; its key `token` is the token.")]
    allow_to: Annotated[
        tuple[Cidr, ...], Meta(description="Networks of the forge, which monitors may then reach over TLS.")
    ] = ()
