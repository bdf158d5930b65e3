"""What GitHub's answers amount to. Pure: everything was asked for before."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from ordain.adapters.forges.github_types import (
    Account,
    Activity,
    Evidence,
    Pull,
    PullCommit,
    PullReview,
    Suite,
)
from ordain.adapters.forges.place import Place
from ordain.adapters.forges.reading import commit_id, distinct, instant, login, stamp, title
from ordain.core.people.request import Hand, Opened, Request, Review, ReviewState

# The account under which GitHub itself commits what people press buttons for; nobody's contribution.
_WEB = "web-flow"
_STATES: dict[str, ReviewState] = {
    "APPROVED": "approved",
    "CHANGES_REQUESTED": "changes_requested",
    "DISMISSED": "dismissed",
    "COMMENTED": "commented",
}
_ONWARD, _CREATED, _GONE = "push", "branch_creation", "branch_deletion"
_PUSHES = {_ONWARD, "force_push", _CREATED}
_NAME = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,100}/(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,100}")
# GitHub keeps rule suites for a month; a day or two less is certain.
_SUITES_KEPT = dt.timedelta(days=28)
# A merge queue pushes a whole group at once, under the newest commit's name.
_SAME_PUSH = dt.timedelta(minutes=1)


def merged_here(pull: Pull, place: Place) -> bool:
    """Whether a pull request was merged into our base branch.

    Before a merge, `merge_commit_sha` names a test merge; hence the look at `merged_at`.
    """
    ours = pull.base.repo is not None and _same(pull.base.repo.full_name, place.repository)
    merged = instant(pull.merged_at) is not None and commit_id(pull.merge_commit_sha) is not None
    return ours and pull.base.ref == place.base and merged


def open_here(pull: Pull, place: Place) -> bool:
    """Whether a pull request is open into our base branch."""
    ours = pull.base.repo is not None and _same(pull.base.repo.full_name, place.repository)
    return ours and pull.base.ref == place.base and pull.state == "open"


def chosen(pulls: Sequence[Pull], place: Place, commit: str) -> Pull | None:
    """The one of a commit's pull requests that became it, or else the one that it may lead to."""
    here = [each for each in pulls if merged_here(each, place)]
    exact = [each for each in here if each.merge_commit_sha == commit]
    found = exact or here
    return found[0] if len(found) == 1 else None


def source(pull: Pull) -> str | None:
    """The name of the repository that the source branch is in, a fork perhaps; None when it is gone."""
    name = pull.head.repo.full_name if pull.head.repo is not None else ""
    return name if _NAME.fullmatch(name) else None


def request(place: Place, evidence: Evidence, now: dt.datetime) -> Request:
    """The request that the evidence describes. Of an open one, `merge_commit_sha` is but a test merge.

    Args:
        now: decides whether GitHub still had the rule suites of that day.
    """
    pull = evidence.pull
    moved, whole, merges = _moved(pull, evidence.moves or ())
    hands = (*_hands(place, evidence), *moved)
    when = instant(pull.merged_at)
    old = when is None or now - when > _SUITES_KEPT
    unsafe = {
        "commits-not-listed": len(evidence.commits) < max(pull.commits, 1),
        "pushes-not-listed": evidence.moves is None or not whole,
        "inner-pushes-not-listed": merges,
    }
    return Request(
        forge="github",
        repository=place.repository,
        number=pull.number,
        url=page(place, pull.number),
        title=title(pull.title),
        base=pull.base.ref,
        head=pull.head.sha,
        merged=(pull.merge_commit_sha or "") if pull.merged else "",
        merged_by=_login(pull.merged_by),
        merged_at=stamp(pull.merged_at),
        author=_login(pull.user),
        pushers=distinct(each.login for each in hands),
        hands=hands,
        named=_named(evidence.commits),
        reviews=_reviews(evidence.reviews),
        bypasses=_bypasses(pull, evidence.suites or ()),
        unsafe=distinct(name for name, holds in unsafe.items() if holds),
        unseen=("rule-suites-not-listed",) if evidence.suites is None or old else (),
    )


