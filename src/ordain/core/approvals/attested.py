"""A forge's word for a merged request, signed by the collector that heard it (docs/attestations.md).

The signature vouches for what the collector observed and for nothing else: which accounts pushed and
reviewed, which commits they looked at, and which transitions those commits declared then.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from ordain.core.approvals.approval import Evidence
from ordain.core.canonical import bytes_digest, digest
from ordain.core.evidence import attestation
from ordain.core.people.request import ForgeName, Request, Review, ReviewState, standing
from ordain.core.people.trust import (
    Contribution,
    Keyring,
    account_owner,
    collectors,
    is_known,
    likely,
    person_by_email,
)
from ordain.core.specs.governance import Policy
from ordain.core.specs.identity import Transition
from ordain.core.value import Value

SIZE_LIMIT = 1024 * 2**10


class Seen(attestation.Strict, frozen=True, kw_only=True):
    """A review and the transitions that its commit declared."""

    reviewer: str
    state: ReviewState
    commit: str | None
    submitted: str
    bot: bool
    transitions: tuple[Transition, ...]


class Observed(attestation.Strict, frozen=True, kw_only=True):
    """The predicate of `https://ordain.dev/request/v1`; most fields are those of `request.Request`.

    Attributes:
        repository, branch: of the policy. source: the step of the base branch that the request became.
        emails: everyone whom the commits of its branch name. signers: fingerprints that signed them.
        unnamed: those of `emails` that the forge attributes to no account, and names that stand without an
            address; left out where there are none.
    """

    forge: ForgeName
    repository: str
    branch: str
    source: str
    number: int
    url: str
    title: str
    head: str
    author: str | None
    merged_by: str | None
    merged_at: str
    pushers: tuple[str, ...]
    emails: tuple[str, ...]
    signers: tuple[str, ...]
    reviews: tuple[Seen, ...]
    bypasses: tuple[str, ...]
    unsafe: tuple[str, ...]
    unseen: tuple[str, ...]
    unnamed: tuple[str, ...] = ()


class Branch(Value, frozen=True, kw_only=True):
    """What Git says of a request's branch: whom its commits name, and which keys signed them.

    Attributes:
        unnamed: addresses of it that its forge attributes to no account, and names that stand without one.
    """

    emails: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()


class Attested(Value, frozen=True, kw_only=True):
    """An attestation as it was found.

    Attributes:
        name: digest of its bytes. key: fingerprint that provably signed; None when none did.
        fault: why the signature does not hold; empty when it does.
    """

    name: str
    envelope: dict[str, Any]
    observed: Observed
    key: str | None
    fault: str = ""

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Each approval that stands, as evidence for the transitions of the commit that was reviewed."""
        told = self.observed
        # By all that a review says: an approval and a comment may be of one second, at two commits.
        covered = {_review(each): each.transitions for each in told.reviews}
        return tuple(
            Evidence(
                name=f"{self.name}#{each.reviewer}",
                envelope=self.envelope,
                transitions=covered[each],
                key=self.key,
                fault=self.fault,
                kind="attested-by-collector",
                account=(told.forge, each.reviewer),
                unsafe=told.unsafe,
            )
            for each in standing(_review(seen) for seen in told.reviews)
        )


def _review(seen: Seen) -> Review:
    return Review(
        reviewer=seen.reviewer, state=seen.state, commit=seen.commit, submitted=seen.submitted, bot=seen.bot
    )


def observe(
    policy: Policy, source: str, told: Request, branch: Branch, covered: dict[str, tuple[Transition, ...]]
) -> Observed:
    """What there is to attest of a merged request.

    Args:
        policy: names the repository and the branch. source: the step of the base branch.
        covered: transitions by the commit that was reviewed; a commit that is not here covers nothing.
    """
    return Observed(
        forge=told.forge, repository=policy.repository, branch=policy.branch, source=source,
        number=told.number, url=told.url, title=told.title, head=told.head, author=told.author,
        merged_by=told.merged_by, merged_at=told.merged_at, pushers=told.pushers, emails=branch.emails,
        signers=branch.signers, bypasses=told.bypasses, unsafe=told.unsafe, unseen=told.unseen,
        unnamed=branch.unnamed,
        reviews=tuple(
            Seen(
                reviewer=each.reviewer, state=each.state, commit=each.commit, submitted=each.submitted,
                bot=each.bot, transitions=covered.get(each.commit or "", ()),
            )
            for each in told.reviews
        ),
    )  # fmt: skip


