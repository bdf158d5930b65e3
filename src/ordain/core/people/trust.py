"""Whose key, whose address: who somebody is by a policy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from ordain.core.evidence import sshsig
from ordain.core.git.commits import Commit, Identity
from ordain.core.people.request import ForgeName
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Key, Policy
from ordain.core.value import Value

# Version of the rules since which strangers count, and people are tied across policies (ADR 0024).
IDENTITIES = 3
# The addresses that GitHub and GitLab make up for whoever shows none: of them, the account is told.
_GITHUB = re.compile(r"(?:[0-9]+\+)?([^+@]+)@users\.noreply\.[^@]+")
_GITLAB = re.compile(r"[0-9]+-([^@]+)@users\.noreply\.[^@]+")


class Contribution(Value, frozen=True, kw_only=True):
    """Who made some commits, as far as can be proven.

    Attributes:
        people: keys of `policy.people`; the raw e-mail address of anybody else.
        unproven: commits that nobody whom the policy knows has signed, or whose makers can't be read.
        likely: keys of people whom a commit names otherwise than by an address that the policy lists.
        strangers: commits that name somebody whom the policy does not know: it could be anybody.
    """

    people: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()

    def joined(self, other: Contribution) -> Contribution:
        """Both together."""
        return Contribution(
            people=_union(self.people, other.people),
            unproven=_union(self.unproven, other.unproven),
            likely=_union(self.likely, other.likely),
            strangers=_union(self.strangers, other.strangers),
        )

    @property
    def named(self) -> Contribution:
        """Everybody who is named, without what is unproven of it."""
        return Contribution(people=self.people, likely=self.likely)

    def vouched(self, others: Contribution) -> Contribution:
        """With a forge's word for who pushed: its people belong to it, and what it leaves open stays open."""
        return self.named.joined(others)

    def by(self, judging: int) -> Contribution:
        """What counts by a version of the rules: since ADR 0024, strangers leave it unproven."""
        if judging < IDENTITIES:
            return Contribution(people=self.people, unproven=self.unproven)
        return Contribution(
            people=_union(self.people, self.likely), unproven=_union(self.unproven, self.strangers)
        )


def _union(*some: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(chain(*some))))


class Keyring:
    """The keys of a policy that may speak for a person.

    A key that two people list, that was revoked, or that can't be read, speaks for nobody.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._owners: dict[str, tuple[str, Key] | None] = {}
        gone = revoked(policy)
        for name, person in policy.people.items():
            for key in person.keys:
                found = fingerprint(key.key)
                if found is not None and found not in gone:
                    taken = self._owners.get(found)
                    alone = found not in self._owners or (taken is not None and taken[0] == name)
                    self._owners[found] = (name, key) if alone else None

    def owner(self, key: str) -> str | None:
        """Whose key a fingerprint is, or None."""
        found = self._owners.get(key)
        return found[0] if found else None

    def fault(self, key: str) -> Reason | None:
        """Why this key can't accept anything, or None when it can."""
        found = self._owners.get(key)
        if found is None or self._policy.people[found[0]].bot:
            return Reason.KEY_UNKNOWN
        return Reason.KEY_INSECURE if self.example(key) and self._policy.forge != "local" else None

    def example(self, key: str) -> bool:
        """Whether the private half of somebody's key is public."""
        found = self._owners.get(key)
        return found is not None and found[1].insecure_example


@lru_cache(maxsize=1024)
def fingerprint(key: str) -> str | None:
    """`SHA256:…` of a declared key, or None when it can't be read."""
    try:
        return sshsig.parse_key(key).fingerprint
    except sshsig.SignatureError:
        return None


def revoked(policy: Policy) -> frozenset[str]:
    """Fingerprints of the keys that a policy revokes."""
    return frozenset(each for each in map(fingerprint, policy.revoked) if each is not None)


def collectors(policy: Policy) -> frozenset[str]:
    """Fingerprints of the keys that may sign ledger entries."""
    usable = [key for key in policy.collectors if policy.forge == "local" or not key.insecure_example]
    found = {fingerprint(each.key) for each in usable} - revoked(policy)
    return frozenset(each for each in found if each is not None)


