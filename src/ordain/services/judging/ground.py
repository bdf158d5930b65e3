"""Where a repository is governed: its genesis, its base branch and its ledger, by approved policies only.

Any policy of a branch may suggest where to look. What counts is what is found there: a ledger proves
itself from genesis on, and it says itself which policies were approved and so where it lies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from msgspec import Struct

from ordain.core.ledger.ledger import Record
from ordain.core.ledger.places import Found, Place, governing, place_of, reigns, standing
from ordain.core.specs.governance import Policy
from ordain.core.state.declared import POLICY
from ordain.errors import UserError
from ordain.services.judging.book import proven
from ordain.services.judging.states import States

# Base branches that are followed further, and places that one branch's policies may suggest: twice so many.
MOST_BASES = 32
MOST_NAMED = 8


class Ground(Struct, frozen=True, kw_only=True):
    """Where a repository is governed.

    Attributes:
        genesis: where trust begins. policy: the newest approved one.
        branch: the base branch: the one that the policy names, or named before where that is not here.
        base: its newest commit.
        ledger: the commit that holds the ledger; None where there is none yet.
    """

    genesis: str
    policy: Policy
    branch: str
    base: str
    ledger: str | None


class Finders(Struct, frozen=True):
    """How to have the newest commit of a base branch, and of the branch with the ledger; None without one."""

    base: Callable[[str], str | None]
    ledger: Callable[[Place], str | None]


def ground(states: States, head: str, find: Finders) -> Ground:
    """Where the repository of a commit is governed.

    Args:
        head: whose policies, and those of the branches that they name, suggest where to look.

    Raises:
        UserError: when no policy can be read, or no base branch that one names is here.
    """
    survey = _Survey(states, find)
    survey.follow(head)
    genesis = survey.genesis(head)
    found = standing(survey.ledgers(genesis))
    while found is not None and survey.suggest(found.named):
        found = standing(survey.ledgers(genesis))
    bases = survey.bases_from(genesis)
    sources = reigns(found.records if found else (), genesis)
    policies = [states.needed_policy(each) for each in sources]
    named = [place_of(each) for each in policies]
    branch = governing(named, bases) or next(iter(bases))
    place = found.place if found else next((each for each in named if each.base == branch), None)
    return Ground(
        genesis=genesis, policy=policies[-1], branch=branch, base=bases[branch],
        ledger=find.ledger(place) if place else None,
    )  # fmt: skip


class _Survey:
    """What stands at the places that policies name; each is looked at once."""

    def __init__(self, states: States, find: Finders) -> None:
        self._states, self._find = states, find
        self._policies: dict[str, dict[str, Policy]] = {}
        self._places: dict[Place, None] = {}
        self._bases: dict[str, str | None] = {}
        self._proven: dict[tuple[str, str], tuple[Record, ...] | None] = {}

    def follow(self, commit: str) -> None:
        """Take what a branch's policies suggest, the newest first, and so on from each base branch."""
        self.suggest(self._suggested(commit))

    def suggest(self, places: Iterable[Place]) -> bool:
        """Look at places too; whether any is new.

        Whoever may push can have policies name branches without end. So what lies far off is not followed:
        what was approved is named by a ledger, whose places are looked at whatever stood here before.
        """
        waiting, before = deque(places), len(self._places)
        while waiting:
            each = waiting.popleft()
            if each not in self._places:
                self._places[each] = None
                if each.base not in self._bases:
                    commit = self._bases[each.base] = self._find.base(each.base)
                    if commit and commit not in self._policies and len(self._bases) < MOST_BASES:
                        waiting += self._suggested(commit)
        return len(self._places) > before

    def _suggested(self, commit: str) -> tuple[Place, ...]:
        """The places that a branch's policies name, newest first; of very many the newest and oldest."""
        named = tuple(dict.fromkeys(map(place_of, self._history(commit).values())))
        return named if len(named) <= 2 * MOST_NAMED else (*named[:MOST_NAMED], *named[-MOST_NAMED:])

    def _history(self, commit: str) -> dict[str, Policy]:
        """The policies of a branch's steps that can be read, by step, newest first."""
        if commit not in self._policies:
            steps = self._states.repository.changes(commit, POLICY)
            read = ((each, self._states.policy(each)) for each in steps)
            self._policies[commit] = {each: policy for each, policy in read if policy is not None}
        return self._policies[commit]

    def _root(self, commit: str) -> str | None:
        return next(reversed(self._history(commit)), None)

    def genesis(self, head: str) -> str:
        """Where trust begins: that of the base branches that begin where the commit's own branch does; else,
        as for a branch from before there was a policy, that of the branch which its newest policy names.

        Raises:
            UserError: when no policy can be read, or no base branch is here.
        """
        if not self._history(head):
            raise UserError(
                "no commit of the branch holds a valid policy.yaml", where=POLICY, fix="ordain check"
            )
        found = (self._root(each) for each in self._bases.values() if each)
        roots = [each for each in found if each is not None]
        if not roots:
            name = next(iter(self._bases))
            if self._bases[name] is not None:
                what = f"`{name}` has no policy.yaml yet; the commit that brings it there is the genesis"
                fix = f"merge what `ordain init` wrote into {name} first: that deploys nothing"
                raise UserError(what, where=POLICY, fix=fix)
            fix = f"git fetch origin {name}, or name a revision with --base"
            raise UserError(f"the base branch {name} is not in this clone", where=POLICY, fix=fix)
        own = self._root(head)
        return own if own in roots else roots[0]

    def bases_from(self, genesis: str) -> dict[str, str]:
        """The newest commit of each base branch that begins at genesis, by its name."""
        found = ((name, commit) for name, commit in self._bases.items() if commit)
        return {name: commit for name, commit in found if self._root(commit) == genesis}

    def ledgers(self, genesis: str) -> list[Found]:
        """Every proven ledger, with the places that its approved policies name."""
        found = []
        for place in self._places:
            tip = self._find.ledger(place)
            records = self._records(tip, genesis) if tip else None
            if records is not None:
                policies = map(self._states.needed_policy, reigns(records, genesis))
                named = tuple(map(place_of, policies))
                found.append(Found(place=place, records=records, named=named))
        return found

    def _records(self, tip: str, genesis: str) -> tuple[Record, ...] | None:
        if (tip, genesis) not in self._proven:
            self._proven[tip, genesis] = proven(self._states, tip, genesis)
        return self._proven[tip, genesis]
