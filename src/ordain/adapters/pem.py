"""Keys that sign models, from PEM files."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ordain.adapters.files import read_bytes
from ordain.core.artifacts.model_signature import HASHES
from ordain.errors import UserError

LIMIT = 2**16


def model_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A private key on a NIST curve, as OpenSSF model-signing takes it.

    Raises:
        UserError: when the file is none, or the key is of another kind or needs a pass phrase.
    """
    # A mounted Secret is a symlink, so it is resolved first.
    data = read_bytes(path.resolve(), LIMIT)
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:
        raise _unusable(path, "it needs a pass phrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable(path, "it is not a private key in PEM form") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in HASHES:
        raise _unusable(path, "it is not on the curve P-256, P-384 or P-521")
    return key


def _unusable(path: Path, why: str) -> UserError:
    return UserError(
        f"this key can't sign models: {why}",
        where=str(path),
        fix="make one: openssl ecparam -name prime256v1 -genkey -noout -out model-key.pem",
    )
