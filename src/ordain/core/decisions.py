"""What was decided and what follows from it: the values that the ledger records and everyone reads."""

from __future__ import annotations

from typing import Any, Literal

from ordain.core.reasons import Reason
from ordain.core.specs.governance import Risk, Waiver
from ordain.core.specs.identity import ReleaseRef, Target, Transition
from ordain.core.value import Value

Action = Literal["deploy", "change", "rollback", "retire", "policy"]
EvidenceKind = Literal["signed-by-approver", "attested-by-collector"]


# Pods of the last few approved states may still be started again while a rollout or rollback is under way.
REMEMBERED = 3


class Approval(Value, frozen=True, kw_only=True):
    """One person's acceptance of transitions, with its evidence carried verbatim.

    Attributes:
        person: key in `policy.people`.
        kind: whether the approver signed it or the collector vouches for what a forge said.
        key: fingerprint `SHA256:…` of the key that signed; of the collector for an attested one.
        envelope: the DSSE envelope as it was found.
    """

    person: str
    kind: EvidenceKind
    key: str
    envelope: dict[str, Any]


class Decision(Value, frozen=True, kw_only=True):
    """The verdict on one transition.

    Attributes:
        transition: what was judged.
        action: what it amounts to.
        approved: whether it takes effect.
        reason: from the closed list; `approved` exactly when `approved`.
        detail: one sentence for people; names the missing role, the failed gate, the person.
        contributors: people (or raw identities where unknown) whose approval could not count.
        approvals: the ones that counted.
        missing: roles and how many people each still needed.
        waivers: the ones that this decision rests on.
        release, intent, files: what takes effect; None when nothing shall run or for a policy.
        risk: the tier it was judged by, the higher of what runs and what is wanted; None for a policy.
        declared: the tier of what is wanted itself.
        namespace: where the manifests go. images: every image that their pods may use, by digest.
    """

    transition: Transition
    action: Action
    approved: bool
    reason: Reason
    detail: str = ""
    contributors: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    missing: dict[str, int] = {}
    waivers: tuple[Waiver, ...] = ()
    release: ReleaseRef | None = None
    intent: str | None = None
    files: str | None = None
    risk: Risk | None = None
    declared: Risk | None = None
    namespace: str | None = None
    images: tuple[str, ...] = ()


class Pending(Value, frozen=True, kw_only=True):
    """What has gathered around a target that is wanted otherwise than it runs.

    Attributes:
        target: `_state`/`_state` gathers the steps whose declared state could not be read.
        contributors: everyone who changed what is wanted since it last was what runs.
        unproven: those of their commits that nobody known has signed.
        risk: the highest tier declared meanwhile.
    """

    target: Target
    contributors: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()
    risk: Risk | None = None


class Entry(Value, frozen=True, kw_only=True):
    """One ledger entry: the decisions on one first-parent step of the base branch.

    It names its source commit, the manifests that result and the entry before, never its own commit.

    Attributes:
        sequence: 1, 2, 3 …; the file is `manifests/ledger/<sequence, eight digits>.json`.
        previous: `sha256:…` of the bytes of the previous entry's file; None for the first.
        repository, branch: what the entry speaks of.
        source: the judged commit of the base branch.
        policy: digest of the policy under which it was judged; policy_source: a commit that holds it.
        renderer: version that rendered.
        decisions: sorted by target.
        manifests: digest of every file below `manifests/` except the ledger, after this entry.
        observed: when the reconciler first saw the evidence, ISO 8601 UTC, by its own clock.
        genesis: the root of trust: the commit whose policy judged the first step.
        pending: targets that are wanted otherwise than they run after this entry, sorted.
        repaired: paths below `manifests/` that somebody had edited and this entry's commit restored.
        requests: attestations of the merged requests since the entry before, oldest first.
        summaries: SLSA verification summaries of the decisions on models, in the order of `decisions`.
        judging: version of the rules by which it was judged (ADR 0020); entries from before it say 1.
        sighted: digests of approvals that the ledger sees for the first time and no decision carries yet.
    """

    sequence: int
    previous: str | None
    repository: str
    branch: str
    source: str
    policy: str
    policy_source: str
    renderer: int
    decisions: tuple[Decision, ...]
    manifests: str
    observed: str
    genesis: str = ""
    pending: tuple[Pending, ...] = ()
    repaired: tuple[str, ...] = ()
    requests: tuple[dict[str, Any], ...] = ()
    summaries: tuple[dict[str, Any], ...] = ()
    judging: int = 1
    sighted: tuple[str, ...] = ()


class Stood(Value, frozen=True, kw_only=True):
    """What was approved last to run somewhere, though it may have been retired since.

    Attributes:
        source: the commit that declared it. waivers: those that its approval rested on.
    """

    source: str
    release: ReleaseRef | None = None
    waivers: tuple[Waiver, ...] = ()


class Deployed(Value, frozen=True, kw_only=True):
    """What the ledger says is running for one target, and since which entry."""

    target: Target
    subject: str
    intent: str
    files: str
    release: ReleaseRef | None
    since: int
    source: str
    risk: Risk | None = None
    namespace: str | None = None


class LedgerState(Value, frozen=True, kw_only=True):
    """The ledger folded to its present.

    Attributes:
        head: digest of the newest entry's file; None before the first.
        sequence: of the newest entry; 0 before the first.
        cursor: newest judged commit; None before the first.
        deployed: by target.
        policy, policy_source: the approved policy's digest and a commit that holds it.
        refused: (transition id, reason) pairs already on record, so that a refusal is recorded once.
        ran: for each target, the releases that ran there, in the order of their first time: the digest of
            the record by its number.
        since: for each target that ever changed (the policy too), the entry that last changed it.
        subjects: for each target, every subject that ran there.
        pending: by target, as the newest entry says.
        genesis: the root of trust; None before the first entry.
        manifests: digest of the manifests after the newest entry; None before the first.
        images: for each target that runs, the images of its approved subjects, newest first: of the present
            one and of at most `REMEMBERED` before it.
        stood: by target, what was approved last to run there.
        reigns: each commit whose policy judged, and the newest commit that it judged, oldest first.
        judging: the version of the newest entry's rules; 0 before the first.
    """

    head: str | None = None
    sequence: int = 0
    cursor: str | None = None
    deployed: dict[Target, Deployed] = {}
    policy: str | None = None
    policy_source: str | None = None
    refused: frozenset[tuple[str, str]] = frozenset()
    ran: dict[Target, dict[int, str]] = {}
    since: dict[Target, int] = {}
    subjects: dict[Target, frozenset[str]] = {}
    pending: dict[Target, Pending] = {}
    genesis: str | None = None
    manifests: str | None = None
    images: dict[Target, tuple[tuple[str, ...], ...]] = {}
    stood: dict[Target, Stood] = {}
    reigns: tuple[tuple[str, str], ...] = ()
    judging: int = 0
