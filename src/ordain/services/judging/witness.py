"""The collector's word for what a forge says: which request became a step, and what its reviews covered.

A plan hears the same, and what an open request would add to it; but nobody signs that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ordain.adapters.git import Repository
from ordain.core import gitnames
from ordain.core.approvals import attested
from ordain.core.approvals.approval import pending
from ordain.core.approvals.attested import Attested, Branch, Observed, observe
from ordain.core.escaping import visible
from ordain.core.evidence.attestation import Signer
from ordain.core.git.commits import Commit
from ordain.core.people.request import Hand, Request
from ordain.core.specs.governance import Policy
from ordain.core.specs.identity import Transition
from ordain.errors import UserError
from ordain.ports import Merges
from ordain.services.judging.judged import subjects
from ordain.services.judging.past import Past
from ordain.services.judging.states import States

HEADS = {"github": "refs/pull/{}/head", "gitlab": "refs/merge-requests/{}/head"}
SEEN = "refs/ordain/requests/{}"
# What the collector's own token may see and that of a report or of a reviewer need not.
HIDDEN = ("approval-settings-not-readable", "pushes-not-listed")
_LONGEST = 200


Seal = Callable[[Observed, Policy], Attested | None]


def signed(sign: Signer) -> Seal:
    """Vouch for what was heard, with the collector's key."""
    return lambda observed, _: attested.read(attested.encode(observed, sign))


class AsMerged:
    """A forge that says of an open request what it would say had that been merged as it stands.

    Args:
        forge: what knows of the others. request: the open one.
    """

    def __init__(self, forge: Merges, request: Request) -> None:
        self._forge, self._request = forge, request

    def merged_as(self, commit: str) -> Request | None:
        """The open request for its newest commit, which then stands for the merge."""
        if commit == self._request.head:
            return replace(self._request, merged=commit)
        return self._forge.merged_as(commit)


class Witness:
    """Asks a forge about each step, and vouches for what it hears.

    A request whose branch can't be had proves nobody's innocence, so nothing is attested of it.

    Args:
        states: of a scratch repository. address: where its branches come from.
        forge: what knows of merged requests. past: of the ledger.
        seal: makes an attestation of what was observed: `signed`, or `attested.foreseen` for a plan.
    """

    def __init__(self, states: States, address: str, forge: Merges, past: Past, seal: Seal) -> None:
        self._states = states
        self._address = address
        self._forge = forge
        self._past = past
        self._seal = seal

    def attest(self, commit: str, parent: str, policy: Policy) -> Attested | None:
        """What the forge says of the request that a step is, sealed; None where it knows of none.

        Raises:
            RetryLater: when the forge does not answer: nothing may then be decided.
        """
        told = self._forge.merged_as(commit)
        if told is None or told.forge != policy.forge or told.base != policy.branch:
            return None
        repository = self._states.repository
        if not fetched(repository, self._address, told) or not repository.is_ancestor(commit, told.merged):
            return None
        made = self._states.contributing(parent, told.head, policy)
        told = self._with_merger(self._with_makers(told, made), parent, commit, policy)
        branch = _branch(made, told)
        looked = {each.commit for each in told.reviews if each.commit}
        covered = {each: self._covered(each, parent, policy) for each in sorted(looked)}
        return self._seal(observe(policy, commit, told, branch, covered), policy)

    def _with_makers(self, told: Request, made: Sequence[Commit]) -> Request:
        """Without pushers who did nothing but take in the base branch, as far as the forge tells that.

        Args:
            made: the commits of the branch that are a contribution.
        """
        counting = {each.id for each in made}
        reached = [(each.login, self._reach(each, told.head)) for each in told.hands]
        busy = {login for login, reach in reached if not reach or reach & counting}
        idle = {each.login for each in told.hands} - busy
        return replace(told, pushers=tuple(each for each in told.pushers if each not in idle))

    def _reach(self, hand: Hand, head: str) -> set[str]:
        """The commits that a hand brought to a branch; none where that can't be told.

        Of what is not behind the branch's head any more, nobody can say what became of it, whether its
        objects happen to be here or not.
        """
        repository = self._states.repository
        ends = [each for each in (hand.before, hand.after) if each]
        here = ends and all(repository.find(each) is not None for each in ends)
        if not here or not all(repository.is_ancestor(each, head) for each in ends):
            return set()
        return set(repository.between(*ends)) if hand.before else {hand.after}

    def _with_merger(self, told: Request, parent: str, commit: str, policy: Policy) -> Request:
        """Whoever merged by hand made what came along beside the branch; a forge's own merge brings nothing.

        Squashed and rebased commits are made by the forge alone: their branch is not among their ancestors.
        """
        repository = self._states.repository
        if not repository.is_ancestor(told.head, commit):
            return told
        branch = set(repository.between(parent, told.head))
        if all(each.id in branch for each in self._states.contributing(parent, commit, policy)):
            return told
        return replace(told, pushers=tuple(sorted({*told.pushers, told.merged_by or ""})))

    def _covered(self, looked: str, parent: str, policy: Policy) -> tuple[Transition, ...]:
        """What a commit would have changed when it was looked at, seen from where it left the base branch."""
        return transitions_of(self._states, self._past, looked, (parent, policy))


def fetched(repository: Repository, address: str, told: Request) -> bool:
    """Whether a request's branch is here, as it was when it was merged, or as it stands; fetched if need be.

    Raises:
        RetryLater: when the other side does not answer.
    """
    if not gitnames.is_object_id(told.head):  # a branch's name would be whatever that is here
        return False
    if repository.find(told.head) is None:
        try:
            repository.fetch(address, {HEADS[told.forge].format(told.number): SEEN.format(told.number)})
        except UserError:
            return False
    return repository.find(told.head) is not None


def _branch(made: Sequence[Commit], told: Request) -> Branch:
    """Whom the commits of a request's branch name, without those that only take in the base branch."""
    people = {each for one in made for each in one.people}
    emails = {each.email.strip().casefold() for each in people} - {""}
    bare = {each.name or each.text for each in people if not each.email.strip()}
    known = {each.strip().casefold() for each in told.named}
    return Branch(
        emails=tuple(sorted(emails)),
        signers=tuple(sorted({one.signer.fingerprint for one in made if one.signer})),
        unnamed=tuple(sorted({*(emails - known), *(visible(each, _LONGEST) for each in bare)})),
    )


def transitions_of(
    states: States, past: Past, looked: str, step: tuple[str, Policy]
) -> tuple[Transition, ...]:
    """The transitions that a reviewed commit declares; none when it or its state can't be had.

    What it declares is compared with what ran when it left the base branch: a change of the same target
    that was approved meanwhile makes it another transition, a change of another target does not.

    Args:
        step: the commit of the base branch before the request was merged, and the policy that judges.
    """
    repository: Repository = states.repository
    parent, policy = step
    if repository.find(looked) is None:
        return ()
    base = repository.merge_base(looked, parent)
    snapshot = states.snapshot(looked)
    if base is None or snapshot.instance is None:
        return ()
    state = past.at(repository.reachable(base))
    return pending(subjects(snapshot, policy), state, policy)
