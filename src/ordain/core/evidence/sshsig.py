"""SSH signatures (SSHSIG, as `ssh-keygen -Y sign` makes them), checked in process.

Reads OpenSSH's PROTOCOL.sshsig and the key formats that a policy may name: Ed25519, ECDSA on the NIST
curves, RSA from 2048 bits, and the FIDO variants of the first two. Anything else, trailing bytes
included, is an invalid signature, never a guess.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import lru_cache

from cryptography.exceptions import InvalidSignature as Unverified
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from ordain.core.value import Value

MAGIC = b"SSHSIG"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
CURVES: dict[bytes, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    b"nistp256": (ec.SECP256R1(), hashes.SHA256()),
    b"nistp384": (ec.SECP384R1(), hashes.SHA384()),
    b"nistp521": (ec.SECP521R1(), hashes.SHA512()),
}
RSA_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    b"rsa-sha2-256": hashes.SHA256(),
    b"rsa-sha2-512": hashes.SHA512(),
}
MIN_RSA_BITS = 2048
USER_PRESENT = 0x01
UNCOMPRESSED = b"\x04"


class SignatureError(ValueError):
    """Not a signature by the key it names, in the namespace asked for, over these bytes."""


class PublicKey(Value, frozen=True, kw_only=True):
    """A public key as SSH encodes it."""

    blob: bytes

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` as `ssh-keygen -l` prints it."""
        return _fingerprint(self.blob)

    @property
    def text(self) -> str:
        """Key type and base64, as in `authorized_keys`."""
        kind = _Reader(self.blob).string().decode("ascii")
        return f"{kind} {base64.b64encode(self.blob).decode()}"


@lru_cache(maxsize=1024)
def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


class _Reader:
    """Consumes SSH wire encoding from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """That many bytes."""
        start, self._at = self._at, self._at + count
        if len(self._data) < self._at:
            raise SignatureError("the data ends too early")
        return self._data[start : self._at]

    def number(self) -> int:
        """An unsigned 32-bit number."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """A length and that many bytes."""
        return self.take(self.number())

    def mpint(self) -> int:
        """A positive integer of any size."""
        data = self.string()
        number = int.from_bytes(data, "big", signed=True)
        if number <= 0:
            raise SignatureError("a number that must be positive is not")
        # One key, one encoding, one fingerprint: else a key listed twice could pass for two people's.
        if len(data) != number.bit_length() // 8 + 1:
            raise SignatureError("a number is written longer than it is")
        return number

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._data):
            raise SignatureError("there are bytes after the end")


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def parse_key(text: str) -> PublicKey:
    """A public key from `type base64 [comment]`.

    Raises:
        ValueError: when it is none, or of a kind that is not supported.
    """
    words = text.split()
    if len(words) < 2:
        raise SignatureError("a public key has a type and a base64 body")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except ValueError as error:  # binascii.Error, or characters beyond ASCII
        raise SignatureError("the body of the key is not base64") from error
    if _Reader(blob).string() != words[0].encode("utf-8", "replace"):
        raise SignatureError("the key is not of the type that it names")
    _verifier(blob)
    return PublicKey(blob=blob)


def armor(blob: bytes) -> str:
    """A signature in the form of `ssh-keygen`'s `.sig` files."""
    body = base64.b64encode(blob).decode()
    lines = [body[i : i + 70] for i in range(0, len(body), 70)]
    return "\n".join([BEGIN, *lines, END, ""])


def dearmor(text: str) -> bytes:
    """The bytes of a signature in that form.

    Raises:
        SignatureError: when the frame or the base64 is not exactly as OpenSSH writes it.
    """
    lines = text.strip().split("\n")
    if len(lines) < 3 or lines[0] != BEGIN or lines[-1] != END:
        raise SignatureError("not an SSH signature")
    try:
        return base64.b64decode("".join(lines[1:-1]), validate=True)
    except ValueError as error:
        raise SignatureError("the signature is not base64") from error


def verify(signature: bytes, namespace: str, message: bytes) -> PublicKey:
    """The key that made this signature, after checking that it did.

    Args:
        signature: the bytes of `dearmor`.
        namespace: what the signature must have been made for.
        message: the signed bytes.

    Raises:
        SignatureError: for any other namespace, message or format. Whether the key is trusted is
            the caller's question.
    """
    reader = _Reader(signature)
    if reader.take(len(MAGIC)) != MAGIC or reader.number() != 1:
        raise SignatureError("not an SSH signature of version 1")
    blob, found, reserved, algorithm, inner = (reader.string() for _ in range(5))
    reader.end()
    if found != namespace.encode() or not found:
        raise SignatureError(f"made for the namespace {found[:60]!r}, not for {namespace!r}")
    if algorithm not in {b"sha256", b"sha512"} or reserved:
        raise SignatureError("an unknown hash algorithm or a filled reserved field")
    hashed = hashlib.new(algorithm.decode(), message).digest()
    signed = MAGIC + b"".join(map(_string, (found, reserved, algorithm, hashed)))
    _verifier(blob)(inner, signed)
    return PublicKey(blob=blob)


