"""Who speaks through a piece of evidence: the owner of a key, or of an account of a forge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ordain.core.approvals.approval import Evidence
from ordain.core.people.trust import Keyring, account_fault, account_owner, collectors
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Policy

Speaker = tuple[str | None, Reason | None]
# The policy in force when the ledger first saw an approval, by the digest of its envelope.
First = Callable[[str], Policy | None]


class Voices:
    """The people of a policy, by their keys and accounts."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.keys = Keyring(policy)
        self.collectors = collectors(policy)

    def speaker(self, each: Evidence, then: Voices | None = None) -> Speaker:
        """Whose evidence this is, and why it can't count, if so.

        A forge's word counts only when a collector vouches for it.

        Args:
            then: the voices of the policy by which keys are looked up, where that is another; whether
                their owners may speak is for this one to say.
        """
        key, known = each.key or "", then or self
        if each.account is None:
            owner, fault = known.keys.owner(key), known.keys.fault(key)
            return owner, fault or (self._fault(owner, key, known) if then else None)
        if key not in known.collectors:
            return None, Reason.KEY_UNKNOWN
        forge, login = each.account
        return account_owner(self._policy, forge, login), account_fault(self._policy, forge, login)

    def _fault(self, owner: str | None, key: str, then: Voices) -> Reason | None:
        person = self._policy.people.get(owner or "")
        if person is None or person.bot:
            return Reason.KEY_UNKNOWN
        insecure = then.keys.example(key) and self._policy.forge != "local"
        return Reason.KEY_INSECURE if insecure else None


class Hearing:
    """Who speaks for what, where keys come and go (ADR 0020).

    Args:
        policy: the one that judges. later: those that steps after this one bring, approved.
        revoked: fingerprints that any policy since the approved one revokes.
        first: of what the ledger has seen before, the policy in force then.
    """

    def __init__(
        self, policy: Policy, later: Sequence[Policy], revoked: Collection[str], first: First
    ) -> None:
        self._judging = Voices(policy)
        self._later = [Voices(each) for each in later]
        self._revoked = revoked
        self._first = first
        self._known: dict[int, tuple[Policy, Voices]] = {}

    def speaker(self, each: Evidence) -> Speaker:
        """As `Voices.speaker`.

        What the ledger has seen before is heard by the keys of that time. What it sees for the first time
        must speak the same by every policy that is approved by now. A revoked key never speaks.
        """
        if each.key in self._revoked:
            return None, Reason.KEY_UNKNOWN
        first = self._first(sight(each))
        if first is not None:
            return self._judging.speaker(each, self._voices(first))
        person, fault = self._judging.speaker(each)
        if fault is None and any(later.speaker(each) != (person, None) for later in self._later):
            fault = Reason.KEY_UNKNOWN if each.account is None else Reason.ACCOUNT_UNKNOWN
        return person, fault

    def _voices(self, policy: Policy) -> Voices:
        """Those of one policy, made once."""
        if id(policy) not in self._known:
            self._known[id(policy)] = policy, Voices(policy)
        return self._known[id(policy)][1]


def sight(each: Evidence) -> str:
    """The name by which a ledger remembers that it saw a piece of evidence: the digest of its envelope."""
    return each.name.partition("#")[0]


def name_of(each: Evidence) -> str:
    """What to call somebody whom the policy does not know."""
    return each.key or "nobody" if each.account is None else ":".join(each.account)


def unseen(_name: str) -> Policy | None:
    """Of a ledger that has seen nothing."""
    return None
