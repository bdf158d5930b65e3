"""A flipped byte at any link is named; what is not here is never called tampering."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace

from ordain.core.approvals import approval
from ordain.core.approvals.voices import Hearing, unseen
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Approval, Decision
from ordain.core.evidence import attestation
from ordain.core.gating.release import Release
from ordain.core.reasons import Reason
from ordain.core.reports import verification
from ordain.core.specs.governance import Policy
from ordain.core.specs.identity import Transition, files_digest
from tests.core.signing import Person

DIGEST = "sha256:" + "0" * 64
OTHER = "sha256:" + "1" * 64
SECRET = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)


def wire(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


BLOB = wire(b"ssh-ed25519", SECRET.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
PUBLIC = "ssh-ed25519 " + base64.b64encode(BLOB).decode()


def sign(message: bytes) -> bytes:
    """An SSH signature as PROTOCOL.sshsig describes it."""
    namespace = attestation.APPROVAL_NAMESPACE.encode()
    head = (namespace, b"", b"sha512")
    signed = b"SSHSIG" + wire(*head, hashlib.sha512(message).digest())
    inner = wire(b"ssh-ed25519", SECRET.sign(signed))
    return b"SSHSIG" + (1).to_bytes(4, "big") + wire(BLOB, *head, inner)


def transition(after: str = OTHER) -> Transition:
    return Transition(
        repository="local/x", branch="main", environment="staging", model="churn", before=None, after=after
    )


def policy(key: str = PUBLIC) -> Policy:
    return msgspec.convert(
        {
            "version": 1,
            "repository": "local/x",
            "people": {"mei": {"name": "Mei", "emails": ["mei@x.example"], "keys": [{"key": key}]}},
            "collectors": [{"key": PUBLIC}],
            "rules": [],
            "changes": {"reviewer": 1},
        },
        type=Policy,
    )


def given(**changed: Any) -> Approval:
    envelope = attestation.seal(approval.statement([transition()], "c" * 40), sign)
    key = envelope["signatures"][0]["keyid"]
    return Approval(
        **{"person": "mei", "kind": "signed-by-approver", "key": key, "envelope": envelope, **changed}
    )


def flipped(envelope: dict[str, Any], part: str) -> dict[str, Any]:
    built: dict[str, Any] = json.loads(json.dumps(envelope))
    if part == "payload":
        content = base64.b64decode(built["payload"]).replace(b"cccc", b"cccd")
        built["payload"] = base64.b64encode(content).decode()
    else:
        raw = bytearray(base64.b64decode(built["signatures"][0]["sig"]))
        raw[-1] ^= 1
        built["signatures"][0]["sig"] = base64.b64encode(bytes(raw)).decode()
    return built


def test_a_good_approval() -> None:
    proof = verification.approval_proof(given(), transition(), Hearing(policy(), (), (), unseen))
    assert proof.outcome == "ok"
    assert proof.detail.startswith("signed by approver, key SHA256:")


@pytest.mark.parametrize(
    ("approved", "covered", "said"),
    [
        (given(envelope={}), transition(), "no approval of theirs"),
        (given(envelope=flipped(given().envelope, "payload")), transition(), "does not match"),
        (given(envelope=flipped(given().envelope, "signature")), transition(), "does not match"),
        (given(), transition(after=DIGEST), "covers another transition"),
        (given(key="SHA256:other"), transition(), "recorded as SHA256:other"),
        (given(person="dana"), transition(), "no approval of theirs"),
    ],
)
def test_approvals_that_do_not_hold(approved: Approval, covered: Transition, said: str) -> None:
    proof = verification.approval_proof(approved, covered, Hearing(policy(), (), (), unseen))
    assert (proof.link, proof.outcome) == ("approval", "FAILED")
    assert said in proof.detail


def test_a_key_that_was_taken_out_of_the_policy_speaks_for_nobody() -> None:
    other = Person(9).key.text
    proof = verification.approval_proof(given(), transition(), Hearing(policy(other), (), (), unseen))
    assert (proof.outcome, "no key of theirs" in proof.detail) == ("FAILED", True)


def test_bytes_that_are_here_absent_or_altered() -> None:
    digest = bytes_digest(b"abc")
    outcomes = [verification.same_bytes("data", "x", data, digest).outcome for data in (b"abc", None, b"abd")]
    assert outcomes == ["ok", "absent", "FAILED"]


def release(**changed: Any) -> Release:
    content: dict[str, Any] = {
        "model": "churn",
        "number": 1,
        **dict.fromkeys(("training_slice", "parameters", "code", "lock", "artifact"), DIGEST),
        "data": {
            **dict.fromkeys(("source", "rows", "train", "holdout"), DIGEST),
            "row_count": 10,
            "holdout_count": 2,
        },
        "champion": {"candidate": "c", "estimator": "e", "metric": "roc_auc", "score": 0.8},
        "artifact_bytes": 5,
        "metrics": {"roc_auc": 0.83},
        "verdicts": [],
        "looks": 1,
        **changed,
    }
    built = msgspec.convert(content, type=Release)
    return replace(built, digest=built.computed_digest())


def test_release_records() -> None:
    record = release()
    assert verification.release_proof(record, record.digest).outcome == "ok"
    edited = replace(record, metrics={"roc_auc": 0.93})
    assert "edited" in verification.release_proof(edited, record.digest).detail
    assert verification.release_proof(release(code=OTHER), record.digest).outcome == "FAILED"


def test_a_release_and_its_pipelines_records() -> None:
    record = release()
    package, gates = {"artifact": DIGEST}, {"metrics": {"roc_auc": 0.83, "brier": None}}
    assert verification.measured_proof(record, package, gates).outcome == "ok"
    assert "artifact" in verification.measured_proof(record, {}, gates).detail
    assert "metrics" in verification.measured_proof(record, package, {}).detail


def test_a_release_lists_the_verdicts_of_its_pipeline() -> None:
    """And `insufficient` for a gate that was silent; what the deployed release was compared with is apart."""
    said = [{"gate": "quality.roc_auc", "outcome": "fail", "value": 0.83, "bound": 0.9}]
    silent = {"gate": "size", "outcome": "insufficient", "detail": "the gate is declared and gave no verdict"}
    compared = {"gate": "non_inferiority.roc_auc", "outcome": "pass"}
    package, gates = {"artifact": DIGEST}, {"metrics": {"roc_auc": 0.83}, "verdicts": said}
    honest = release(verdicts=[*said, silent, compared])
    assert verification.measured_proof(honest, package, gates).outcome == "ok"
    passed = {**said[0], "outcome": "pass"}
    for lying in ([passed, silent], [silent], [], [*said, {**silent, "outcome": "pass"}]):
        assert "verdicts" in verification.measured_proof(release(verdicts=lying), package, gates).detail


def test_a_release_and_its_declaration() -> None:
    outcomes = [verification.declared_proof(release(), each).outcome for each in (DIGEST, OTHER, None)]
    assert outcomes == ["ok", "FAILED", "absent"]


def test_a_lock_agrees_with_itself_and_with_what_lies_beside_it() -> None:
    md5 = verification.md5_of(b"{}")
    lock: dict[str, Any] = {
        "split": {"outs": [{"path": "train", "md5": "1"}]},
        "gate": {"deps": [{"path": "train", "md5": "1"}, {"path": "../../x.py", "md5": "9"}]},
        "last": {"outs": [{"path": "gates.json", "md5": md5}]},
    }
    proof = verification.lock_proof("dvc.lock", lock, {"gates.json": b"{}", "dvc.yaml": b""})
    assert (proof.outcome, proof.detail) == ("ok", "3 stages and 1 outputs agree")
    proof = verification.lock_proof("dvc.lock", lock, {"gates.json": b"[]"})
    assert (proof.link, proof.outcome) == ("lock", "FAILED")
    assert proof.detail == "gates.json is not what its stage made"
    lock["gate"]["deps"][0]["md5"] = "2"
    assert "read another train" in verification.lock_proof("dvc.lock", lock, {}).detail


def test_manifests_are_the_recorded_ones() -> None:
    files = {"staging/churn/x.yaml": b"x", "staging/churn/y.yaml": b"y"}
    recorded, whole = {"staging/churn": files_digest(files)}, files_digest(files)
    outcomes = [each.outcome for each in verification.rendered_proofs("HEAD", recorded, files, whole)]
    assert outcomes == ["ok", "ok"]
    altered = {**files, "staging/churn/x.yaml": b"z", "staging/churn-two/x.yaml": b""}
    proofs = verification.rendered_proofs("HEAD", recorded, altered, whole)
    assert [(each.outcome, each.what) for each in proofs] == [
        ("FAILED", "staging/churn in HEAD"),
        ("FAILED", "staging/churn-two/x.yaml in HEAD"),
        ("FAILED", "all of HEAD"),
    ]
    assert verification.rendered_proofs("HEAD", recorded, {}, whole)[0].outcome == "FAILED"


def test_differing_files() -> None:
    assert verification.differing({"a": b"1", "b": b"2"}, {"b": b"3", "c": b""}) == ("a", "b", "c")


def decision(of: Transition, **changed: Any) -> Decision:
    return Decision(
        transition=of, **{"action": "deploy", "approved": True, "reason": Reason.APPROVED, **changed}
    )


REFUSED: dict[str, Any] = {"approved": False, "reason": Reason.SELF_APPROVAL, "missing": {"reviewer": 1}}


@pytest.mark.parametrize(
    ("recorded", "computed", "said"),
    [
        ([decision(transition())], [decision(transition())], ""),
        ([decision(transition())], [], "does not follow"),
        ([], [decision(transition())], "approved but not recorded: staging/churn"),
        ([], [decision(transition(), **REFUSED)], ""),
        ([decision(transition())], [decision(transition(), **REFUSED)], "other approved, reason, missing"),
        ([decision(transition(), contributors=("a",))], [decision(transition())], "other contributors"),
        ([decision(transition(), **REFUSED)], [decision(transition())], ""),
        ([decision(transition(), **REFUSED, files=DIGEST)], [decision(transition())], "other files"),
    ],
)
def test_judging_again(recorded: list[Decision], computed: list[Decision], said: str) -> None:
    proof = verification.judged_proof("entry 1", recorded, computed)
    assert proof.outcome == ("FAILED" if said else "ok")
    assert said in proof.detail


def test_a_tally() -> None:
    proofs = [verification.ok("data", "x"), verification.absent("data", "y", "z")]
    assert verification.tally(proofs) == {"ok": 1, "absent": 1, "FAILED": 0}
