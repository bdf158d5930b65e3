"""Turn approved state, and nothing else, into manifests and ledger entries.

Everything happens in a scratch repository: fetch, judge, write objects, and one push without force at
the end. A process that dies before the push has changed nothing; one that loses the race starts again
from what is there. So any number of reconcilers, whenever they run or die, come to the same result.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from ordain.adapters.git import PushRacedError, Repository, scratch
from ordain.core.approvals.summary import summaries
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Decision, Entry, LedgerState
from ordain.core.evidence.attestation import Signer
from ordain.core.git import commits
from ordain.core.ledger.ledger import FOLDER, Seen, advance, check_seen, encode, path_of
from ordain.core.people.trust import collectors
from ordain.core.reasons import Reason
from ordain.core.rendering.admission import ADMITTED
from ordain.core.rendering.render import admitted_files
from ordain.core.specs.governance import Policy
from ordain.errors import RetryLater, UserError
from ordain.ports import OpenForge, Requests
from ordain.services.judging.book import Book, manifests_digest, open_book
from ordain.services.judging.judged import Judged, entry_of
from ordain.services.judging.judging import Attest, Context, Walk, nobody
from ordain.services.judging.past import Past, evidence_of
from ordain.services.judging.states import MANIFESTS, States
from ordain.services.judging.witness import Witness, signed

ROBOT = commits.Identity(name="Ordain Reconciler", email="reconciler@ordain.dev")
ATTEMPTS = 12
BASE, TARGET = "refs/ordain/base", "refs/ordain/target"


class Place(Struct, frozen=True):
    """A branch of a repository."""

    address: str
    branch: str


class Collector(Struct, frozen=True, kw_only=True):
    """Who signs what this reconciler writes: the key's fingerprint, and a signer for each purpose."""

    key: str
    ledger: Signer
    commit: Signer
    request: Signer
    summary: Signer


class Memory(Protocol):
    """Keeps the newest ledger head that was seen."""

    def recall(self) -> Seen | None:
        """What was seen before."""

    def remember(self, seen: Seen) -> None:
        """Keep a head, unless a newer one is known."""


class Order(Struct, frozen=True, kw_only=True):
    """What to reconcile, and with what.

    Attributes:
        source: the base branch. target: where manifests and ledger go; often the same.
        borrow: a local repository whose objects need not be fetched again.
        memory: what was seen of the target's ledger before.
        requests: what knows of merged requests, by the policy at the head; None for the local forge.
        templates: of the renderer. present: whether an artifact was published, by its image.
        clock: the time of observation, UTC. pause: waits before the n-th attempt, with jitter.
    """

    source: Place
    target: Place
    borrow: Path | None
    memory: Memory | None
    collector: Collector
    forge: OpenForge
    requests: Callable[[Policy], Requests | None]
    templates: Mapping[str, str]
    present: Callable[[str], bool]
    clock: Callable[[], dt.datetime]
    pause: Callable[[int], None]


class Outcome(Struct, frozen=True, kw_only=True):
    """What one run did.

    Attributes:
        commit: newest commit that was pushed; None when there was nothing to record.
        entries: those written. repaired: edited paths that were restored.
        standing: refusals that are on record already and still hold.
    """

    commit: str | None = None
    entries: tuple[Entry, ...] = ()
    repaired: tuple[str, ...] = ()
    standing: tuple[Decision, ...] = ()


