"""What a forge says of a merged request, whose reviews of it stand, and what a forge is asked for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Literal

from ordain.core.value import Value

ForgeName = Literal["github", "gitlab"]
ReviewState = Literal["approved", "changes_requested", "dismissed", "commented"]
Size = Callable[[str], int]
StatusState = Literal["pending", "success", "failure"]

READY = "ready"  # marks the comment that says why a draft became a request
_MARKER = re.compile(r"[a-z0-9]([a-z0-9./@-]{0,98}[a-z0-9])?")
_NAMED = 5
# Room for the sentence that tells what was left out.
_WORD = 1000
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


class Section(Value, frozen=True, kw_only=True):
    """A part of a request's text that can be left out: what it is, and its Markdown."""

    name: str
    text: str


class Draft(Value, frozen=True, kw_only=True):
    """A request to open, from a branch that has been pushed.

    Attributes:
        body: what has to be said. sections: what follows it, the most telling first.
        whole: where all of that can be read.
        draft: not yet asking for review.
    """

    branch: str
    base: str
    title: str
    body: str
    sections: tuple[Section, ...] = ()
    whole: str = ""
    labels: tuple[str, ...] = ()
    draft: bool = False

    def text(self, longest: int, size: Size = len) -> str:
        """The body and every section that fits behind it, and a word of those that don't.

        Args:
            longest: that the forge allows. size: of a text, as the forge counts it.
        """
        everything = _joined([self.body, *(each.text for each in self.sections)])
        if size(everything) <= longest:
            return everything
        kept, left = [shortened(self.body, longest - _WORD, size)], list[str]()
        for each in self.sections:
            if size(_joined([*kept, each.text])) <= longest - _WORD:
                kept.append(each.text)
            else:
                left.append(each.name)
        named = ", ".join(left[:_NAMED]) + (f" and {len(left) - _NAMED} more" if len(left) > _NAMED else "")
        what = f" ({named})" if named else ""
        return _joined(
            [*kept, f"*What this forge has no room for is left out{what}: whole in {self.whole}.*"]
        )


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


def marked(marker: str, body: str, longest: int, size: Size = len) -> str:
    """A comment that is found again by its first line, which no reader sees.

    Args:
        marker: lower-case letters, digits and `./@-`, at most 100. body: Markdown.
        longest: that the forge allows; a longer body is cut, and says so. size: of a text, as it counts it.

    Raises:
        ValueError: for another marker.
    """
    if not _MARKER.fullmatch(marker):
        raise ValueError(f"not a marker for a comment: {marker!r}")
    text = f"{first_line(marker)}\n{body}"
    if size(text) <= longest:
        return text
    first = f"{first_line(marker)}\n"
    return first + shortened(body, longest - size(first) - size(_CUT), size) + _CUT


def shortened(text: str, longest: int, size: Size = len) -> str:
    """The beginning of a text that is within a size: whole lines, where there is one."""
    if size(text) <= longest:
        return text
    end = bisect_right(range(len(text)), longest, key=lambda end: size(text[:end])) - 1
    line = text.rfind("\n", 0, max(end, 0))
    return text[: line if line > 0 else max(end, 0)]


def utf16(text: str) -> int:
    """Length as JavaScript and Java count it, which is never less than the number of characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(parts)


def first_line(marker: str) -> str:
    """What a comment with this marker begins with."""
    return f"<!-- ordain:{marker} -->"