def encode(observed: Observed, sign: attestation.Signer) -> bytes:
    """The bytes of an attestation.

    Args:
        sign: turns the bytes to be signed into an SSH signature of namespace `request@ordain.dev`.
    """
    predicate = _predicate(observed)
    subjects = {_label(observed): digest("request/v1", predicate)}
    content = attestation.statement(attestation.REQUEST_TYPE, subjects, predicate)
    return attestation.to_bytes(attestation.seal(content, sign))


def _predicate(observed: Observed) -> dict[str, Any]:
    """As JSON, without what the first attestations did not have, where that is empty."""
    found: dict[str, Any] = msgspec.to_builtins(observed)
    return {name: value for name, value in found.items() if name != "unnamed" or value}


def _label(observed: Observed) -> str:
    return f"{observed.repository}/{observed.number}"


def read(data: bytes) -> Attested | None:
    """The attestation in some bytes; None when they hold nothing that could be one."""
    if len(data) > SIZE_LIMIT:
        return None
    try:
        content = attestation.peek(data)
        observed = msgspec.convert(content.predicate, type=Observed)
        envelope = msgspec.json.decode(data)
    except (attestation.StatementError, msgspec.ValidationError):
        return None
    named = {each.name: f"sha256:{each.digest.get('sha256')}" for each in content.subject}
    meant = {_label(observed): digest("request/v1", _predicate(observed))}
    if content.predicate_type != attestation.REQUEST_TYPE or named != meant:
        return None
    key, fault = attestation.signer_of(data, attestation.REQUEST_NAMESPACE)
    return Attested(name=bytes_digest(data), envelope=envelope, observed=observed, key=key, fault=fault)


def foreseen(observed: Observed, policy: Policy) -> Attested:
    """What a collector of the policy would attest, signed by nobody: for showing what would be decided."""
    key = min(collectors(policy), default=None)
    return Attested(name=f"unsigned:{_label(observed)}", envelope={}, observed=observed, key=key)


def known_accounts(policy: Policy, attested: Attested) -> bool:
    """Whether the forge names only accounts of the policy's people as makers: nobody else may stand behind.

    An account that is gone, or that the policy does not know, could be anybody's.
    """
    told = attested.observed
    logins = {*told.pushers, told.author or ""}
    return all(account_owner(policy, told.forge, each) for each in logins)


def contributors(policy: Policy, attested: Attested) -> Contribution:
    """Everyone who had a hand in a request, as its forge and its branch name them.

    An account that the policy does not know stays under its own name, such as `github:someone`. It leaves
    the step unproven, and so does an address that neither the forge nor the policy knows.
    """
    told, keys = attested.observed, Keyring(policy)
    logins = {*told.pushers, *((told.author,) if told.author else ())}
    people = {account_owner(policy, told.forge, each) or _account(told, each) for each in logins}
    people |= {person_by_email(policy, each) for each in told.emails}
    people |= {owner for owner in map(keys.owner, told.signers) if owner}
    written = {*told.emails, *told.unnamed}
    known = known_accounts(policy, attested) and all(map(partial(is_known, policy), told.unnamed))
    return Contribution(
        people=tuple(sorted(people)),
        likely=tuple(sorted({who for each in written for who in likely(policy, each)})),
        strangers=() if known else (told.source,),
    )


def _account(told: Observed, login: str) -> str:
    return f"{told.forge}:{login or 'an account that is gone'}"


def with_word(policy: Policy, made: Contribution, told: Attested | None) -> Contribution:
    """Who made a step by Git's word and by a forge's, where a collector of the policy vouches for it.

    Args:
        made: by Git. told: what the forge said of the request that became the step; None for nothing.
    """
    if told is None or told.key not in collectors(policy):
        return made
    others = contributors(policy, told)
    return made.vouched(others) if known_accounts(policy, told) else made.joined(others)
