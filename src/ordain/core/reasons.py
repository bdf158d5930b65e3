"""The closed list of reasons why something is refused. Each has a row in docs/reasons.md."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a decision fell as it did; machines read the value, people the page."""

    APPROVED = "approved"
    # The people
    APPROVALS_MISSING = "approvals-missing"
    NO_RULE = "no-rule"
    SELF_APPROVAL = "self-approval"
    AUTHOR_UNPROVEN = "author-unproven"
    STALE_APPROVAL = "stale-approval"
    KEY_UNKNOWN = "key-unknown"
    KEY_INSECURE = "key-insecure"
    SIGNATURE_INVALID = "signature-invalid"
    SIGNATURE_REQUIRED = "signature-required"
    ACCOUNT_UNKNOWN = "account-unknown"
    FORGE_UNSAFE = "forge-unsafe"
    # The evidence
    GATE_FAILED = "gate-failed"
    GATE_INSUFFICIENT = "gate-insufficient"
    WAIVER_EXPIRED = "waiver-expired"
    WAIVER_UNAPPROVED = "waiver-unapproved"
    RELEASE_INVALID = "release-invalid"
    ARTIFACT_ABSENT = "artifact-absent"
    NOT_PROMOTED = "not-promoted"
    # The state
    STATE_INVALID = "state-invalid"
    RENDERER_MISMATCH = "renderer-mismatch"
    MANIFESTS_EDITED = "manifests-edited"
    LEDGER_BROKEN = "ledger-broken"
    HISTORY_REWRITTEN = "history-rewritten"
    HOSTILE_OBJECT = "hostile-object"
