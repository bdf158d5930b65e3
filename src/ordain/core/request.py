"""What a forge says of a merged request, and whose reviews of it stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ordain.core.decisions import Value

ForgeName = Literal["github", "gitlab"]
ReviewState = Literal["approved", "changes_requested", "dismissed", "commented"]


class Review(Value, frozen=True, kw_only=True):
    """One review, as the forge tells it.

    Attributes:
        reviewer: the account's login; empty for an account that is gone.
        commit: what was looked at, where the forge binds reviews to commits; None otherwise.
        submitted: ISO 8601, by the forge's clock.
        bot: whether the forge calls the account a bot.
    """

    reviewer: str
    state: ReviewState
    commit: str | None
    submitted: str
    bot: bool = False


class Request(Value, frozen=True, kw_only=True):
    """One merged request.

    Attributes:
        repository: as the forge names it. number: of the request.
        base: the branch that it was merged into. head: newest commit of its own branch then.
        merged: the commit of the base branch that it became: a merge, a squash, the last of a rebase.
        merged_by, author: logins; None for an account that is gone. merged_at: ISO 8601.
        pushers: logins that the forge names for any of its commits, and that pushed to its branch.
        reviews: every review, oldest first.
        bypasses: logins that merged past the forge's own rules.
        unsafe: settings by which the forge lets an approval outlive a change, by name.
    """

    forge: ForgeName
    repository: str
    number: int
    url: str
    title: str
    base: str
    head: str
    merged: str
    merged_by: str | None
    merged_at: str
    author: str | None
    pushers: tuple[str, ...] = ()
    reviews: tuple[Review, ...] = ()
    bypasses: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()


def standing(reviews: Iterable[Review]) -> tuple[Review, ...]:
    """The approvals that stand: each reviewer's newest verdict, where it is an approval; never a bot's.

    A comment is no verdict, so it leaves an earlier one as it is.

    Args:
        reviews: oldest first.
    """
    newest: dict[str, Review] = {}
    for each in reviews:
        if each.reviewer and each.state != "commented":
            newest[each.reviewer.casefold()] = each
    return tuple(each for each in newest.values() if each.state == "approved" and not each.bot)
