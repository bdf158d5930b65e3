"""All that one step is judged by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from ordain.core.approvals.approval import POLICY_TARGET, Evidence, policy_subject
from ordain.core.approvals.voices import First, unseen
from ordain.core.decisions import LedgerState, Pending
from ordain.core.people.ties import Names, by_name
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import Desired
from ordain.core.specs.governance import Policy
from ordain.core.specs.identity import Target
from ordain.core.state.declared import Instance
from ordain.core.value import Value


class Step(Value, frozen=True, kw_only=True):
    """All that one step is judged by.

    Attributes:
        instance, wanted: what the step declares, and what follows from it.
        parent: what its parent declared; None when that could not be read.
        state: the ledger before the step.
        policy: the one that judges: approved at or before the parent.
        later: policies that steps after this one bring to the branch, approved.
        revoked: fingerprints that any policy of the branch since the judging one revokes, approved or not.
        first: of approvals that the ledger has seen before, the policy in force then.
        names: who of the people is the same person under other names.
        gathered: by target, from `approval.gather`.
        evidence: every approval at hand.
        today: the day of observation, ISO 8601, UTC.
        present: whether an artifact was published, by the image that the cluster pulls.
        judging: version of the rules to judge by.
    """

    instance: Instance
    wanted: Mapping[Target, Desired]
    parent: Instance | None
    state: LedgerState
    policy: Policy
    gathered: Mapping[Target, Pending]
    evidence: Sequence[Evidence]
    today: str
    present: Callable[[str], bool]
    judging: int
    later: Sequence[Policy] = ()
    revoked: Collection[str] = ()
    first: First = unseen
    names: Names = by_name

    @property
    def subjects(self) -> dict[Target, str]:
        """Every wanted subject, the policy's own included."""
        found = {target: each.subject for target, each in self.wanted.items()}
        return {**found, POLICY_TARGET: policy_subject(self.instance.policy)}


class Refusal(Value, frozen=True, kw_only=True):
    """Why not, in one sentence."""

    reason: Reason
    detail: str
    missing: dict[str, int] = {}
