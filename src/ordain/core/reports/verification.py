"""Proofs that what was recorded is still true: one line for each link of the chain from data to pod.

Each check is given the bytes at hand and says one of three things. `absent` means that the bytes are
not in this clone, which is no sign of tampering; only bytes that are here and do not fit are `FAILED`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec

from ordain.core.approvals import approval, attested
from ordain.core.approvals.approval import Evidence
from ordain.core.approvals.voices import Hearing
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Approval, Decision
from ordain.core.escaping import short
from ordain.core.evidence import attestation
from ordain.core.gating.release import Release
from ordain.core.gating.verdicts import Verdict
from ordain.core.gating.waivers import complete
from ordain.core.reports.report import EVIDENCE
from ordain.core.specs.identity import Transition, files_digest
from ordain.core.value import Value

Link = Literal[
    "data", "code", "lock", "release", "artifact", "ledger", "policy", "approval", "judgement", "manifest"
]
Outcome = Literal["ok", "absent", "FAILED"]
# What a refusal is about, whatever it rested on.
_ALWAYS = ("transition", "action", "contributors", "release", "intent", "files", "risk", "declared")


class Proof(Value, frozen=True, kw_only=True):
    """One link, what was looked at, and what came out.

    Attributes:
        link: data, code, lock, release, artifact, ledger, policy, approval, judgement or manifest.
        what: the entry, file or release that was checked.
        detail: for `absent` what is not here, for `FAILED` what does not fit.
    """

    link: Link
    what: str
    outcome: Outcome
    detail: str = ""


def ok(link: Link, what: str, detail: str = "") -> Proof:
    """It is here and it fits."""
    return Proof(link=link, what=what, outcome="ok", detail=detail)


def absent(link: Link, what: str, detail: str) -> Proof:
    """It is not here."""
    return Proof(link=link, what=what, outcome="absent", detail=detail)


def failed(link: Link, what: str, detail: str) -> Proof:
    """It is here and does not fit."""
    return Proof(link=link, what=what, outcome="FAILED", detail=detail)


def tally(proofs: Iterable[Proof]) -> dict[Outcome, int]:
    """How many of each outcome."""
    found = Counter(each.outcome for each in proofs)
    return {"ok": found["ok"], "absent": found["absent"], "FAILED": found["FAILED"]}


def same_bytes(link: Link, what: str, data: bytes | None, expected: str) -> Proof:
    """Whether bytes have the SHA-256 that was recorded; None when they are not here."""
    if data is None:
        return absent(link, what, "not in this clone")
    actual = bytes_digest(data)
    return (
        ok(link, what, short(expected))
        if actual == expected
        else failed(link, what, _differ(expected, actual))
    )


def _differ(expected: str, actual: str) -> str:
    return f"recorded {short(expected)}, found {short(actual)}"


def release_proof(release: Release, recorded: str) -> Proof:
    """Whether a release record is what was pinned and what its own digest closes."""
    label, computed = f"{release.model}@{release.number}", release.computed_digest()
    if release.digest != computed:
        return failed("release", label, f"edited: its content gives {short(computed)}")
    if recorded != release.digest:
        return failed("release", label, _differ(recorded, release.digest))
    return ok("release", label, short(recorded))


def declared_proof(release: Release, declared: str | None) -> Proof:
    """Whether a release was trained from what its commit declares.

    Args:
        declared: the training slice there; None where the model is not declared there.
    """
    label = f"{release.model}@{release.number} and what its commit declares"
    if declared is None:
        return absent("release", label, "its commit declares no such model")
    if declared != release.training_slice:
        return failed("release", label, _differ(release.training_slice, declared))
    return ok("release", label, f"training slice {short(declared)}")


def measured_proof(release: Release, package: Mapping[str, Any], gates: Mapping[str, Any]) -> Proof:
    """Whether a release says what its pipeline's committed records say: artifact, metrics and verdicts."""
    what = f"{release.model}@{release.number} and its pipeline's records"
    if package.get("artifact") != release.artifact:
        return failed("release", what, "package.json names another artifact")
    measured = {name: value for name, value in (gates.get("metrics") or {}).items() if value is not None}
    if measured != release.metrics:
        return failed("release", what, "gates.json has other metrics")
    given = msgspec.convert(gates.get("verdicts") or [], tuple[Verdict, ...])
    told = tuple(each for each in release.verdicts if not each.gate.startswith("non_inferiority."))
    if told != complete(given, [each.gate for each in told]):
        return failed("release", what, "gates.json has other verdicts")
    return ok("release", what, "same artifact, same metrics, same verdicts")