def signer(signature: bytes) -> PublicKey:
    """The key that a signature names, the signature itself unchecked.

    Raises:
        SignatureError: when these bytes are no SSH signature.
    """
    reader = _Reader(signature)
    if reader.take(len(MAGIC)) != MAGIC or reader.number() != 1:
        raise SignatureError("not an SSH signature of version 1")
    return PublicKey(blob=reader.string())


class _Ed25519:
    """Ed25519, plain or in a FIDO token."""

    def __init__(self, reader: _Reader, kind: bytes) -> None:
        self._kind = kind
        self._key = ed25519.Ed25519PublicKey.from_public_bytes(reader.string())
        self._token = _Token(reader) if kind.startswith(b"sk-") else None
        reader.end()

    def __call__(self, inner: bytes, message: bytes) -> None:
        reader = _opened(inner, {self._kind})
        raw = reader.string()
        message = self._token.covered(reader, message) if self._token else message
        reader.end()
        _checked(lambda: self._key.verify(raw, message))


class _Ecdsa:
    """ECDSA on a NIST curve, plain or in a FIDO token (P-256 only)."""

    def __init__(self, reader: _Reader, kind: bytes) -> None:
        self._kind = kind
        name = reader.string()
        if name not in CURVES or name not in kind:
            raise SignatureError("an unknown curve")
        curve, self._hash = CURVES[name]
        point = reader.string()
        if not point.startswith(UNCOMPRESSED):
            raise SignatureError("a point of a curve must be written out in full")
        self._key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        self._token = _Token(reader) if kind.startswith(b"sk-") else None
        reader.end()

    def __call__(self, inner: bytes, message: bytes) -> None:
        reader = _opened(inner, {self._kind})
        pair = _Reader(reader.string())
        raw = utils.encode_dss_signature(pair.mpint(), pair.mpint())
        pair.end()
        message = self._token.covered(reader, message) if self._token else message
        reader.end()
        _checked(lambda: self._key.verify(raw, message, ec.ECDSA(self._hash)))


class _Rsa:
    """RSA with PKCS#1 v1.5 and SHA-2."""

    def __init__(self, reader: _Reader, kind: bytes) -> None:
        exponent, modulus = reader.mpint(), reader.mpint()
        reader.end()
        if modulus.bit_length() < MIN_RSA_BITS:
            raise SignatureError(f"an RSA key needs at least {MIN_RSA_BITS} bits")
        self._key = rsa.RSAPublicNumbers(exponent, modulus).public_key()

    def __call__(self, inner: bytes, message: bytes) -> None:
        algorithm = _Reader(inner).string()
        reader = _opened(inner, set(RSA_HASHES))
        raw = reader.string()
        reader.end()
        _checked(lambda: self._key.verify(raw, message, padding.PKCS1v15(), RSA_HASHES[algorithm]))


class _Token:
    """What a FIDO token signs: its application, flags and counter around the message's hash."""

    def __init__(self, reader: _Reader) -> None:
        self._application = hashlib.sha256(reader.string()).digest()

    def covered(self, reader: _Reader, message: bytes) -> bytes:
        """The bytes that the token signed; somebody must have touched it."""
        flags, counter = reader.take(1), reader.take(4)
        if not flags[0] & USER_PRESENT:
            raise SignatureError("nobody touched the token")
        return self._application + flags + counter + hashlib.sha256(message).digest()


KINDS: dict[bytes, type[_Ed25519 | _Ecdsa | _Rsa]] = {
    b"ssh-ed25519": _Ed25519,
    b"sk-ssh-ed25519@openssh.com": _Ed25519,
    b"ecdsa-sha2-nistp256": _Ecdsa,
    b"ecdsa-sha2-nistp384": _Ecdsa,
    b"ecdsa-sha2-nistp521": _Ecdsa,
    b"sk-ecdsa-sha2-nistp256@openssh.com": _Ecdsa,
    b"ssh-rsa": _Rsa,
}


@lru_cache(maxsize=1024)
def _verifier(blob: bytes) -> _Ed25519 | _Ecdsa | _Rsa:
    reader = _Reader(blob)
    kind = reader.string()
    if kind not in KINDS:
        raise SignatureError(f"keys of the kind {kind[:60]!r} are not supported")
    try:
        return KINDS[kind](reader, kind)
    except SignatureError:
        raise
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(f"not a public key: {error}") from error


def _opened(inner: bytes, kinds: set[bytes]) -> _Reader:
    reader = _Reader(inner)
    if reader.string() not in kinds:
        raise SignatureError("the signature is not of the key's kind")
    return reader


def _checked(check: Callable[[], None]) -> None:
    try:
        check()
    except Unverified as error:
        raise SignatureError("the signature does not match what it should cover") from error
