"""Signatures of models in the form of OpenSSF model-signing, which its own `model_signing verify` reads.

A Sigstore bundle (v0.3) around a DSSE envelope around an in-toto statement that names every file of the
model. The statement speaks of files, so it holds for an extracted artifact wherever it lies.

Formats: model-signing specification v1.0 (method `files`, key on a NIST curve); DSSE v1.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ordain.core.canonical import PREFIX, bytes_digest, canonical_bytes
from ordain.core.evidence.attestation import PAYLOAD_TYPE, pae, statement

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}


def sign_model(name: str, files: Mapping[str, bytes], key: ec.EllipticCurvePrivateKey) -> bytes:
    """The signature of a model's files. The same arguments give the same bytes (RFC 6979).

    Args:
        name: the model's. files: bytes by name. key: on one of the curves of `HASHES`.
    """
    payload = canonical_bytes(_statement(name, files))
    scheme = ec.ECDSA(HASHES[key.curve.name], deterministic_signing=True)
    signature = key.sign(pae(payload), scheme)
    return canonical_bytes(
        {
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": {"publicKey": {"hint": hint_of(key.public_key())}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
    )


def hint_of(key: ec.EllipticCurvePublicKey) -> str:
    """By which the format names a key: SHA-256 over its PEM form."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.PEM, form)).hexdigest()


def _statement(name: str, files: Mapping[str, bytes]) -> dict[str, object]:
    digests = {each: bytes_digest(files[each]).removeprefix(PREFIX) for each in sorted(files)}
    # The subject is one digest over the files' raw digests, in order of their names.
    root = bytes_digest(b"".join(bytes.fromhex(each) for each in digests.values()))
    predicate = {
        "serialization": {
            "method": "files",
            "hash_type": "sha256",
            "allow_symlinks": False,
            "ignore_paths": [],
        },
        "resources": [
            {"name": each, "algorithm": "sha256", "digest": digest} for each, digest in digests.items()
        ],
    }
    return statement(PREDICATE_TYPE, {name: root}, predicate)
