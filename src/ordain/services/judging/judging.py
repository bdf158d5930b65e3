"""Walk the first-parent steps of the base branch and judge each: shared by every verb that decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from ordain.core.approvals.approval import STATE_TARGET, Evidence, gather, pending, policy_subject
from ordain.core.approvals.attested import Attested, with_word
from ordain.core.approvals.judge import judge
from ordain.core.approvals.quorum import declared_risk, higher
from ordain.core.approvals.step import Step
from ordain.core.decisions import Decision, Entry, LedgerState, Pending
from ordain.core.ledger.ledger import JUDGING, advance
from ordain.core.people.ties import Names
from ordain.core.people.trust import Contribution, collectors, contribution, revoked
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Policy, Risk
from ordain.core.specs.identity import Target, Transition
from ordain.core.state.declared import Instance
from ordain.errors import UserError
from ordain.services.judging.declarations import RELEASES
from ordain.services.judging.hands import Position, names
from ordain.services.judging.judged import Judged, entry_of, subjects
from ordain.services.judging.lineage import MANY
from ordain.services.judging.listening import Listening
from ordain.services.judging.makers import Makers, Now
from ordain.services.judging.past import Past
from ordain.services.judging.states import Snapshot, States

Attest = Callable[[str, str, Policy], Attested | None]


def nobody(commit: str, parent: str, policy: Policy) -> Attested | None:
    """The word of no forge."""


class Context(Struct, frozen=True, kw_only=True):
    """What judging needs beside commits.

    Attributes:
        evidence: every approval at hand. now: ISO 8601, UTC.
        present: whether an artifact was published, by the image that the cluster pulls.
        attest: what a forge says of the request that became a step, given the step, the one before it
            and the policy that judges; None where it knows of none.
        past: the ledger before the walk. judging: the version of the rules to judge by.
    """

    evidence: Sequence[Evidence]
    now: str
    present: Callable[[str], bool]
    attest: Attest = nobody
    past: Past = Past(())
    judging: int = JUDGING


class Walk:
    """A position on the base branch: the ledger's state there, and what has gathered around it.

    Args:
        states: the repository's declared states.
        state: the ledger so far. head: the newest commit of the base branch.
    """

    def __init__(self, states: States, context: Context, state: LedgerState, head: str) -> None:
        self._states = states
        self._context = context
        self._head = head
        self.genesis = state.genesis or states.genesis(head)
        source = state.policy_source or self.genesis
        self.policy = states.needed_policy(source)
        self.state = replace(
            state, policy=policy_subject(self.policy), policy_source=source, genesis=self.genesis
        )
        self.parent = state.cursor or self.genesis
        self._before = states.snapshot(self.parent)
        self._pending = dict(state.pending) if state.cursor else self._founding()
        self._evidence = list(context.evidence)
        self._attested: list[Attested] = []
        self._listening = Listening(states, context.past, (self.genesis, head))
        self._told: dict[str, Attested] = {}
        self._ahead: dict[str, tuple[Policy, ...]] | None = None

    def steps(self) -> list[str]:
        """The commits that come after the position, oldest first.

        Raises:
            UserError: reason `history-rewritten`, when the branch no longer holds the position.
        """
        repository = self._states.repository
        found = repository.steps(self.parent, self._head)
        if found is not None:
            return found
        known = repository.find(self.parent) is not None
        if not known or not repository.is_ancestor(self.parent, self._head):
            raise UserError(
                f"the branch no longer holds {self.parent[:12]}, which the ledger judged last",
                fix="restore the branch from a clone that holds this commit; nothing was changed",
                reason=Reason.HISTORY_REWRITTEN,
            )
        # The branch was moved onto a merge whose second parent it had been.
        later = repository.through(self.parent, self._head)
        return [each for each in reversed(repository.first_parents(self._head)) if each in later]

    def advance(self, commit: str) -> Judged:
        """Judge the next step and stand on it; what it approves counts from then on."""
        judged = self.look(commit, commit)
        self._pending = {each.target: each for each in judged.pending}
        self.parent, self._before = commit, judged.snapshot
        return judged

    def look(self, commit: str, treeish: str) -> Judged:
        """Judge a commit as the next step, without moving.

        Args:
            commit: whose history says who contributed. treeish: what is declared.
        """
        now = self._states.snapshot(treeish)
        made = self._made(commit)
        if now.instance is None:
            return self._invalid(commit, now, made)
        carried = self._pending.get(STATE_TARGET)
        if carried:
            made = made.joined(Contribution(people=carried.contributors, unproven=carried.unproven))
        gathered = self._gathered(Now(treeish=treeish, snapshot=now, made=made))
        step = Step(
            instance=now.instance, wanted=now.wanted, parent=self._before.instance, state=self.state,
            policy=self.policy, gathered=gathered, evidence=tuple(self._evidence),
            today=self._context.now[:10], present=self._context.present, judging=self._context.judging,
            first=self._listening.first, later=self._later(commit), names=self._names(),
            revoked=self._listening.revoked(self.state) | revoked(now.instance.policy),
        )  # fmt: skip
        decisions = judge(step)
        settled = {each.transition.target for each in decisions if each.approved}
        waiting = tuple(gathered[target] for target in sorted(set(gathered) - settled))
        return self._judged(commit, now, decisions, waiting)

    def _made(self, commit: str) -> Contribution:
        """Who made a step, by Git's word and by the forge's."""
        made = self._states.contribution(self.parent, commit, self.policy)
        told = self._told.get(commit) or self._context.attest(commit, self.parent, self.policy)
        if told is None or told.key in self._listening.revoked(self.state):
            return made
        if told.key in collectors(self.policy):
            self._told[commit] = told
            self._attested.append(told)
            self._evidence += told.evidence
        return with_word(self.policy, made, told).by(self._context.judging)

    def _heard(self, commit: str) -> Attested | None:
        """What a forge said of a step that was judged before."""
        return self._told.get(commit) or self._listening.told(commit)

    def _later(self, commit: str) -> tuple[Policy, ...]:
        """The policies that later steps bring, approved: what they take away is known by now."""
        if self._ahead is None:
            self._ahead = self._scouted()
        return self._ahead.get(commit, ())

    def _scouted(self) -> dict[str, tuple[Policy, ...]]:
        steps = self.steps()
        if len(steps) > MANY:
            self._states.repository.history(self._head, RELEASES)
        if self._states.lineage.same_policy([self.state.policy_source or self.genesis, *steps]):
            return {}
        scout = Walk(self._states, self._context, self.state, self._head)
        scout._ahead, scout._told = {}, self._told
        brought: list[tuple[int, Policy]] = []
        for place, step in enumerate(steps):
            before = scout.policy
            scout.rehearse_step(step)
            brought += [(place, scout.policy)] * (scout.policy != before)
        return {
            step: tuple(policy for brings, policy in brought if brings > place)
            for place, step in enumerate(steps)
        }

    def sighted(self, entry: Entry) -> tuple[str, ...]:
        """The approvals that the ledger sees for the first time with an entry on the newest step."""
        after = advance(self.state, "", entry)
        return self._listening.sighted(self._evidence, entry, after, self._later(entry.source))

    def _judged(
        self, commit: str, now: Snapshot, decisions: tuple[Decision, ...], waiting: tuple[Pending, ...]
    ) -> Judged:
        return Judged(
            commit=commit, policy=self.policy, policy_source=self.state.policy_source or self.genesis,
            snapshot=now, decisions=decisions, pending=waiting, attested=tuple(self._attested),
        )  # fmt: skip

    def own(self, commit: str) -> bool:
        """Whether a step is the reconciler's own, which is not judged."""
        return self._states.own(commit, self.policy)

    def rehearse(self) -> None:
        """Advance to the head of the branch as if every decision on the way were recorded."""
        for commit in self.steps():
            self.rehearse_step(commit)

    def rehearse_step(self, commit: str) -> None:
        """Advance to the next step as if its decisions were recorded."""
        if not self.own(commit):
            judged = self.advance(commit)
            entry = entry_of(self.state, judged, self._context.now)
            self.recorded(advance(self.state, entry.source, entry))

    def renewal(self, commit: str, now: str) -> Entry:
        """An entry without decisions at the step where the walk stands."""
        judged = Judged(
            commit=commit, policy=self.policy, policy_source=self.state.policy_source or self.genesis,
            snapshot=self._before, decisions=(),
            pending=tuple(self._pending[target] for target in sorted(self._pending)),
            attested=tuple(self._attested),
        )  # fmt: skip
        return entry_of(self.state, judged, now)

    def recorded(self, state: LedgerState) -> None:
        """Take over the ledger's state after an entry; an approved policy judges from here on."""
        self.state = state
        self._attested = []
        self.policy = self._states.needed_policy(state.policy_source or self.genesis)

    def _founding(self) -> dict[Target, Pending]:
        """Genesis deploys nothing: what it already wants waits, with its makers as contributors."""
        if self._before.instance is None:
            return {}
        made = contribution(self.policy, self._states.repository.commits([self.genesis]))
        made = made.by(self._context.judging)
        if self.policy.forge != "local":
            made = made.vouched(Contribution())
        waiting = pending(subjects(self._before, self.policy), self.state, self.policy)
        return gather({}, waiting, {}, made, self._risks(waiting, self._before.instance))

    def _gathered(self, now: Now) -> dict[Target, Pending]:
        wanted = subjects(now.snapshot, self.policy)
        waiting = pending(wanted, self.state, self.policy)
        touched = {}
        if self._before.instance is not None:
            before = subjects(self._before, self.policy)
            touched = {each.target: before.get(each.target) != wanted.get(each.target) for each in waiting}
        risks = self._risks(waiting, now.snapshot.instance)
        found = gather(self._pending, waiting, touched, now.made, risks)
        makers = Makers(self._states, self._position(), now)
        return {target: self._with_makers(each, makers) for target, each in found.items()}

    def _position(self) -> Position:
        return Position(
            parent=self.parent, genesis=self.genesis, state=self.state, policy=self.policy, told=self._heard
        )

    def _with_makers(self, waiting: Pending, makers: Makers) -> Pending:
        """Whoever wrote what a transition covers had a hand in it, however long ago that was."""
        if self._context.judging == 1:
            made = makers.by_first_rules(waiting.target, self._before.instance)
        else:
            made = makers.of(waiting.target).by(self._context.judging)
        made = made.joined(Contribution(people=waiting.contributors, unproven=waiting.unproven))
        return replace(waiting, contributors=self._names()(made.people), unproven=made.unproven)

    def _names(self) -> Names:
        return names(self._states, self._position(), self._context.judging)

    def _risks(self, waiting: Sequence[Transition], now: Instance | None) -> dict[Target, Risk | None]:
        found: dict[Target, Risk | None] = {}
        for target in (each.target for each in waiting):
            running = self.state.deployed.get(target)
            known = declared_risk(self._before.instance, target), declared_risk(now, target)
            found[target] = higher(running.risk if running else None, *known)
        return found

    def _invalid(self, commit: str, now: Snapshot, made: Contribution) -> Judged:
        """A state that can't be used is refused as a whole; who made it is not forgotten."""
        old = self._pending.get(STATE_TARGET) or Pending(target=STATE_TARGET)
        made = made.joined(Contribution(people=old.contributors, unproven=old.unproven))
        gathered = Pending(target=STATE_TARGET, contributors=made.people, unproven=made.unproven)
        fault = now.fault or UserError("the declared state can't be read")
        known = fault.reason in set(Reason)
        transition = Transition(
            repository=self.policy.repository,
            branch=self.policy.branch,
            environment=STATE_TARGET.environment,
            model=STATE_TARGET.model,
            before=None,
            after=now.key,
        )
        decision = Decision(
            transition=transition,
            action="change",
            approved=False,
            reason=Reason(fault.reason) if known else Reason.STATE_INVALID,
            detail=str(fault),
            contributors=made.people,
        )
        others = [each for target, each in self._pending.items() if target != STATE_TARGET]
        waiting = tuple(sorted([*others, gathered], key=lambda each: each.target))
        return self._judged(commit, now, (decision,), waiting)
