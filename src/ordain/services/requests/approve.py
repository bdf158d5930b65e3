"""Approve what a revision would change: by a signature of the approver's own, which is published; or on a
forge, as themselves.

The refusals here spare people a useless signature. What counts is decided by reconciling, from the
evidence, whatever this verb said.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ordain.core.approvals import approval
from ordain.core.decisions import Decision
from ordain.core.evidence import attestation
from ordain.core.evidence.attestation import Signer
from ordain.core.people.request import Request, standing
from ordain.core.people.trust import Keyring, account_fault, account_owner
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Policy
from ordain.errors import UserError
from ordain.ports import Reviewing
from ordain.services.judging.judged import Judged
from ordain.services.judging.preview import Preview
from ordain.services.judging.witness import HIDDEN, AsMerged, fetched
from ordain.services.judging.workspace import Setting, at_base


class Approver(Struct, frozen=True, kw_only=True):
    """Whoever signs: the key's fingerprint, and the signer for approvals."""

    key: str
    sign: Signer


class Approved(Struct, frozen=True, kw_only=True):
    """What was signed.

    Attributes:
        person: by the policy. revision: what was looked at. reference: where the approval lies.
        decisions: the transitions, each as it would be decided before this approval.
        unproven: commits whose author nothing proves, for which it will be refused whoever approves.
        unsafe: settings of the forge for which it will be, by name.
        repeated: whether it had been given before, and nothing was done.
    """

    person: str
    revision: str
    reference: str
    decisions: tuple[Decision, ...]
    unproven: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()
    repeated: bool = False


def approve(setting: Setting, revision: str, approver: Approver) -> Approved:
    """Sign every transition that merging a revision would bring and that this person may accept.

    Raises:
        UserError: when there is nothing to approve, the state is invalid, the key speaks for nobody,
            or its owner contributed to everything.
    """
    commit = setting.clone.resolve(revision)
    with at_base(setting) as desk:
        judged = _sound(desk.preview(commit))
        person = _person(judged.policy, approver.key)
        mine = _acceptable(judged, person, revision)
        content = approval.statement([each.transition for each in mine], commit)
        data = attestation.to_bytes(attestation.seal(content, approver.sign))
        reference = desk.forge.publish(data)
    return Approved(
        person=person,
        revision=commit,
        reference=reference,
        decisions=mine,
        unproven=_unproven(judged.policy, mine),
    )


def approve_request(setting: Setting, forge: Reviewing, number: int) -> Approved:
    """Approve an open request on its forge, at the newest commit, which is the one that is looked at.

    Who contributed is told by the commits and by the forge, as reconciling will hear it.

    Raises:
        UserError: as `approve`, and when the request is not open, or moves meanwhile.
        RetryLater: when forge or origin do not answer; nothing was approved, or running it again tells.
    """
    found = forge.under_review(number)
    if found is None:
        fix = "give the number of an open request into the base branch"
        raise UserError(f"request {number} is not open, so there is nothing to approve", fix=fix)
    login = forge.account()
    with at_base(setting) as desk:
        if not fetched(desk.repository, desk.address, found):
            what = f"request {number} is at {found.head[:12]!a}, and the origin does not have that commit"
            raise UserError(what, where=desk.address, fix=f"try again: ordain approve --request {number}")
        judged = _sound(desk.preview(found.head, AsMerged(forge, found)))
        person = _owner(judged.policy, found, login)
        mine = _acceptable(judged, person, found.url)
    given = [each.commit for each in standing(found.reviews) if each.reviewer.casefold() == login.casefold()]
    if given and given != [found.head]:
        what = f"{login} approved an earlier commit of request {number}, and that approval still stands"
        fix = f"revoke it there, then: ordain approve --request {number}"
        raise UserError(what, where=found.url, fix=fix, reason=Reason.STALE_APPROVAL)
    if not given:
        forge.approve(number, found.head)
    return Approved(
        person=person,
        revision=found.head,
        reference=found.url,
        decisions=mine,
        unsafe=tuple(each for each in found.unsafe if each not in HIDDEN),
        repeated=bool(given),
    )


def _sound(found: Preview) -> Judged:
    if found.judged.snapshot.fault is not None:
        raise found.judged.snapshot.fault
    return found.judged


def _acceptable(judged: Judged, person: str, where: str) -> tuple[Decision, ...]:
    """What somebody may accept of a revision: all that they had no hand in."""
    if not judged.decisions:
        what = "there is nothing to approve: this revision changes nothing that runs"
        raise UserError(what, where=where, fix="ordain plan")
    mine = tuple(each for each in judged.decisions if person not in each.contributors)
    if not mine:
        raise UserError(
            f"{person} contributed to this change, and whoever contributed can't approve it",
            where=where,
            fix="ask somebody who had no hand in it",
            reason=Reason.SELF_APPROVAL,
        )
    return mine


def _unproven(policy: Policy, decisions: Sequence[Decision]) -> tuple[str, ...]:
    """What is said of unsigned commits; a forge will still say who pushed them, and the local one can't."""
    if policy.forge != "local":
        return ()
    return tuple(sorted({each.detail for each in decisions if each.reason == Reason.AUTHOR_UNPROVEN}))


def _person(policy: Policy, key: str) -> str:
    keyring = Keyring(policy)
    person, fault = keyring.owner(key), keyring.fault(key)
    if person is None or fault is not None:
        raise UserError(
            f"{key} speaks for nobody in the approved policy",
            where="policy.yaml",
            fix="pass another key with --key, or have yours added under `people`",
            reason=fault or Reason.KEY_UNKNOWN,
        )
    return person


def _owner(policy: Policy, found: Request, login: str) -> str:
    person, fault = account_owner(policy, found.forge, login), account_fault(policy, found.forge, login)
    if person is None or fault is not None:
        raise UserError(
            f"the account {login} speaks for nobody in the approved policy",
            where="policy.yaml",
            fix=f"use a token of your own account, or have it added under `people` as logins.{found.forge}",
            reason=fault or Reason.ACCOUNT_UNKNOWN,
        )
    return person
