"""Who speaks through a piece of evidence, by a policy: the owner of a key, or of an account of a forge."""

from __future__ import annotations

from ordain.core.approval import Evidence
from ordain.core.governance import Policy
from ordain.core.reasons import Reason
from ordain.core.trust import Keyring, account_fault, account_owner, collectors


class Voices:
    """The people of a policy, by their keys and accounts."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._keys = Keyring(policy)
        self._collectors = collectors(policy)

    def speaker(self, each: Evidence) -> tuple[str | None, Reason | None]:
        """Whose evidence this is, and why it can't count, if so.

        A forge's word counts only when a collector of the policy vouches for it.
        """
        key = each.key or ""
        if each.account is None:
            return self._keys.owner(key), self._keys.fault(key)
        if key not in self._collectors:
            return None, Reason.KEY_UNKNOWN
        forge, login = each.account
        return account_owner(self._policy, forge, login), account_fault(self._policy, forge, login)


def name_of(each: Evidence) -> str:
    """What to call somebody whom the policy does not know."""
    return each.key or "nobody" if each.account is None else ":".join(each.account)
