"""`ordain audit`: what was decided when, or what ran at a time, from a clone alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from ordain.core.approvals.summary import fault, summarised
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Entry
from ordain.core.ledger.history import Event, history, running, selected
from ordain.core.ledger.ledger import FOLDER, path_of
from ordain.core.people.trust import collectors
from ordain.core.plans.plan import Point
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.judging.clone import Clone, open_clone


class Audit(Struct, frozen=True, kw_only=True):
    """What was asked for.

    Attributes:
        at: the time or commit that was asked about, as understood; None for the whole history.
        events: what ran then, or everything that was decided, oldest first.
    """

    base: Point
    at: str | None
    events: tuple[Event, ...]


def audit(root: Path, at: str | None, environment: str | None) -> Audit:
    """The ledger's history, or what ran at one time.

    Args:
        root: a folder in the clone.
        at: ISO 8601 (a day alone means its end, UTC), or a revision. None for everything.
        environment: only this one.

    Raises:
        UserError: when the ledger is broken, or `at` is neither a time nor a revision here.
    """
    clone = open_clone(root)
    entries, meant = _until(clone, at)
    events = selected(history(entries, clone.releases()), environment)
    if environment is not None:
        known = sorted({each.transition.environment for entry in clone.entries for each in entry.decisions})
        names = ", ".join(each for each in known if not each.startswith("_")) or "none"
        if environment not in known:
            raise UserError(
                f"the ledger never spoke of the environment `{environment}`; known: {names}",
                where="manifests/ledger",
                fix="ordain status",
            )
    return Audit(base=clone.base, at=meant, events=running(events) if at else events)


def verification_summaries(root: Path, at: str | None, environment: str | None) -> tuple[dict[str, Any], ...]:
    """The SLSA verification summaries that a clone's ledger carries, oldest first, as signed envelopes.

    Args:
        at: only those of entries that were there then. environment: only those for this one.

    Raises:
        UserError: as `audit`; also when a summary is not what its entry decided.
    """
    clone = open_clone(root)
    found: list[dict[str, Any]] = []
    for entry in _until(clone, at)[0]:
        wrong = fault(entry, collectors(clone.states.needed_policy(entry.policy_source)))
        if wrong is not None:
            raise UserError(wrong, where=path_of(entry.sequence), fix="ordain verify --all",
                            reason=Reason.LEDGER_BROKEN)  # fmt: skip
        found += [
            envelope
            for decision, envelope in zip(summarised(entry), entry.summaries, strict=False)
            if environment in {None, decision.transition.environment}
        ]
    return tuple(found)


def _until(clone: Clone, at: str | None) -> tuple[list[Entry], str | None]:
    """The entries that were there at a time or commit, and how that was understood."""
    entries = list(clone.entries)
    if at is None:
        return entries, None
    moment = _moment(at)
    if moment is not None:
        return _first(entries, moment), _written(moment)
    commit = _named(clone, at)
    if not clone.repository.is_ancestor(clone.genesis, commit):
        return _held(clone, commit, at), commit
    reachable = set(clone.repository.between(clone.genesis, commit)) | {clone.genesis}
    return [each for each in entries if each.source in reachable], commit


def _first(entries: Sequence[Entry], moment: dt.datetime) -> list[Entry]:
    """All up to the last one of a time, in their order: an older ledger may hold times of a clock that was
    behind, and what is left out of the middle was in force all the same.
    """
    places = [place for place, each in enumerate(entries, 1) if _parsed(each.observed) <= moment]
    return list(entries[: max(places, default=0)])


def _held(clone: Clone, commit: str, at: str) -> list[Entry]:
    """The entries that a commit of the branch with the ledger holds: those that Argo CD and Flux name."""
    files = clone.repository.read(commit, (FOLDER,))
    held = [each for each in clone.records if each.path in files]
    if not held or any(bytes_digest(files[each.path]) != each.digest for each in held):
        raise UserError(
            f"{at!a} is no commit of {clone.base.name}, nor of the branch with its ledger",
            where=FOLDER,
            fix="name a time, or a commit of either",
        )
    return [each.entry for each in held]


def _named(clone: Clone, revision: str) -> str:
    unknown = UserError(
        f"{revision!a} is neither a time nor a revision of this clone",
        fix="such as --at 2026-11-24, --at 2026-11-24T12:00:00Z, --at HEAD~3 or a commit's id",
    )
    try:
        commit = clone.repository.find(revision)
    except UserError as error:
        raise unknown from error
    if commit is None:
        raise unknown
    return commit


def _moment(text: str) -> dt.datetime | None:
    """A time of day, or the last microsecond of a day, in UTC; read as UTC unless it says otherwise."""
    try:
        day = dt.date.fromisoformat(text) if len(text) == len("2026-11-24") else None
        if day is not None:
            return dt.datetime.combine(day, dt.time.max, tzinfo=dt.UTC)
        # In UTC at once: a zone can push a time over the end of the calendar.
        return _parsed(text).astimezone(dt.UTC) if "T" in text else None
    except (ValueError, OverflowError):
        return None


def _parsed(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _written(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
