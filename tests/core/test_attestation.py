"""Statements in envelopes: strict to read, exact to sign, and checkable without Ordain."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.evidence import attestation
from ordain.core.evidence.attestation import (
    StatementError,
    open_envelope,
    pae,
    peek,
    seal,
    statement,
    to_bytes,
)
from ordain.core.evidence.sshsig import SignatureError, armor, dearmor
from tests.core.signing import Person

NAMESPACE = attestation.APPROVAL_NAMESPACE
CONTENT = statement(attestation.APPROVAL_TYPE, {"a/b": "sha256:" + "0" * 64}, {"key": ["é", 1, None]})
ADA, RAVI = Person(1), Person(2)
SEALED = seal(CONTENT, ADA.signer(NAMESPACE))


def changed(**fields: Any) -> dict[str, Any]:
    return {**SEALED, **fields}


def around(payload: bytes) -> dict[str, Any]:
    return changed(payload=base64.b64encode(payload).decode())


def refused(envelope: bytes | dict[str, Any]) -> None:
    for read in (peek, lambda each: open_envelope(each, NAMESPACE)):
        with pytest.raises(StatementError):
            read(envelope)


def test_the_encoding_that_is_signed_is_that_of_dsse() -> None:
    """The example of DSSE's own protocol document, with our payload type."""
    assert pae(b"hello world") == b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"
    assert pae(b"") == b"DSSEv1 28 application/vnd.in-toto+json 0 "


@settings(max_examples=100, deadline=None)
@given(one=st.binary(max_size=50), two=st.binary(max_size=50))
def test_no_two_payloads_are_encoded_alike(one: bytes, two: bytes) -> None:
    assert (pae(one) == pae(two)) == (one == two)


def test_what_is_sealed_is_opened() -> None:
    for envelope in (SEALED, to_bytes(SEALED)):
        opened = open_envelope(envelope, NAMESPACE)
        assert opened.key == ADA.key
        assert opened.statement == peek(envelope)
        assert opened.statement.predicate == {"key": ["é", 1, None]}
        assert [(each.name, each.digest) for each in opened.statement.subject] == [
            ("a/b", {"sha256": "0" * 64})
        ]
    assert to_bytes(SEALED) == to_bytes(json.loads(to_bytes(SEALED)))


def test_only_what_is_an_ssh_signature_is_sealed() -> None:
    with pytest.raises(SignatureError):
        seal(CONTENT, lambda _: b"nonsense")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_ssh_keygen_signs_and_verifies_envelopes(kind: str, tmp_path: Path) -> None:
    run = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "who", "-f", str(tmp_path / "key")]
    subprocess.run(run, check=True)

    def sign(message: bytes) -> bytes:
        words = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(tmp_path / "key"), "-n", NAMESPACE]
        done = subprocess.run(words, input=message, check=True, capture_output=True)
        return dearmor(done.stdout.decode())

    envelope = seal(CONTENT, sign)
    opened = open_envelope(envelope, NAMESPACE)
    assert opened.key.text == " ".join((tmp_path / "key.pub").read_text().split()[:2])
    (tmp_path / "signers").write_text(f"who@x.example {opened.key.text}\n")
    (tmp_path / "sig").write_text(armor(base64.b64decode(envelope["signatures"][0]["sig"])))
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "signers"), "-I", "who@x.example"]
    verify += ["-s", str(tmp_path / "sig")]
    message = pae(base64.b64decode(envelope["payload"]))
    for namespace, code in ((NAMESPACE, 0), (attestation.LEDGER_NAMESPACE, 255)):
        done = subprocess.run([*verify, "-n", namespace], input=message, capture_output=True, check=False)
        assert done.returncode == code


def test_another_namespace_payload_or_key_does_not_hold() -> None:
    (signature,) = SEALED["signatures"]
    other = seal({**CONTENT, "predicate": {}}, ADA.signer(NAMESPACE))
    cases = [
        (SEALED, attestation.LEDGER_NAMESPACE),
        (changed(payload=other["payload"]), NAMESPACE),
        (changed(signatures=other["signatures"]), NAMESPACE),
        (changed(signatures=[{**signature, "keyid": RAVI.key.fingerprint}]), NAMESPACE),
        (changed(signatures=[{**signature, "keyid": ""}]), NAMESPACE),
        (changed(signatures=[{**signature, "sig": ""}]), NAMESPACE),
    ]
    for envelope, namespace in cases:
        assert peek(envelope)
        with pytest.raises(SignatureError):
            open_envelope(envelope, namespace)


def test_a_signature_that_is_no_base64_is_no_envelope() -> None:
    for text in ("!", "é", "A"):
        with pytest.raises(StatementError):
            open_envelope(changed(signatures=[{"keyid": "", "sig": text}]), NAMESPACE)


@pytest.mark.parametrize(
    "envelope",
    [
        b"", b"\xff", b"null", b"[]", b"{}", b"[" * 100_000, b'{"payload": ' * 20_000, to_bytes(SEALED)[:-3],
        to_bytes(SEALED) + b"x", to_bytes(SEALED) * 2, {}, changed(extra=1),
        changed(payloadType="text/plain"),
        changed(payload=1), changed(payload="!"), changed(payload="é"), changed(payload="A"),
        changed(signatures=[]),
        changed(signatures=SEALED["signatures"] * 2), changed(signatures=[{"sig": ""}]),
        changed(signatures=[{**SEALED["signatures"][0], "cert": "x"}]),
    ],
    ids=lambda each: repr(each)[:40],
)  # fmt: skip
def test_what_is_no_envelope_is_refused(envelope: bytes | dict[str, Any]) -> None:
    refused(envelope)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\xff\xfe", b"{}", b"[" * 100_000, b'"\\ud800"', json.dumps({**CONTENT, "extra": 1}).encode(),
        json.dumps({**CONTENT, "_type": "https://in-toto.io/Statement/v0.1"}).encode(),
        json.dumps({**CONTENT, "predicate": []}).encode(), json.dumps({**CONTENT, "subject": {}}).encode(),
        json.dumps({**CONTENT, "subject": [{"name": "x", "digest": {"md5": "x"}}]}).encode(),
        json.dumps({**CONTENT, "subject": [{"name": "x", "digest": {}, "uri": "x"}]}).encode(),
        json.dumps(CONTENT).encode("utf-16"), json.dumps(CONTENT).encode() + b"{}",
    ],
    ids=lambda each: repr(each)[:40],
)  # fmt: skip
def test_what_is_no_statement_is_refused(payload: bytes) -> None:
    refused(around(payload))


def test_a_mapping_that_never_ends_is_refused() -> None:
    endless: dict[str, Any] = {}
    for _ in range(100_000):
        endless = {"payload": endless}
    refused(endless)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_give_only_the_modules_errors(data: bytes) -> None:
    refused(data)
    for envelope in (
        around(data),
        changed(signatures=[{"keyid": "", "sig": base64.b64encode(data).decode()}]),
    ):
        with pytest.raises((StatementError, SignatureError)):
            open_envelope(envelope, NAMESPACE)


@settings(max_examples=200, deadline=None)
@given(draw=st.data())
def test_a_changed_byte_never_changes_what_holds(draw: st.DataObject) -> None:
    whole = to_bytes(SEALED)
    at, byte = draw.draw(st.integers(0, len(whole) - 1)), draw.draw(st.integers(0, 255))
    with contextlib.suppress(StatementError, SignatureError):
        opened = open_envelope(whole[:at] + bytes([byte]) + whole[at + 1 :], NAMESPACE)
        assert (opened.statement, opened.key) == (peek(SEALED), ADA.key)
