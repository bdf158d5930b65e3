"""Turn approved state, and nothing else, into manifests and ledger entries.

Everything happens in a scratch repository: fetch, judge, write objects, and one push without force at
the end. A process that dies before the push has changed nothing; one that loses the race starts again
from what is there. So any number of reconcilers, whenever they run or die, come to the same result.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from ordain.adapters.git import PushRacedError, Repository, scratch
from ordain.core.approvals.attested import Attested
from ordain.core.approvals.summary import summaries
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Decision, Entry, LedgerState
from ordain.core.git import commits
from ordain.core.ledger.ledger import FOLDER, Seen, advance, check_seen, encode, path_of
from ordain.core.ledger.places import remembered_as
from ordain.core.people.trust import collectors
from ordain.core.reasons import Reason
from ordain.core.rendering.admission import ADMITTED
from ordain.core.rendering.render import admitted_files
from ordain.core.specs.governance import Policy, ledger_branch
from ordain.errors import RetryLater, UserError
from ordain.services.judging.book import Book, manifests_digest, open_book
from ordain.services.judging.branches import Branches
from ordain.services.judging.ground import Ground, ground
from ordain.services.judging.judged import Judged, entry_of
from ordain.services.judging.judging import Attest, Context, Walk, nobody
from ordain.services.judging.past import Past, evidence_of
from ordain.services.judging.states import MANIFESTS, States
from ordain.services.judging.witness import Witness, signed
from ordain.services.reconciling.order import Order, Outcome

ROBOT = commits.Identity(name="Ordain Reconciler", email="reconciler@ordain.dev")
ATTEMPTS = 12
BASE, TARGET = "refs/ordain/base", "refs/ordain/target"
# Where people put a base branch that the policy names now.
MOVED = "git push origin {}:refs/heads/{}, when it holds all that was merged; or approve another policy"


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
        self._bases = Branches(repository, order.source.address, BASE)
        same = order.target.address == order.source.address
        self._targets = self._bases if same else Branches(repository, order.target.address, TARGET)
        self._goal, self._moved = "", False
        self._witnesses: dict[tuple[str, str], Attest] = {}
        self._past = Past(())
        self._ledger: dict[str, str] = {}
        self._manifests: dict[str, str] = {}

    def run(self) -> Outcome:
        found = self._found()
        book = self._book(found)
        elsewhere = self._elsewhere(found)
        place = remembered_as(found.genesis, *elsewhere)
        memory = self._order.memory(place) if self._order.memory else None
        if memory is not None:
            check_seen(book.records, memory.recall(), self._goal)
        self._ledger, self._manifests = dict(book.ledger), dict(book.manifests)
        self._past = Past(book.records)
        # A clock that is behind, as on another machine, makes nothing older than what it follows.
        self._now = max([self._now, *(each.entry.observed for each in book.records[-1:])])
        # Approvals come after the branch: what was approved before it was merged is then always here.
        forge = self._order.forge(self._repository, self._order.source.address)
        context = Context(
            evidence=evidence_of(forge.approvals(), book.records), now=self._now,
            present=self._order.present, attest=self._witness, past=self._past,
        )  # fmt: skip
        walk = Walk(self._states, context, book.state, found.base)
        self._authorised(walk, found)
        outcome = self._walk(walk, book)
        if outcome.commit:
            self._repository.push(self._order.target.address, outcome.commit, f"refs/heads/{self._goal}")
        if memory is not None and walk.state.head and (any(elsewhere) or self._told(found)):
            memory.remember(Seen(sequence=walk.state.sequence, digest=walk.state.head))
        return outcome

    def _elsewhere(self, found: Ground) -> tuple[str, str | None]:
        """The address and the branch of the ledger, where they are others than those that readers of the
        clone look at.
        """
        source, target = self._order.source, self._order.target
        address = "" if target.address == source.address else target.address
        return address, None if target.branch == ledger_branch(found.policy) else target.branch

    def _told(self, found: Ground) -> bool:
        """Bring the clone that lends its objects up to what was read and pushed; whether it is.

        Its readers share the memory: of a ledger that is longer than they can see, they would say that it
        was cut off.
        """
        source, borrow = self._order.source, self._order.borrow
        if borrow is None:
            return True
        clone = Repository(borrow)
        newest = {found.branch: found.base, self._goal: self._tip}
        seen = {f"refs/heads/{name}": f"refs/remotes/origin/{name}" for name in newest}
        if [clone.find(each) for each in seen.values()] == list(newest.values()):
            return True
        try:
            clone.fetch(source.address, seen)
        except (UserError, RetryLater):
            return False
        return True

    def _found(self) -> Ground:
        """Where the repository is governed, by what its branches hold now."""
        source, borrow = self._order.source, self._order.borrow
        if source.branch is None and borrow is not None:
            head: str | None = self._bases.start(Repository(borrow))
        else:
            head = self._bases.newest(source.branch or "main")
        if head is None:
            what = f"there is no branch `{source.branch}`"
            raise UserError(what, where=source.address, fix=f"git push origin {source.branch}")
        return ground(self._states, head, self._bases.finders(self._targets))

    def _book(self, found: Ground) -> Book:
        """The ledger to go on with; what the next commit stands on is where the ledger belongs now."""
        self._goal = self._order.target.branch or ledger_branch(found.policy)
        self._tip = self._targets.newest(self._goal)
        # Whoever names the branch has the ledger there; else it is where approved policies say it is.
        ledger = self._tip if self._order.target.branch else found.ledger
        book = open_book(self._states, ledger, found.genesis) if ledger else Book.empty()
        self._moved = ledger != self._tip
        if self._tip and not book.records:
            self._spare(self._tip, found)
        return replace(book, repaired=()) if self._moved else book

    def _spare(self, tip: str, found: Ground) -> None:
        """Refuse to begin a ledger over manifests that people wrote: on the base branch those that are older
        than the policy, and elsewhere whatever is there.
        """
        place = (f"{MANIFESTS}/",)
        theirs = set(self._repository.listing(found.genesis if tip == found.base else tip, place))
        if theirs:  # else nothing is looked at, however hostile: it will be gone
            theirs &= self._repository.listing(tip, place).keys()
        if theirs:
            raise UserError(
                f"Ordain did not write this, nor {len(theirs) - 1} more files below `{MANIFESTS}/`",
                where=min(theirs),
                fix=f"move them elsewhere: what lies below {MANIFESTS}/ is rendered, and all else is removed",
            )

    def _witness(self, commit: str, parent: str, policy: Policy) -> Attested | None:
        """The word of the forge that the judging policy names, where it names one."""
        named = policy.forge, policy.branch
        if named not in self._witnesses:
            requests, sign = self._order.requests(policy), self._order.collector.request
            address = self._order.source.address
            self._witnesses[named] = (
                Witness(self._states, address, requests, self._past, signed(sign)).attest
                if requests
                else nobody
            )
        return self._witnesses[named](commit, parent, policy)

    def _authorised(self, walk: Walk, found: Ground) -> None:
        """The approved policy must govern this branch and name this key."""
        branch, key = self._order.source.branch or found.branch, self._order.collector.key
        if walk.policy.branch != branch:
            meant = walk.policy.branch
            what = f"the approved policy governs the branch `{meant}`, not `{branch}`"
            raise UserError(what, where="policy.yaml", fix=MOVED.format(found.base[:12], meant))
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
        tip, last, branch = None, walk.parent, walk.policy.branch
        for commit in walk.steps():
            if walk.policy.branch != branch:
                break  # what follows here is no longer the branch that is governed
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
        if (book.repaired or self._moved) and not entries:
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