def lock_proof(what: str, lock: Mapping[str, Any], files: Mapping[str, bytes]) -> Proof:
    """Whether a `dvc.lock` agrees with itself and with the outputs beside it, by DVC's MD5.

    Args:
        what: the lock's path.
        lock: `stages` of the parsed `dvc.lock`.
        files: files of the pipeline's folder that are at hand, by path in it.
    """
    made = {out["path"]: out.get("md5") for stage in lock.values() for out in stage.get("outs") or ()}
    for name, stage in lock.items():
        for dep in stage.get("deps") or ():
            if dep["path"] in made and dep.get("md5") != made[dep["path"]]:
                return failed("lock", what, f"stage {name} read another {dep['path']} than was made")
    for path, recorded in sorted(made.items()):
        if path in files and recorded != md5_of(files[path]):
            return failed("lock", what, f"{path} is not what its stage made")
    return ok("lock", what, f"{len(lock)} stages and {len(made.keys() & files.keys())} outputs agree")


def md5_of(data: bytes) -> str:
    """The MD5 by which DVC names content; it proves nothing against an attacker, SHA-256 does."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@lru_cache(maxsize=64)
def evidence_in(data: bytes) -> tuple[Evidence, ...]:
    """The approvals in an envelope: somebody's own signature, or the reviews that a collector attests."""
    own = approval.read(data)
    if own is not None:
        return (own,)
    told = attested.read(data)
    return told.evidence if told else ()


def approval_proof(given: Approval, transition: Transition, hearing: Hearing) -> Proof:
    """Whether somebody's own signature, or a review that a collector attests, covers this very transition.

    Args:
        given: as the ledger carries it.
        transition: what it was counted for.
        hearing: by the policy that judged.
    """
    what = f"{given.person} on {transition.target.label}"
    found = evidence_in(attestation.to_bytes(given.envelope))
    theirs = next((each for each in found if hearing.speaker(each)[0] in {given.person, None}), None)
    if theirs is None:
        return failed("approval", what, "the envelope holds no approval of theirs")
    if theirs.key is None:
        return failed("approval", what, theirs.fault)
    if not theirs.covers(transition):
        return failed("approval", what, "the signature is good but covers another transition")
    if (theirs.key, theirs.kind) != (given.key, given.kind):
        return failed("approval", what, f"signed by {theirs.key}, recorded as {given.key}")
    if hearing.speaker(theirs)[0] != given.person:
        return failed("approval", what, f"{given.key} is no key of theirs by the policy that judged")
    return ok("approval", what, f"{EVIDENCE[given.kind]}, key {given.key}")


def rendered_proofs(
    what: str, recorded: Mapping[str, str], manifests: Mapping[str, bytes], whole: str
) -> tuple[Proof, ...]:
    """Whether the files below each deployed target's folder are the ones that were recorded, and no others.

    Args:
        what: where the manifests were read from.
        recorded: target label to the digest of its files.
        manifests: rendered files by path below `manifests/`, the ledger left out.
        whole: digest of all of them, by the newest entry.
    """
    proofs = []
    for label, expected in sorted(recorded.items()):
        files = {path: data for path, data in manifests.items() if path.startswith(label + "/")}
        if files_digest(files) == expected:
            proofs.append(ok("manifest", f"{label} in {what}", short(expected)))
        else:
            proofs.append(failed("manifest", f"{label} in {what}", "not the bytes that were approved"))
    if files_digest(manifests) == whole:
        return (*proofs, ok("manifest", f"all of {what}", short(whole)))
    strays = [path for path in manifests if not any(path.startswith(label + "/") for label in recorded)]
    proofs += [failed("manifest", f"{path} in {what}", "no approved target put it there") for path in strays]
    return (*proofs, failed("manifest", f"all of {what}", _differ(whole, files_digest(manifests))))


def differing(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[str, ...]:
    """Paths whose bytes differ, or that only one side has."""
    return tuple(sorted(path for path in {*before, *after} if before.get(path) != after.get(path)))


def judged_proof(what: str, recorded: Sequence[Decision], computed: Sequence[Decision]) -> Proof:
    """Whether judging again, from the approvals that the entry carries, gives what it recorded.

    A refusal may have rested on what no ledger carries (an approval that did not count, an artifact that
    was not published yet), so of a refusal only what it was about is compared. A refusal lets nothing run.
    """
    again = {each.transition.id: each for each in computed}
    for each in recorded:
        label, other = each.transition.target.label, again.pop(each.transition.id, None)
        if other is None:
            return failed("judgement", what, f"the transition of {label} does not follow from the commits")
        names = _ALWAYS if not each.approved else each.__struct_fields__
        wrong = [name for name in names if getattr(each, name) != getattr(other, name)]
        if wrong:
            said = f" ({other.reason}: {other.detail})" if each.approved != other.approved else ""
            return failed("judgement", what, f"{label}: judged again, other {', '.join(wrong)}{said}")
    missed = sorted(each.transition.target.label for each in again.values() if each.approved)
    if missed:
        return failed("judgement", what, f"approved but not recorded: {', '.join(missed)}")
    return ok("judgement", what, f"{len(recorded)} decisions follow from commits, policy and approvals")
