"""What a forge says of a merged request, whose reviews of it stand, and what a forge is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from ordain.core.value import Value

ForgeName = Literal["github", "gitlab"]
ReviewState = Literal["approved", "changes_requested", "dismissed", "commented"]
StatusState = Literal["pending", "success", "failure"]

READY = "ready"  # marks the comment that says why a draft became a request
_MARKER = re.compile(r"[a-z0-9]([a-z0-9./@-]{0,98}[a-z0-9])?")
_CUT = "\n\n*(cut: this forge allows no longer comment)*"


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


class Hand(Value, frozen=True, kw_only=True):
    """Something that an account did on a request's branch; an empty login for an account that is gone.

    Attributes:
        after: the commit that it is named for, or the newest of those that it pushed; empty where that is
            not told. before: the newest that was there before a push; empty for a commit.
    """

    login: str
    before: str = ""
    after: str = ""


class Request(Value, frozen=True, kw_only=True):
    """One request, merged or still open.

    Attributes:
        repository: as the forge names it. number: of the request.
        base: the branch that it was merged into, or is meant for. head: newest commit of its own branch then.
        merged: the commit of the base branch that it became: a merge, a squash, the last of a rebase; empty
            while it is open.
        merged_by, author: logins; None for an account that is gone. merged_at: ISO 8601, or empty.
        pushers: logins that the forge names for any of its commits, and that pushed to its branch; an empty
            one for somebody whose account is gone.
        hands: what the pushers did, where the forge tells it.
        named: e-mail addresses of its commits that the forge attributes to an account.
        reviews: every review, oldest first.
        bypasses: logins that merged past the forge's own rules.
        unsafe: settings by which the forge lets an approval outlive a change, and evidence on its makers
            that the forge does not show, by name.
        unseen: evidence that the forge does not show and that decides nothing, by name.
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
    hands: tuple[Hand, ...] = ()
    named: tuple[str, ...] = ()
    reviews: tuple[Review, ...] = ()
    bypasses: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


class Draft(Value, frozen=True, kw_only=True):
    """A request to open, from a branch that has been pushed. `draft`: not yet asking for review."""

    branch: str
    base: str
    title: str
    body: str
    labels: tuple[str, ...] = ()
    draft: bool = False


class Opened(Value, frozen=True, kw_only=True):
    """An open request. `author`: login; None for an account that is gone. `created`: ISO 8601. `draft`: not
    yet asking for review."""

    number: int
    url: str
    title: str
    branch: str
    base: str
    author: str | None
    created: str
    draft: bool = False


class Status(Value, frozen=True, kw_only=True):
    """One check on a commit. `name`: what a rule of the branch requires. `url`: where to read more."""

    name: str
    state: StatusState
    description: str = ""
    url: str | None = None


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


def marked(marker: str, body: str, longest: int) -> str:
    """A comment that is found again by its first line, which no reader sees.

    Args:
        marker: lower-case letters, digits and `./@-`, at most 100. body: Markdown.
        longest: characters that the forge allows; a longer body is cut, and says so.

    Raises:
        ValueError: for another marker.
    """
    if not _MARKER.fullmatch(marker):
        raise ValueError(f"not a marker for a comment: {marker!r}")
    text = f"{first_line(marker)}\n{body}"
    return text if len(text) <= longest else text[: longest - len(_CUT)] + _CUT


def first_line(marker: str) -> str:
    """What a comment with this marker begins with."""
    return f"<!-- ordain:{marker} -->"
