"""Who made the steps of a branch, by Git's word and by what entries carry of a forge's."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from ordain.core.approvals.attested import Attested, with_word
from ordain.core.decisions import LedgerState
from ordain.core.people.ties import Names, by_name
from ordain.core.people.trust import IDENTITIES, Contribution
from ordain.core.specs.governance import Policy
from ordain.services.judging.states import States

NOBODY = Contribution()


class Position(Struct, frozen=True, kw_only=True):
    """Where a step is judged from.

    Attributes:
        parent: the newest commit of the branch before the step. genesis: where trust begins.
        state, policy: what judges there.
        told: what forges said of the steps up to there.
    """

    parent: str
    genesis: str
    state: LedgerState
    policy: Policy
    told: Callable[[str], Attested | None]

    @property
    def source(self) -> str:
        """A commit that holds the policy which judges."""
        return self.state.policy_source or self.genesis


def names(states: States, at: Position, judging: int) -> Names:
    """Who is the same person by policies that were approved up to a position.

    Args:
        judging: the version of the rules to judge by.
    """
    if judging < IDENTITIES:
        return by_name
    sources = (at.genesis, *(source for source, _ in at.state.reigns), at.source)
    return states.ties(tuple(dict.fromkeys(sources))).everybody


class Hands:
    """The makers of steps, seen from a position; what was found is kept with the states.

    Args:
        states: of the repository. at: the position.
    """

    def __init__(self, states: States, at: Position) -> None:
        self._states = states
        self._at = at
        self._known = states.lineage.made

    def made(self, steps: Iterable[str]) -> Contribution:
        """Everybody who made some steps, and what is unproven of it."""
        found = NOBODY
        for step in steps:
            found = found.joined(self._made(step))
        return found

    def people(self, steps: Iterable[str]) -> Contribution:
        """The same, whether it is proven or not."""
        return self.made(steps).named

    def _made(self, step: str) -> Contribution:
        then, now = self._reign(step), self._at.source
        if (step, then, now) not in self._known:
            self._known[step, then, now] = self._found(step, self._states.needed_policy(then))
        return self._known[step, then, now]

    def _found(self, step: str, then: Policy) -> Contribution:
        """By the policy that judged the step and by the one that judges now; either may prove it.

        What genesis holds is trusted by whoever trusts its digest, so up to there nobody is unproven.
        """
        repository, policy = self._states.repository, self._at.policy
        (commit,) = repository.commits([step])
        alone = self._states.made_by([commit], policy)
        if repository.is_ancestor(step, self._at.genesis):
            return alone.named
        if not commit.parents:
            return alone
        found, again = (
            with_word(each, self._states.contribution(commit.parents[0], step, each), self._at.told(step))
            for each in (then, policy)
        )
        open_by_both = Contribution(
            unproven=tuple(each for each in found.unproven if each in again.unproven),
            strangers=tuple(each for each in found.strangers if each in again.strangers),
        )
        return found.joined(again).named.joined(open_by_both)

    def _reign(self, step: str) -> str:
        """The commit whose policy judged a step."""
        now, reigns = self._at.source, self._at.state.reigns
        if all(source == now for source, _ in reigns):
            return now
        ancestor = self._states.repository.is_ancestor
        return next((source for source, last in reigns if ancestor(step, last)), now)
