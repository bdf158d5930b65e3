"""Who made what a transition would put in place, by the base branch's first-parent history (ADR 0020)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from msgspec import Struct

from ordain.core.approvals.approval import POLICY_TARGET
from ordain.core.approvals.texts import Leaves, Written, waiver_text, written
from ordain.core.decisions import Stood
from ordain.core.people.trust import Contribution
from ordain.core.rendering.gitops import TOOLS
from ordain.core.specs.governance import SHARED
from ordain.core.specs.identity import ReleaseRef, Target
from ordain.core.state.declared import Instance
from ordain.services.judging.hands import NOBODY, Hands, Position
from ordain.services.judging.states import Snapshot, States

Read = Callable[[str], Leaves | None]


class Now(Struct, frozen=True, kw_only=True):
    """A step that is judged.

    Attributes:
        treeish: what it declares, read into `snapshot`. made: who made it.
    """

    treeish: str
    snapshot: Snapshot
    made: Contribution


class _Versions(Struct, frozen=True, kw_only=True):
    """A text as it was before the first of some steps, then after each that changed it.

    Attributes:
        steps: one for each text after the first; None for the step that is judged.
    """

    steps: tuple[str | None, ...]
    texts: tuple[Leaves | None, ...]


class Makers:
    """The makers of the transitions of one step.

    Args:
        states: of the repository. at: where the step is judged from. now: the step.
    """

    def __init__(self, states: States, at: Position, now: Now) -> None:
        self._states = states
        self._at = at
        self._now = now
        self._hands = Hands(states, at)

    def of(self, target: Target) -> Contribution:
        """Everybody who wrote text that a target's new intent covers, since it last was approved there.

        Retiring covers no text, so nobody wrote it.
        """
        texts, stood = self._states.texts, self._at.state.stood
        if target == POLICY_TARGET:
            return self._of_text(texts.policy, self._at.source)
        if target not in self._now.snapshot.wanted:
            return NOBODY
        here = stood.get(target)
        if target.environment in TOOLS:
            return self._of_text(partial(texts.gitops, target.environment), here.source if here else None)
        # Settings that were approved for the environment are approved for whatever comes to it.
        shared = here or stood.get(Target(environment=target.environment, model=SHARED))
        read = partial(texts.settings, target.environment)
        found = self._of_text(read, shared.source if shared else None)
        return found if target.model == SHARED else found.joined(self._of_model(target, here))

    def by_first_rules(self, target: Target, before: Instance | None) -> Contribution:
        """Who recorded a release in a step of its own: all that the rules of version 1 look for.

        Args:
            before: what the parent declared.
        """
        wanted, running = self._now.snapshot.wanted.get(target), self._at.state.deployed.get(target)
        ref = wanted.release if wanted else None
        if ref is None or before is None or (running is not None and running.release == ref):
            return NOBODY
        if ref.number not in before.releases.get(ref.model, {}):
            return NOBODY
        found = NOBODY
        for step in self._states.lineage.recorded(ref, self._at.parent, "A"):
            (commit,) = self._states.repository.commits([step])
            if commit.parents:
                made = self._states.contribution(commit.parents[0], step, self._at.policy)
                found = found.joined(Contribution(people=made.people))
        return found

    def _of_model(self, target: Target, stood: Stood | None) -> Contribution:
        read = partial(self._states.texts.model, target)
        found = self._of_text(read, stood.source if stood else None, self._elsewhere(target))
        release = self._now.snapshot.wanted[target].release
        if release is None:
            return found
        found = found.joined(self._of_waivers(release, stood))
        if stood is not None and stood.release == release:
            return found
        return found.joined(self._of_release(release, stood))

    def _elsewhere(self, target: Target) -> Collection[tuple[str, str]]:
        """What other environments have approved of the same model's text."""
        found: set[tuple[str, str]] = set()
        for other in self._at.state.deployed.values():
            if other.target.model == target.model and other.target != target:
                found.update((self._states.texts.model(other.target, other.source) or {}).items())
        return found

    def _of_text(
        self, read: Read, base: str | None, accepted: Collection[tuple[str, str]] = ()
    ) -> Contribution:
        """Who wrote a text since a commit that holds what was approved of it; since ever for None.

        Args:
            accepted: leaves that were approved elsewhere as they stand.
        """
        approved, final = read(base) if base else None, read(self._now.treeish)
        if approved is not None and approved == final:
            return NOBODY
        versions = self._versions(read, base, self._at.parent, judged=True)
        return self._together(versions, written(final, approved, versions.texts, accepted))

    def _versions(self, read: Read, base: str | None, head: str, *, judged: bool) -> _Versions:
        """A text from one commit to another, and then in the step that is judged, if that is asked for."""
        lineage = self._states.lineage
        steps, before = lineage.window(base, head)
        found: list[str | None] = []
        texts = [read(before) if before else {}]
        for step in lineage.anew(steps):
            text = read(step)
            if text is None or text is not texts[-1]:
                found.append(step)
                texts.append(text)
        if judged:
            found.append(None)
            texts.append(read(self._now.treeish))
        return _Versions(steps=tuple(found), texts=tuple(texts))

    def _together(self, versions: _Versions, found: Written) -> Contribution:
        """Who made some steps; nothing is unproven that somebody has put in place anew since."""
        steps = {place: versions.steps[place - 1] for place in sorted(found.all)}
        total = NOBODY
        if None in steps.values():
            total = self._now.made
        total = total.joined(self._hands.people(each for each in steps.values() if each))
        return total.joined(self._hands.made(each for place in found.newest if (each := steps[place])))

    def _of_release(self, release: ReleaseRef, stood: Stood | None) -> Contribution:
        """Who recorded a release, and who wrote what decided it since the release that was approved last.

        What runs elsewhere was approved there, so nothing of it is unproven.
        """
        lineage, parent = self._states.lineage, self._at.parent
        judged = lineage.record(release, self._now.treeish) != lineage.record(release, parent)
        recorded = lineage.recorded(release, parent)
        found = self._hands.people(recorded)
        proven = any(each.release == release for each in self._at.state.deployed.values())
        if judged:
            found = found.joined(self._now.made)
        elif not proven:
            found = found.joined(self._hands.made(recorded[:1]))
        head = parent if judged or not recorded else recorded[0]
        wrote = self._of_training(release.model, stood, head, judged=judged)
        return found.joined(wrote.named if proven else wrote)

    def _of_training(self, model: str, stood: Stood | None, head: str, *, judged: bool) -> Contribution:
        """Who wrote what decided a release that a commit, or the step that is judged, recorded."""
        read, base = partial(self._states.texts.training, model), None
        if stood is not None and stood.release is not None:
            base = next(iter(self._states.lineage.recorded(stood.release, stood.source)), None)
        approved = read(base) if base else None
        if base is not None and not self._states.repository.is_ancestor(base, head):
            base = None  # an older release than the approved one
        versions = self._versions(read, base, head, judged=judged)
        return self._together(versions, written(versions.texts[-1], approved, versions.texts))

    def _of_waivers(self, release: ReleaseRef, stood: Stood | None) -> Contribution:
        """Who wrote the waivers that a release would rest on there for the first time."""
        instance = self._now.snapshot.instance
        record = instance.releases.get(release.model, {}).get(release.number) if instance else None
        if instance is None or record is None:
            return NOBODY
        failed = {each.gate for each in record.verdicts if each.outcome != "pass"}
        known = waiver_text(stood.waivers) if stood else {}
        at_hand = (*self._at.policy.waivers, *instance.policy.waivers)
        fitting = [each for each in at_hand if each.model == release.model and each.gate in failed]
        wanted = {text: held for text, held in waiver_text(fitting).items() if text not in known}
        if not wanted:
            return NOBODY
        read = partial(self._states.texts.waivers, frozenset(wanted))
        versions = self._versions(read, None, self._at.parent, judged=True)
        return self._together(versions, written(wanted, None, versions.texts))
