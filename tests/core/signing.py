"""SSH keys and signatures made in process, so that thousands of tests need no `ssh-keygen`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from ordain.core.evidence import attestation
from ordain.core.evidence.sshsig import MAGIC, PublicKey


def string(data: bytes) -> bytes:
    """SSH's encoding of bytes."""
    return len(data).to_bytes(4, "big") + data


def mpint(number: int) -> bytes:
    """SSH's encoding of a positive number."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def public(blob: bytes, kind: str) -> str:
    """The line of a `.pub` file."""
    return f"{kind} {base64.b64encode(blob).decode()} somebody@x.example"


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of an SSHSIG blob, each of which a test may replace."""

    key: bytes
    inner: bytes
    namespace: bytes = b"test"
    reserved: bytes = b""
    algorithm: bytes = b"sha512"
    magic: bytes = MAGIC
    version: int = 1
    rest: bytes = b""

    def blob(self) -> bytes:
        """The whole."""
        fields = (self.key, self.namespace, self.reserved, self.algorithm, self.inner)
        return self.magic + self.version.to_bytes(4, "big") + b"".join(map(string, fields)) + self.rest


def covered(message: bytes, namespace: bytes = b"test", algorithm: str = "sha512") -> bytes:
    """What a signature of a message is made over."""
    hashed = hashlib.new(algorithm, message).digest()
    return MAGIC + b"".join(map(string, (namespace, b"", algorithm.encode(), hashed)))


class Person:
    """Somebody with an Ed25519 key, made from a number so that each run has the same."""

    def __init__(self, number: int) -> None:
        self.private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        raw = self.private.public_key().public_bytes_raw()
        self.key = PublicKey(blob=string(b"ssh-ed25519") + string(raw))

    def sign(self, message: bytes, namespace: str = "test") -> bytes:
        """An SSH signature."""
        raw = self.private.sign(covered(message, namespace.encode()))
        inner = string(b"ssh-ed25519") + string(raw)
        return Signed(key=self.key.blob, inner=inner, namespace=namespace.encode()).blob()

    def signer(self, namespace: str) -> attestation.Signer:
        """A function that signs for one purpose."""
        return lambda message: self.sign(message, namespace)


class Token:
    """A FIDO token in software: what `ssh-keygen` would ask the hardware for.

    Args:
        kind: `sk-ssh-ed25519@openssh.com` or `sk-ecdsa-sha2-nistp256@openssh.com`.
    """

    application = b"ssh:"

    def __init__(self, kind: str) -> None:
        self.kind = kind.encode()
        self._raw: Callable[[bytes], bytes]
        if "ed25519" in kind:
            private = ed25519.Ed25519PrivateKey.from_private_bytes(b"t" * 32)
            body = string(private.public_key().public_bytes_raw())
            self._raw = private.sign
        else:
            curve = ec.derive_private_key(12345, ec.SECP256R1())
            numbers = curve.public_key().public_numbers()
            point = b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
            body = string(b"nistp256") + string(point)

            def pair(message: bytes) -> bytes:
                found = utils.decode_dss_signature(curve.sign(message, ec.ECDSA(hashes.SHA256())))
                return b"".join(map(mpint, found))

            self._raw = pair
        self.blob = string(self.kind) + body + string(self.application)

    def sign(self, message: bytes, flags: int = 1, rest: bytes = b"") -> bytes:
        """An SSH signature of the namespace `test`; `flags` says whether somebody touched the token."""
        outer = bytes([flags]) + (7).to_bytes(4, "big")
        told = hashlib.sha256(self.application).digest() + outer + hashlib.sha256(covered(message)).digest()
        inner = string(self.kind) + string(self._raw(told)) + outer + rest
        return Signed(key=self.blob, inner=inner).blob()