def reconcile(order: Order) -> Outcome:
    """Judge every step since the ledger's last entry and record what was decided.

    Raises:
        UserError: when the branch, the ledger or the key can't be used; nothing was changed.
        RetryLater: when others kept winning the race, or a remote did not answer.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with scratch(order.borrow) as repository:
                return _Attempt(order, repository).run()
        except PushRacedError:
            order.pause(attempt)
    raise RetryLater(f"others were first {ATTEMPTS} times; nothing was changed", after=5)


class _Attempt:
    """One try, in one scratch repository."""

    def __init__(self, order: Order, repository: Repository) -> None:
        self._order = order
        self._repository = repository
        self._states = States(repository, order.templates)
        now = order.clock().astimezone(dt.UTC)
        self._time, self._now = int(now.timestamp()), now.strftime("%Y-%m-%dT%H:%M:%SZ")
        # What the next commit stands on; None where the target branch is yet to be made.
        self._tip: str | None = None
        self._past = Past(())
        self._ledger: dict[str, str] = {}
        self._manifests: dict[str, str] = {}

    def run(self) -> Outcome:
        base = self._fetch()
        genesis = self._states.genesis(base)
        book = open_book(self._states, self._tip, genesis) if self._tip else Book.empty()
        memory, target = self._order.memory, self._order.target
        if memory is not None:
            check_seen(book.records, memory.recall(), target.branch)
        self._ledger, self._manifests = dict(book.ledger), dict(book.manifests)
        self._past = Past(book.records)
        # Approvals come after the branch: what was approved before it was merged is then always here.
        forge = self._order.forge(self._repository, self._order.source.address)
        context = Context(
            evidence=evidence_of(forge.approvals(), book.records), now=self._now,
            present=self._order.present, attest=self._witness(base), past=self._past,
        )  # fmt: skip
        walk = Walk(self._states, context, book.state, base)
        self._authorised(walk)
        outcome = self._walk(walk, book)
        if outcome.commit:
            self._repository.push(target.address, outcome.commit, f"refs/heads/{target.branch}")
        if memory is not None and walk.state.head:
            memory.remember(Seen(sequence=walk.state.sequence, digest=walk.state.head))
        return outcome

    def _witness(self, base: str) -> Attest:
        """The forge's word, where the policy names a forge."""
        requests = self._order.requests(self._states.newest_policy(base))
        if requests is None:
            return nobody
        source, sign = self._order.source, self._order.collector.request
        return Witness(self._states, source.address, requests, self._past, signed(sign)).attest

    def _fetch(self) -> str:
        """Bring both branches here; the newest commit of the base branch."""
        source, target = self._order.source, self._order.target
        self._repository.fetch(source.address, {f"refs/heads/{source.branch}": BASE})
        base = self._repository.resolve(BASE)
        if target == source:
            self._tip = base
        elif self._repository.has(target.address, f"refs/heads/{target.branch}"):
            self._repository.fetch(target.address, {f"refs/heads/{target.branch}": TARGET})
            self._tip = self._repository.resolve(TARGET)
        return base

    def _authorised(self, walk: Walk) -> None:
        """The policy must name this branch and this key."""
        branch, key = self._order.source.branch, self._order.collector.key
        if walk.policy.branch != branch:
            what = f"the approved policy governs the branch `{walk.policy.branch}`, not `{branch}`"
            raise UserError(what, where="policy.yaml", fix=f"--target '#{walk.policy.branch}'")
        if key not in collectors(walk.policy):
            raise UserError(
                f"{key} is no collector's key in the approved policy",
                where="policy.yaml",
                fix="pass the collector's key with --key, or add it under `collectors`",
                reason=Reason.KEY_UNKNOWN,
            )

    def _walk(self, walk: Walk, book: Book) -> Outcome:
        entries: list[Entry] = []
        standing: tuple[Decision, ...] = ()
        tip, last = None, walk.parent
        for commit in walk.steps():
            if walk.own(commit):
                continue
            last = commit
            judged = walk.advance(commit)
            standing = tuple(each for each in judged.decisions if not each.approved)
            entry = entry_of(walk.state, judged, self._now)
            if entry.decisions:
                entry = self._completed(walk, entry, judged, () if entries else book.repaired)
                tip = self._record(walk, entry)
                entries.append(entry)
        if book.repaired and not entries:
            entry = self._completed(walk, walk.renewal(last, self._now), None, book.repaired)
            tip = self._record(walk, entry)
            entries.append(entry)
        new = {each.transition.id for entry in entries for each in entry.decisions}
        old = tuple(each for each in standing if each.transition.id not in new)
        return Outcome(commit=tip, entries=tuple(entries), repaired=book.repaired, standing=old)

    def _completed(self, walk: Walk, entry: Entry, judged: Judged | None, repaired: tuple[str, ...]) -> Entry:
        """Put the manifests of what was approved in place, with what the cluster may admit, and name the
        result.

        Args:
            walk: it stands on the step, the ledger still before the entry.
        """
        for decision in entry.decisions:
            if decision.approved and decision.action != "policy" and judged is not None:
                self._place(decision, judged)
        self._admit(advance(walk.state, "", entry))
        digest = manifests_digest(self._states, self._manifests)
        summed = summaries(entry, self._order.collector.summary)
        seen = walk.sighted(entry)
        return replace(entry, manifests=digest, repaired=repaired, summaries=summed, sighted=seen)

    def _place(self, decision: Decision, judged: Judged) -> None:
        target = decision.transition.target
        wanted = judged.snapshot.wanted.get(target)
        folder = f"{MANIFESTS}/{target.label}/"
        self._replace(lambda path: path.startswith(folder), wanted.files if wanted else {})

    def _admit(self, state: LedgerState) -> None:
        """What each environment's cluster admits follows from the ledger, this entry included."""
        folders = admitted_files(state, self._order.templates)
        files = {path: data for found in folders.values() for path, data in found.items()}
        self._replace(lambda path: f"/{ADMITTED}/" in path, files)

    def _replace(self, stale: Callable[[str], bool], files: Mapping[str, bytes]) -> None:
        """Put files below `manifests/` in the place of those that are stale there."""
        kept = {path: blob for path, blob in self._manifests.items() if not stale(path)}
        blobs = self._repository.write_blobs(list(files.values()))
        added = {f"{MANIFESTS}/{path}": blob for path, blob in zip(files, blobs, strict=True)}
        self._manifests = {**kept, **added}

    def _record(self, walk: Walk, entry: Entry) -> str:
        """Write one entry and its manifests as one commit on top of the tip."""
        data = encode(entry, self._order.collector.ledger)
        (blob,) = self._repository.write_blobs([data])
        self._ledger[path_of(entry.sequence)] = blob
        tree = self._repository.write_tree(self._tip, MANIFESTS, {**self._ledger, **self._manifests})
        parents = (self._tip,) if self._tip else ()
        unsigned = commits.compose(tree, parents, (ROBOT, self._time), _message(entry))
        self._tip = self._repository.write_commit(
            commits.attach(unsigned, self._order.collector.commit(unsigned))
        )
        walk.recorded(advance(walk.state, bytes_digest(data), entry))
        self._past.add(walk.state, entry)
        return self._tip


def _message(entry: Entry) -> str:
    """What the log shows of an entry."""
    lines = [f"Record ledger entry {entry.sequence}", ""]
    for each in entry.decisions:
        verdict = each.action if each.approved else f"refused ({each.reason})"
        release = f" {each.release.label}" if each.release else ""
        lines.append(f"{each.transition.target.label}: {verdict}{release}")
    lines += [f"restored {path}" for path in entry.repaired]
    return "\n".join([*lines, "", f"Judged: {entry.source}", f"Entry: {FOLDER}{entry.sequence:08d}.json", ""])
