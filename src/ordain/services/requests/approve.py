"""Sign what a revision would change, with the approver's own key, and publish the signature.

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
from ordain.core.people.trust import Keyring
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Policy
from ordain.errors import UserError
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
    """

    person: str
    revision: str
    reference: str
    decisions: tuple[Decision, ...]
    unproven: tuple[str, ...] = ()


def approve(setting: Setting, revision: str, approver: Approver) -> Approved:
    """Sign every transition that merging a revision would bring and that this person may accept.

    Raises:
        UserError: when there is nothing to approve, the state is invalid, the key speaks for nobody,
            or its owner contributed to everything.
    """
    commit = setting.clone.resolve(revision)
    with at_base(setting) as desk:
        judged = desk.preview(commit).judged
        if judged.snapshot.fault is not None:
            raise judged.snapshot.fault
        person = _person(judged.policy, approver.key)
        if not judged.decisions:
            what = "there is nothing to approve: this revision changes nothing that runs"
            raise UserError(what, where=revision, fix="ordain plan")
        mine = tuple(each for each in judged.decisions if person not in each.contributors)
        if not mine:
            raise UserError(
                f"{person} contributed to this change, and whoever contributed can't approve it",
                where=revision,
                fix="ask somebody who had no hand in it",
                reason=Reason.SELF_APPROVAL,
            )
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
