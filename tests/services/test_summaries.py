"""Verification summaries as other tools read them: in-toto's own definitions, and `ssh-keygen`."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from google.protobuf import json_format
from in_toto_attestation.predicates.vsa.v1 import vsa_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from ordain.adapters.git import Repository
from ordain.cli.main import ordain
from ordain.core.approvals.summary import SUMMARY_NAMESPACE, SUMMARY_TYPE
from ordain.core.decisions import Entry
from ordain.core.evidence.attestation import pae
from ordain.core.ledger import ledger
from ordain.services.judging.clone import open_clone
from ordain.services.proofs.verify_ledger import entry_proofs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.world import World


@pytest.fixture
def told(running: World) -> World:
    """churn@1 approved for staging and refused for production; then retired."""
    running.merge(running.promote("dana").branch)
    running.reconcile()
    where = running.branch("dana", "retire")
    for name in ("staging", "production"):
        running.edit(where, f"environments/{name}.yaml", lambda value: value.update(models={}))
    running.commit("dana", "Retire churn")
    running.deploy(running.push("dana"), "ravi")
    running.branch("ada", "look")
    return running


def printed(world: World, *words: str) -> list[dict[str, Any]]:
    ran = CliRunner().invoke(ordain, ["audit", "--format", "vsa", "-C", str(world.enter("ada")), *words])
    assert ran.exit_code == 0, ran.output
    return [json.loads(line) for line in ran.output.splitlines()]


def read(envelope: dict[str, Any]) -> tuple[Any, Any]:
    """Statement and predicate, as in-toto's protobuf definitions read them; no unknown field is let by.

    Those definitions (0.9.3) have one level; SLSA's specification has a list, and is what counts.
    """
    payload = base64.b64decode(envelope["payload"])
    statement = Statement.copy_from_pb(json_format.Parse(payload, statement_pb2.Statement()))
    statement.validate()
    predicate = json.loads(payload)["predicate"]
    (level, *_) = predicate.pop("verifiedLevels")
    predicate["verifiedLevels"] = level
    return statement.pb, json_format.ParseDict(predicate, vsa_pb2.VerificationSummary())


def test_in_toto_reads_each_of_them(told: World) -> None:
    found = [read(each) for each in printed(told)]
    assert {statement.predicate_type for statement, _ in found} == {SUMMARY_TYPE}
    assert [(each.resource_uri.split("/", 4)[4], each.verification_result) for _, each in found] == [
        ("main/staging/churn", "PASSED"),
        ("main/production/churn", "FAILED"),
        ("main/staging/churn", "PASSED"),
    ]
    first, summary = found[0]
    (decision,) = (each for each in entries(told)[0].decisions if each.release)
    assert decision.release is not None
    assert first.subject[0].digest["sha256"] == decision.release.artifact.removeprefix("sha256:")
    assert len(summary.input_attestations) == len(decision.approvals) == 1
    assert summary.verifier.id == "ordain://local/test/collectors"
    assert summary.slsa_version == "1.2"


def entries(world: World) -> list[Entry]:
    return [ledger.decode(data) for _, data in sorted(world.ledger().items())]


def test_ssh_keygen_accepts_the_signature(told: World, tmp_path: Path) -> None:
    (envelope, *_) = printed(told)
    (tmp_path / "signers").write_text(f"collector {told.public('collector')}\n")
    (tmp_path / "sig").write_bytes(armoured(base64.b64decode(envelope["signatures"][0]["sig"])))
    words = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "collector", "-n", SUMMARY_NAMESPACE,
             "-s", "sig"]  # fmt: skip
    for data, code in ((pae(base64.b64decode(envelope["payload"])), 0), (b"other", 255)):
        done = subprocess.run(words, cwd=tmp_path, input=data, capture_output=True, check=False)
        assert done.returncode == code, done.stderr


def armoured(signature: bytes) -> bytes:
    """OpenSSH's text form of a signature, whichever form it is in."""
    if signature.startswith(b"-----BEGIN"):
        return signature
    body = base64.encodebytes(signature)
    return b"-----BEGIN SSH SIGNATURE-----\n" + body + b"-----END SSH SIGNATURE-----\n"


def test_one_environment_and_one_time(told: World) -> None:
    assert len(printed(told, "--env", "production")) == 1
    assert printed(told, "--at", "2026-11-23") == []
    assert len(printed(told, "--at", "2026-11-25")) == 3


def test_verify_proves_them(told: World) -> None:
    clone = open_clone(told.enter("ada"))
    proofs = [each for each in entry_proofs(clone, clone.records) if "summaries" in each.what]
    assert len(proofs) == 3
    assert all(each.outcome != "FAILED" for each in proofs)


def test_a_collector_that_lies_in_one_is_named(running: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain and every signature hold: only computing the summary again tells."""
    from ordain.core.approvals.summary import summaries

    def lie(entry: Entry, sign: Any) -> Any:
        from msgspec.structs import replace

        turned = tuple(replace(each, approved=True) for each in entry.decisions)
        return summaries(replace(entry, decisions=turned), sign)

    monkeypatch.setattr("ordain.services.reconciling.reconcile.summaries", lie)
    running.merge(running.promote("dana").branch)
    running.reconcile()
    running.branch("ada", "look")
    clone = open_clone(running.enter("ada"))
    (wrong,) = (each for each in entry_proofs(clone, clone.records) if each.outcome == "FAILED")
    assert "otherwise than the decision" in wrong.detail
    ran = CliRunner().invoke(ordain, ["audit", "--format", "vsa", "-C", str(running.enter("ada"))])
    assert ran.exit_code != 0
    assert Repository(running.origin).find("main") == clone.commit