def opened(place: Place, pull: Pull) -> Opened:
    """An open pull request."""
    return Opened(
        number=pull.number,
        url=page(place, pull.number),
        title=title(pull.title),
        branch=pull.head.ref,
        base=pull.base.ref,
        author=_login(pull.user),
        created=stamp(pull.created_at),
        draft=pull.draft,
    )


def page(place: Place, number: int) -> str:
    """Where people read a pull request; never taken from an answer."""
    return f"{place.origin}/{place.repository}/pull/{number}"


def _reviews(answers: Sequence[PullReview]) -> tuple[Review, ...]:
    found = [
        Review(
            reviewer=_login(each.user) or "",
            state=_STATES[each.state],
            commit=commit_id(each.commit_id),
            submitted=stamp(each.submitted_at),
            bot=each.user is not None and each.user.bot,
        )
        for each in answers
        if each.state in _STATES  # a pending one has not been given
    ]
    return tuple(sorted(found, key=lambda each: each.submitted))


def _bypasses(pull: Pull, suites: Sequence[Suite]) -> tuple[str, ...]:
    """Who was let past the rules by the push that merged this, or by one at the same time."""
    merged = instant(pull.merged_at)

    def concerns(suite: Suite) -> bool:
        pushed = instant(suite.pushed_at)
        near = merged is not None and pushed is not None and abs(merged - pushed) <= _SAME_PUSH
        return suite.result == "bypass" and (near or suite.after_sha == pull.merge_commit_sha)

    return distinct(login(each.actor_name) or "unknown" for each in suites if concerns(each))


def _hands(place: Place, evidence: Evidence) -> tuple[Hand, ...]:
    """Accounts of the commits' addresses, and a fork's owner.

    An empty name stands for whoever can't be told: an account that is gone, or an author behind GitHub's own.
    """
    commits = evidence.commits
    named = [(each.author, each.sha) for each in commits]
    named += [(each.committer, each.sha) for each in commits if not _web(each.committer)]
    found = [Hand(login=_name(account), after=sha) for account, sha in named if _known(account)]
    if not _same(source(evidence.pull) or "", place.repository):
        found.append(Hand(login=_name(evidence.pull.head.user)))
    return tuple(found)


def _name(account: Account | None) -> str:
    return "" if _web(account) else _login(account) or ""


def _named(commits: Sequence[PullCommit]) -> tuple[str, ...]:
    """The addresses that GitHub attributes to an account, its own among them."""
    pairs = [(each.author, each.commit.author) for each in commits]
    pairs += [(each.committer, each.commit.committer) for each in commits]
    return distinct(maker.email for account, maker in pairs if _known(account) and maker and maker.email)


def _known(account: Account | None) -> bool:
    """Whether GitHub attributes an address to an account at all."""
    return account is not None and account.login is not None


def _web(account: Account | None) -> bool:
    return account is not None and account.login == _WEB


def _moved(pull: Pull, moves: Sequence[Activity]) -> tuple[list[Hand], bool, bool]:
    """Who moved the branch, read from the newest move to the creation of this branch of that name.

    A push that goes on from what was there tells what it added; any other may have taken something away.

    Returns:
        the hands; whether they reach back to the creation; whether something came by another move than a
        push: by a request that was merged into the branch, of whose pushers nothing is told here.
    """
    merged, created = instant(pull.merged_at), instant(pull.created_at)
    found, merges = [], False
    for move in moves:
        when = instant(move.timestamp)
        if when is not None and merged is not None and when > merged:
            continue
        before, after = commit_id(move.before), commit_id(move.after)
        if move.activity_type in _PUSHES:
            known = {"before": before, "after": after} if before and after else {}
            found.append(Hand(login=_name(move.actor), **(known if move.activity_type == _ONWARD else {})))
        elif move.activity_type != _GONE:
            found.append(Hand(login=_name(move.actor)))
            merges = True
        if move.activity_type == _CREATED and when is not None and created and when <= created:
            return found, True, merges
    return found, False, merges


def _login(account: Account | None) -> str | None:
    return login(account.login) if account is not None else None


def _same(name: str, other: str) -> bool:
    return name.casefold() == other.casefold()
