"""in-toto statements in DSSE envelopes, signed with SSH keys (docs/attestations.md, ADR 0003)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from ordain.core.canonical import canonical_bytes
from ordain.core.evidence import sshsig
from ordain.core.value import Value

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
APPROVAL_TYPE = "https://ordain.dev/approval/v1"
DECISION_TYPE = "https://ordain.dev/decision/v1"
REQUEST_TYPE = "https://ordain.dev/request/v1"
APPROVAL_NAMESPACE = "approval@ordain.dev"
LEDGER_NAMESPACE = "ledger@ordain.dev"
REQUEST_NAMESPACE = "request@ordain.dev"

# Turns the pre-authentication encoding into the bytes of an SSH signature.
Signer = Callable[[bytes], bytes]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what is read from outside: nothing unknown beside what is known."""


class Signature(Strict, frozen=True, kw_only=True):
    """One signature of an envelope: base64 of the SSH signature, and the key's fingerprint."""

    keyid: str
    sig: str


class Envelope(Strict, frozen=True, kw_only=True):
    """A DSSE envelope. `payload` is base64."""

    payload_type: Literal["application/vnd.in-toto+json"] = msgspec.field(name="payloadType")
    payload: str
    signatures: tuple[Signature]


class Subject(Strict, frozen=True, kw_only=True):
    """What a statement is about: a name and `{"sha256": <hex>}`."""

    name: str
    digest: dict[Literal["sha256"], str]


class Statement(Strict, frozen=True, kw_only=True):
    """An in-toto statement."""

    type: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: tuple[Subject, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: dict[str, Any]


class Opened(Value, frozen=True, kw_only=True):
    """A statement and the key that provably signed it."""

    statement: Statement
    key: sshsig.PublicKey


class StatementError(ValueError):
    """Not an envelope around a statement."""


def pae(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding of an in-toto payload: what is signed."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def statement(kind: str, subjects: Mapping[str, str], predicate: Mapping[str, Any]) -> dict[str, Any]:
    """A statement of a predicate type over named `sha256:…` digests."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": each.removeprefix("sha256:")}}
            for name, each in subjects.items()
        ],
        "predicateType": kind,
        "predicate": dict(predicate),
    }


def seal(content: Mapping[str, Any], sign: Signer) -> dict[str, Any]:
    """The envelope of a statement.

    Raises:
        SignatureError: when what `sign` returns is no SSH signature at all.
    """
    payload = canonical_bytes(content)
    signature = sign(pae(payload))
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {"keyid": sshsig.signer(signature).fingerprint, "sig": base64.b64encode(signature).decode()}
        ],
    }


def to_bytes(envelope: Mapping[str, Any]) -> bytes:
    """An envelope as the bytes that are stored and hashed."""
    return json.dumps(envelope, indent=2, sort_keys=True).encode() + b"\n"


def peek(envelope: bytes | Mapping[str, Any]) -> Statement:
    """The statement, its signature unchecked: good only to see whether checking is worth while.

    Raises:
        StatementError: when there is no statement inside.
    """
    return _statement(_payload(_envelope(envelope)))


def open_envelope(envelope: bytes | Mapping[str, Any], namespace: str) -> Opened:
    """The statement and the key that signed it in this namespace.

    Raises:
        StatementError: when there is no statement inside.
        SignatureError: when the signature does not hold or the key is not the one it names.
    """
    found = _envelope(envelope)
    payload = _payload(found)
    content = _statement(payload)
    key = sshsig.verify(_decoded(found.signatures[0].sig), namespace, pae(payload))
    if key.fingerprint != found.signatures[0].keyid:
        raise sshsig.SignatureError("the envelope names another key than the one that signed")
    return Opened(statement=content, key=key)


def signer_of(envelope: bytes, namespace: str) -> tuple[str | None, str]:
    """The fingerprint of the key that provably signed, else None and why the signature does not hold."""
    try:
        return open_envelope(envelope, namespace).key.fingerprint, ""
    except (StatementError, sshsig.SignatureError) as error:
        return None, str(error)


def _envelope(envelope: bytes | Mapping[str, Any]) -> Envelope:
    try:
        if isinstance(envelope, bytes):
            return msgspec.json.decode(envelope, type=Envelope)
        return msgspec.convert(envelope, type=Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StatementError(f"not a DSSE envelope: {error}") from error


def _statement(payload: bytes) -> Statement:
    try:
        return msgspec.json.decode(payload, type=Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StatementError(f"not an in-toto statement: {error}") from error


def _payload(envelope: Envelope) -> bytes:
    return _decoded(envelope.payload)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise StatementError("not base64") from error