def bots(policy: Policy) -> frozenset[str]:
    """Fingerprints of the keys by which a policy knows its bots."""
    keyring, local = Keyring(policy), policy.forge == "local"
    declared = (key.key for person in policy.people.values() if person.bot for key in person.keys)
    found = (each for each in map(fingerprint, declared) if each is not None)
    return frozenset(each for each in found if keyring.owner(each) and (local or not keyring.example(each)))


def person_of(policy: Policy, identity: Identity) -> str:
    """Who an identity is by its e-mail address: a key of `people`, or the address itself.

    One that can't be read is nobody whom the policy knows, whatever stands in it.
    """
    if identity.unreadable is not None:
        return identity.text
    found, name = person_by_email(policy, identity.email), identity.name.strip().casefold()
    if not found:
        # A co-author's line may hold a name alone.
        named = [key for key, person in policy.people.items() if person.name.casefold() == name]
        found = named[0] if named else found
    return found or name or "nobody"


def person_by_email(policy: Policy, email: str) -> str:
    """Whose an e-mail address is: a key of `people`, or the address itself."""
    wanted = email.strip().casefold()
    for name, person in policy.people.items():
        if wanted in {each.strip().casefold() for each in person.emails}:
            return name
    return wanted


def account_owner(policy: Policy, forge: ForgeName, login: str) -> str | None:
    """Whose an account is; None when nobody, or more than one person, lists it."""
    wanted = login.casefold()
    found = [
        name for name, person in policy.people.items() if person.logins.get(forge, "").casefold() == wanted
    ]
    return found[0] if wanted and len(found) == 1 else None


def account_fault(policy: Policy, forge: ForgeName, login: str) -> Reason | None:
    """Why a review by this account can't count, or None when it can."""
    owner = account_owner(policy, forge, login)
    if owner is None or policy.forge != forge or policy.people[owner].bot:
        return Reason.ACCOUNT_UNKNOWN
    return None


def is_known(policy: Policy, text: str) -> bool:
    """Whether an e-mail address, or a name that stands without one, is somebody's of the policy.

    An address is also whose account it names, where a forge made it up for somebody who shows none.
    """
    return person_by_email(policy, text) in policy.people or bool(
        _by_no_reply(policy, text) if "@" in text else likely(policy, text)
    )


def likely(policy: Policy, text: str) -> set[str]:
    """Everybody of a policy who goes by a name, or whose account an address of a forge's making names."""
    name = text.strip().casefold()
    found = {
        key
        for key, person in policy.people.items()
        if name
        in {key, person.name.strip().casefold(), *(each.casefold() for each in person.logins.values())}
    }
    return found | _by_no_reply(policy, text)


def _by_no_reply(policy: Policy, email: str) -> set[str]:
    """Whose account an address of a forge's making is; a GitLab one may be read as one of GitHub's too."""
    wanted = email.strip().casefold()
    found: set[str | None] = set()
    if match := _GITHUB.fullmatch(wanted):
        found.add(account_owner(policy, "github", match[1]))
    if match := _GITLAB.fullmatch(wanted):
        found.add(account_owner(policy, "gitlab", match[1]))
    return {each for each in found if each is not None}


def contribution(policy: Policy, commits: Iterable[Commit]) -> Contribution:
    """Who made these commits: everyone whom they name, and whoever provably signed them.

    In Git nothing but a signature proves an author, so a commit that no person of the policy signed is
    unproven, and so is one of which a maker can't be read; a forge may prove it (`vouched`). Whoever is
    named by an address that no person lists could be anybody, so somebody else's signature proves nothing.
    """
    keyring = Keyring(policy)
    people: set[str] = set()
    named: set[Identity] = set()
    unproven: set[str] = set()
    makers: dict[str, frozenset[Identity]] = {}
    for commit in commits:
        key = commit.signer
        owner = keyring.owner(key.fingerprint) if key else None
        people |= {owner} if owner else set()
        if owner is None or any(each.unreadable is not None for each in commit.people):
            unproven.add(commit.id)
        makers[commit.id] = frozenset(commit.people)
        named |= makers[commit.id]
    readable = [each for each in named if each.unreadable is None]
    strange = {each for each in readable if not is_known(policy, each.email.strip() or each.name)}
    return Contribution(
        people=_union(people, (person_of(policy, each) for each in named)),
        unproven=_union(unproven),
        likely=_union(*(likely(policy, text) for each in readable for text in (each.name, each.email))),
        strangers=_union(name for name, made in makers.items() if made & strange),
    )
