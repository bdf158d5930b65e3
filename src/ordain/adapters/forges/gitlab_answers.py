"""What GitLab's answers amount to. Pure: everything was asked for before."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Sequence

from ordain.adapters.forges.gitlab_settings import unsafe
from ordain.adapters.forges.gitlab_types import Account, Evidence, MergeRequest, PushEvent, Version
from ordain.adapters.forges.place import Place
from ordain.adapters.forges.reading import commit_id, distinct, instant, login, stamp, title
from ordain.core.people.request import Hand, Opened, Request, Review

# A system note that a push leaves on a merge request; nobody can write one by hand.
_PUSHED = re.compile(r"added \d+ (new )?commits?\b")
# GitLab writes a push down a moment after it.
_LATE = dt.timedelta(minutes=5)


def merged_here(merged: MergeRequest, place: Place, project: int) -> bool:
    """Whether a merge request was merged into our base branch."""
    here = merged.target_project_id == project and merged.target_branch == place.base
    done = merged.state == "merged" and instant(merged.merged_at) is not None
    return here and done and commit_id(merged.became) is not None


def open_here(found: MergeRequest, place: Place, project: int) -> bool:
    """Whether a merge request is open into our base branch."""
    here = found.target_project_id == project and found.target_branch == place.base
    return here and found.state == "opened"


def chosen(requests: Sequence[MergeRequest], place: Place, project: int, commit: str) -> MergeRequest | None:
    """The one of a commit's merge requests that became it, or else the one that it may lead to."""
    here = [each for each in requests if merged_here(each, place, project)]
    exact = [each for each in here if each.became == commit]
    found = exact or [each for each in here if each.became == each.sha]
    return found[0] if len(found) == 1 else None


def request(place: Place, evidence: Evidence) -> Request:
    """The request that the evidence describes."""
    merged, hands = evidence.merged, _hands(evidence)
    return Request(
        forge="gitlab",
        repository=place.repository,
        number=merged.iid,
        url=page(place, merged.iid),
        title=title(merged.title),
        base=merged.target_branch,
        head=merged.sha or "",
        merged=(merged.became or "") if merged.state == "merged" else "",
        merged_by=_login(merged.merge_user or merged.merged_by),
        merged_at=stamp(merged.merged_at),
        author=_login(merged.author),
        pushers=distinct(each.login for each in hands),
        hands=hands,
        reviews=_reviews(evidence),
        bypasses=(),
        unsafe=_unsafe(evidence),
    )


def opened(place: Place, found: MergeRequest) -> Opened:
    """An open merge request."""
    return Opened(
        number=found.iid,
        url=page(place, found.iid),
        title=title(found.title),
        branch=found.source_branch,
        base=found.target_branch,
        author=_login(found.author),
        created=stamp(found.created_at),
        draft=found.draft,
    )


def page(place: Place, number: int) -> str:
    """Where people read a merge request; never taken from an answer."""
    return f"{place.origin}/{place.repository}/-/merge_requests/{number}"


def _reviews(evidence: Evidence) -> tuple[Review, ...]:
    """Approvals, each at the commit that was newest then; behind them who asked for changes.

    GitLab keeps one state a reviewer, so a request for changes is newer than an approval that stands.
    """
    approved = [
        Review(
            reviewer=_login(each.user) or "",
            state="approved",
            commit=_newest(evidence.versions, instant(each.approved_at)),
            submitted=stamp(each.approved_at),
            bot=_bot(evidence, each.user),
        )
        for each in evidence.approvals.approved_by
    ]
    asked = [
        Review(
            reviewer=_login(each.user) or "",
            state="changes_requested",
            commit=None,
            submitted="",
            bot=_bot(evidence, each.user),
        )
        for each in evidence.reviewers
        if each.state == "requested_changes"
    ]
    return (*sorted(approved, key=lambda each: each.submitted), *asked)


def _newest(versions: Sequence[Version], then: dt.datetime | None) -> str | None:
    """The head of the source branch at some time; None when it can't be told."""
    known = [(instant(each.created_at), commit_id(each.head_commit_sha)) for each in versions]
    before = [(when, head) for when, head in known if when is not None and then is not None and when <= then]
    return max(before, key=lambda each: each[0])[1] if before else None


def concerns(push: PushEvent, merged: MergeRequest) -> bool:
    """Whether a push may be one to a request's branch before the merge: to it by name, or to several."""
    data, when, end = push.push_data, instant(push.created_at), instant(merged.merged_at)
    over = when is not None and end is not None and when > end + _LATE
    return data.ref_type == "branch" and data.ref in {merged.source_branch, None} and not over


def creates(push: PushEvent, merged: MergeRequest) -> bool:
    """Whether a push made the branch that a request was opened from, so that none before it counts.

    A branch that was made anew later has an earlier one behind it.
    """
    data, when, opened_at = push.push_data, instant(push.created_at), instant(merged.created_at)
    early = when is not None and opened_at is not None and when <= opened_at + _LATE
    branch = (data.ref_type, data.ref) == ("branch", merged.source_branch)
    return branch and data.action == "created" and early


def beginning(pushes: Sequence[PushEvent]) -> dt.datetime:
    """Before this the branch was not there. `pushes`: to it, the one that created it last."""
    created = instant(pushes[-1].created_at)
    return dt.datetime.min.replace(tzinfo=dt.UTC) if created is None else created - _LATE


def _hands(evidence: Evidence) -> tuple[Hand, ...]:
    """Whoever opened it, and whoever pushed to its branch since that was created.

    A push that GitLab notes on the request and does not list is a hand in all of it. An empty name stands
    for whoever can't be told: an account that is gone, as is a fork's whose project is.
    """
    pushed = [_hand(each) for each in evidence.pushes or () if each.push_data.action != "removed"]
    noted = Counter(
        _login(each.author) or "" for each in evidence.notes if each.system and _PUSHED.match(each.body)
    )
    unlisted = noted - Counter(each.login for each in pushed)
    gone = [""] if evidence.merged.source_project_id is None else []
    whole = [_login(evidence.merged.author) or "", *sorted(unlisted), *gone]
    return (*(Hand(login=each) for each in whole), *pushed)


def _hand(push: PushEvent) -> Hand:
    """A push to one branch that was there tells what it added; any other may have done anything."""
    data, name = push.push_data, login(push.author_username) or ""
    before, after = commit_id(data.commit_from), commit_id(data.commit_to)
    told = data.action == "pushed" and data.ref is not None
    return Hand(login=name, before=before, after=after) if told and before and after else Hand(login=name)


def _unsafe(evidence: Evidence) -> tuple[str, ...]:
    settings = unsafe(evidence.project, evidence.settings)
    pushes = [] if evidence.pushes else ["pushes-not-listed"]
    return distinct([*settings, *pushes, *(["inner-pushes-not-listed"] if _took_in(evidence) else [])])


def _took_in(evidence: Evidence) -> bool:
    """Whether another request may have been merged into the branch, of whose pushers nothing is told here."""
    if not evidence.pushes:
        return False  # then not even its own are told
    since, until = beginning(evidence.pushes), instant(evidence.merged.merged_at)

    def inner(lower: MergeRequest) -> bool:
        when = instant(lower.merged_at)
        elsewhere = when is not None and (when < since or (until is not None and when > until + _LATE))
        return lower.target_branch == evidence.merged.source_branch and not elsewhere

    return evidence.lower is None or any(map(inner, evidence.lower))


def _bot(evidence: Evidence, account: Account | None) -> bool:
    return account is not None and evidence.bots.get(account.id, True)


def _login(account: Account | None) -> str | None:
    return login(account.username) if account is not None else None
