"""SLSA verification summaries of decisions on models, signed by the collector (ADR 0017).

The predicate is that of https://slsa.dev/spec/v1.2/verification_summary: who verified which artifact for
which use, by which policy and attestations, and with what result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from ordain.core.canonical import bytes_digest, canonical_bytes
from ordain.core.decisions import Decision, Entry
from ordain.core.evidence import attestation, sshsig

SUMMARY_TYPE = "https://slsa.dev/verification_summary/v1"
SUMMARY_NAMESPACE = "summary@ordain.dev"
SLSA_VERSION = "1.2"
# Words of our own; SLSA keeps `SLSA_` for its levels, and no level of its build track is claimed here.
SIGNED, ATTESTED = "ORG_SOURCE_ORDAIN_SIGNED_BY_APPROVERS", "ORG_SOURCE_ORDAIN_ATTESTED_BY_COLLECTOR"
WAIVED, FAILED = "ORG_SOURCE_ORDAIN_GATES_WAIVED", "FAILED"


class Descriptor(attestation.Strict, frozen=True, kw_only=True, omit_defaults=True):
    """What in-toto calls a resource descriptor: a digest, and where there is one a URI."""

    digest: dict[Literal["sha256"], str]
    uri: str = ""


class Verifier(attestation.Strict, frozen=True, kw_only=True):
    """Who verified, as a URI."""

    id: str


class Summary(attestation.Strict, frozen=True, kw_only=True, rename="camel"):
    """The predicate; times are ISO 8601 in UTC.

    Attributes:
        verifier: the collectors of a repository, not one of their keys: that signs the envelope.
        time_verified: when the evidence was first seen. resource_uri: the use that was decided.
        policy: what judged. input_attestations: envelopes of the approvals that counted.
        verification_result, verified_levels: whether it takes effect, and on whose word.
    """

    verifier: Verifier
    time_verified: str
    resource_uri: str
    policy: Descriptor
    input_attestations: tuple[Descriptor, ...]
    verification_result: Literal["PASSED", "FAILED"]
    verified_levels: tuple[str, ...]
    slsa_version: str = SLSA_VERSION


def summarised(entry: Entry) -> tuple[Decision, ...]:
    """The decisions that have a summary: those on models, not on policies or what environments share."""
    return tuple(each for each in entry.decisions if not each.transition.model.startswith("_"))


def statement_of(entry: Entry, decision: Decision) -> dict[str, Any]:
    """The in-toto statement that summarises a decision.

    Its subject is the release's artifact, which a registry knows by the same digest; of a retirement, which
    has none, it is the transition.
    """
    transition, release = decision.transition, decision.release
    name, about = (release.label, release.artifact) if release else (transition.target.label, transition.id)
    place = f"ordain://{entry.repository}"
    predicate = Summary(
        verifier=Verifier(id=f"{place}/collectors"),
        time_verified=entry.observed,
        resource_uri=f"{place}/{entry.branch}/{transition.target.label}",
        policy=Descriptor(uri=f"{place}/policy.yaml@{entry.policy_source}", digest=_digest(entry.policy)),
        input_attestations=tuple(Descriptor(digest=_digest(each)) for each in _inputs(decision)),
        verification_result="PASSED" if decision.approved else "FAILED",
        verified_levels=_levels(decision),
    )
    content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(predicate))
    return attestation.statement(SUMMARY_TYPE, {name: about}, content)


def summaries(entry: Entry, sign: attestation.Signer) -> tuple[dict[str, Any], ...]:
    """The envelopes that an entry carries, one for each of `summarised`, in the same order.

    Args:
        sign: makes an SSH signature of namespace `summary@ordain.dev`.
    """
    return tuple(attestation.seal(statement_of(entry, each), sign) for each in summarised(entry))


def fault(entry: Entry, keys: frozenset[str]) -> str | None:
    """What is wrong with an entry's summaries; None when nothing is, or it was written without any.

    Args:
        keys: fingerprints of the collectors that its policy names.
    """
    decisions: Sequence[Decision] = summarised(entry)
    if not entry.summaries:
        return None
    if len(entry.summaries) != len(decisions):
        return "it has not one summary for each decision on a model"
    for decision, envelope in zip(decisions, entry.summaries, strict=True):
        meant = statement_of(entry, decision)
        try:
            opened = attestation.open_envelope(envelope, SUMMARY_NAMESPACE)
        except (attestation.StatementError, sshsig.SignatureError) as error:
            return f"summary of {decision.transition.target.label}: {error}"
        if opened.key.fingerprint not in keys:
            return f"summary of {decision.transition.target.label}: signed by no collector of its policy"
        if canonical_bytes(msgspec.to_builtins(opened.statement)) != canonical_bytes(meant):
            return f"summary of {decision.transition.target.label}: it says otherwise than the decision"
    return None


def _digest(text: str) -> dict[Literal["sha256"], str]:
    return {"sha256": text.removeprefix("sha256:")}


def _inputs(decision: Decision) -> list[str]:
    found = (bytes_digest(attestation.to_bytes(each.envelope)) for each in decision.approvals)
    return list(dict.fromkeys(found))


def _levels(decision: Decision) -> tuple[str, ...]:
    if not decision.approved:
        return (FAILED,)
    signed = all(each.kind == "signed-by-approver" for each in decision.approvals)
    return (SIGNED if signed else ATTESTED, *((WAIVED,) if decision.waivers else ()))
