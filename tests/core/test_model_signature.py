from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ordain.core.artifacts.model_signature import HASHES, hint_of, sign_model
from ordain.core.evidence.attestation import pae

FILES = {"model.onnx": b"a", "signature.json": b"c", "profile.json": b"b"}


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_signature_names_every_file_and_is_the_same_each_time(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    signature = sign_model("churn", FILES, key)
    assert sign_model("churn", dict(reversed(FILES.items())), key) == signature
    bundle = json.loads(signature)
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    raw = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    key.public_key().verify(raw, pae(payload), ec.ECDSA(HASHES[curve.name]))
    assert bundle["verificationMaterial"]["publicKey"]["hint"] == hint_of(key.public_key())
    content = json.loads(payload)
    assert [each["name"] for each in content["predicate"]["resources"]] == sorted(FILES)
    # The digest of the subject as OpenSSF's own tool gives it for files `a`, `b`, `c` in this order.
    assert content["subject"][0]["digest"]["sha256"].startswith("3a050f1d08fb8581d3d72ae727651e98")
