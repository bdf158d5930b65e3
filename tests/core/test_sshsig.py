"""SSH signatures: what `ssh-keygen` makes and checks is what this module accepts, and nothing else."""

from __future__ import annotations

import base64
import contextlib
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.evidence import sshsig
from ordain.core.evidence.sshsig import PublicKey, SignatureError, armor, dearmor, parse_key, verify
from tests.core.signing import Person, Signed, Token, covered, mpint, public, string

MESSAGE = b"what was signed"
KINDS = ["ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048", "rsa-3072"]
TOKENS = ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"]
P256 = string(b"ecdsa-sha2-nistp256")


@cache
def made(kind: str) -> tuple[str, bytes, str]:
    """A key by `ssh-keygen`, its signature of MESSAGE, and its fingerprint as `ssh-keygen -l` says."""
    with TemporaryDirectory() as folder:
        key, message = Path(folder) / "key", Path(folder) / "message"
        name, _, bits = kind.partition("-")
        size = ["-b", bits] if bits else []
        run = ["ssh-keygen", "-q", "-t", name, *size, "-N", "", "-C", "who", "-f", str(key)]
        subprocess.run(run, check=True)
        message.write_bytes(MESSAGE)
        words = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "test", str(message)]
        subprocess.run(words, check=True, capture_output=True)
        told = subprocess.run(["ssh-keygen", "-l", "-f", str(key)], check=True, capture_output=True)
        pub, sig = key.with_suffix(".pub").read_text(), Path(f"{message}.sig").read_text()
        return pub, dearmor(sig), told.stdout.decode().split()[1]


@cache
def original(kind: str) -> bytes:
    """One signature of MESSAGE by a key or a token of each kind: ECDSA's differ each time."""
    return Token(kind).sign(MESSAGE) if kind in TOKENS else made(kind)[1]


def keygen_accepts(folder: Path, blob: bytes, pub: str, namespace: str = "test") -> bool:
    """What `ssh-keygen -Y verify` says to a signature of MESSAGE."""
    (folder / "signers").write_text(f"who@x.example {pub}\n")
    (folder / "sig").write_text(armor(blob))
    words = ["ssh-keygen", "-Y", "verify", "-f", str(folder / "signers"), "-I", "who@x.example"]
    words += ["-n", namespace, "-s", str(folder / "sig")]
    return subprocess.run(words, input=MESSAGE, capture_output=True, check=False).returncode == 0


def accepts(blob: bytes, namespace: str = "test", message: bytes = MESSAGE) -> bool:
    try:
        verify(blob, namespace, message)
    except SignatureError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_what_ssh_keygen_signs_is_accepted(kind: str) -> None:
    pub, blob, fingerprint = made(kind)
    key = verify(blob, "test", MESSAGE)
    assert key == parse_key(pub) == sshsig.signer(blob)
    assert key.fingerprint == fingerprint
    assert key.text == " ".join(pub.split()[:2])


@pytest.mark.parametrize("kind", KINDS)
def test_another_message_namespace_or_key_is_not(kind: str) -> None:
    _, blob, _ = made(kind)
    assert not accepts(blob, message=MESSAGE + b" ")
    assert not accepts(blob, namespace="git")
    assert not accepts(blob, namespace="")
    other = made("ed25519" if kind != "ed25519" else "ecdsa-256")[1]
    stranger = sshsig.signer(other).blob
    assert not accepts(blob.replace(string(sshsig.signer(blob).blob), string(stranger)))


@pytest.mark.parametrize("kind", TOKENS)
def test_what_a_token_signs_is_accepted_when_it_was_touched(kind: str, tmp_path: Path) -> None:
    token = Token(kind)
    pub = public(token.blob, kind)
    assert verify(token.sign(MESSAGE), "test", MESSAGE) == parse_key(pub)
    assert keygen_accepts(tmp_path, token.sign(MESSAGE), pub)
    for untouched in (0, 4):
        with pytest.raises(SignatureError, match="nobody touched"):
            verify(token.sign(MESSAGE, flags=untouched), "test", MESSAGE)
    for bad in (token.sign(b"other"), token.sign(MESSAGE, rest=b"x")):
        assert not accepts(bad)


@pytest.mark.parametrize("kind", [*KINDS, "person"])
def test_ssh_keygen_agrees_about_changed_signatures(kind: str, tmp_path: Path) -> None:
    """A sample of changed bytes, spread over the blob, each judged by both."""
    person = Person(1)
    pub, blob = made(kind)[:2] if kind != "person" else (person.key.text, person.sign(MESSAGE))
    assert keygen_accepts(tmp_path, blob, pub)
    for at in range(0, len(blob), len(blob) // 6):
        changed = blob[:at] + bytes([blob[at] ^ 0x41]) + blob[at + 1 :]
        assert not accepts(changed), at
        assert not keygen_accepts(tmp_path, changed, pub), at
    assert not keygen_accepts(tmp_path, blob, pub, "git")


@pytest.mark.parametrize(
    "change",
    [
        {"magic": b"SSHSIH"}, {"version": 0}, {"version": 2}, {"reserved": b"x"}, {"algorithm": b"sha1"},
        {"algorithm": b"md5"}, {"algorithm": b"sha384"}, {"algorithm": b""}, {"namespace": b""},
        {"namespace": b"test\0"}, {"namespace": b"\xff"}, {"rest": b"\0"}, {"key": b""}, {"inner": b""},
        {"key": string(b"ssh-dss")}, {"key": string(b"")}, {"inner": string(b"ssh-rsa") + string(b"x")},
    ],
    ids=str,
)  # fmt: skip
def test_a_changed_field_is_refused(change: dict[str, bytes]) -> None:
    person = Person(1)
    inner = string(b"ssh-ed25519") + string(person.private.sign(covered(MESSAGE)))
    whole = Signed(key=person.key.blob, inner=inner)
    assert accepts(whole.blob())
    assert not accepts(replace(whole, **change).blob())


def test_an_empty_namespace_is_never_accepted() -> None:
    person = Person(1)
    assert not accepts(person.sign(MESSAGE, ""), namespace="")


def test_both_hashes_are_accepted() -> None:
    person = Person(1)
    inner = string(b"ssh-ed25519") + string(person.private.sign(covered(MESSAGE, algorithm="sha256")))
    assert accepts(Signed(key=person.key.blob, inner=inner, algorithm=b"sha256").blob())


def test_rsa_with_sha1_is_refused() -> None:
    _, blob, _ = made("rsa-2048")
    for name in (b"rsa-sha2-512", b"rsa-sha2-256"):
        changed = blob.replace(string(name), string(b"ssh-rsa".ljust(len(name), b"-")))
        assert changed == blob or not accepts(changed)
    signature = Signed(key=sshsig.signer(blob).blob, inner=string(b"ssh-rsa") + string(b"x" * 256))
    assert not accepts(signature.blob())


def _point(form: PublicFormat) -> bytes:
    return ec.derive_private_key(5, ec.SECP256R1()).public_key().public_bytes(Encoding.X962, form)


BLOBS = {
    "empty": b"",
    "short length": b"\0\0\0",
    "length beyond the end": b"\xff\xff\xff\xffssh-ed25519",
    "unknown kind": string(b"ssh-dss"),
    "certificate": string(b"ssh-ed25519-cert-v01@openssh.com") + string(b"x" * 32),
    "short Ed25519": string(b"ssh-ed25519") + string(b"x" * 31),
    "long Ed25519": string(b"ssh-ed25519") + string(b"x" * 33),
    "Ed25519 and more": Person(1).key.blob + b"\0",
    "token without application": string(b"sk-ssh-ed25519@openssh.com") + string(b"x" * 32),
    "unknown curve": P256 + string(b"nistp224") + string(b"\4" + b"x" * 56),
    "another kind's curve": P256 + string(b"nistp384") + string(b"\4" + b"x" * 96),
    "part of a curve's name": P256 + string(b"nistp") + string(b"\4" + b"x" * 64),
    "point off the curve": P256 + string(b"nistp256") + string(b"\4" + b"x" * 64),
    "point at infinity": P256 + string(b"nistp256") + string(b"\0"),
    "no point": P256 + string(b"nistp256") + string(b""),
    "compressed point": P256 + string(b"nistp256") + string(_point(PublicFormat.CompressedPoint)),
    "RSA of 2047 bits": string(b"ssh-rsa") + mpint(65537) + mpint((1 << 2046) + 1),
    "RSA, even exponent": string(b"ssh-rsa") + mpint(4) + mpint((1 << 2047) + 1),
    "RSA, zero": string(b"ssh-rsa") + mpint(65537) + string(b""),
    "RSA, negative": string(b"ssh-rsa") + mpint(65537) + string(b"\xff" * 256),
    "RSA, padded": string(b"ssh-rsa") + string(b"\0\1\0\1") + mpint((1 << 2047) + 1),
    "RSA and more": string(b"ssh-rsa") + mpint(65537) + mpint((1 << 2047) + 1) + b"\0",
}


@pytest.mark.parametrize("blob", BLOBS.values(), ids=list(BLOBS))
def test_odd_keys_are_refused(blob: bytes) -> None:
    kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode()
    with pytest.raises(SignatureError):
        parse_key(public(blob, kind or "ssh-ed25519"))
    assert not accepts(Signed(key=blob, inner=string(kind.encode())).blob())


def test_one_key_has_one_encoding() -> None:
    """Written in two ways, a key would have two fingerprints and could pass for two people's."""
    full = P256 + string(b"nistp256") + string(_point(PublicFormat.UncompressedPoint))
    assert parse_key(public(full, "ecdsa-sha2-nistp256")).blob == full
    assert parse_key(public(string(b"ssh-rsa") + mpint(65537) + mpint((1 << 2047) + 1), "ssh-rsa"))


@pytest.mark.parametrize(
    "text",
    ["", "ssh-ed25519", "ssh-ed25519 !!!!", "ssh-ed25519 AAA", "ssh-ed25519 é", "ssh-ed25519 \ud800",
     "\ud800 AAAAB3NzaC1yc2E=", "ssh-rsa " + Person(1).key.text.split()[1], "ssh-ed25519 AAAA"],
    ids=ascii,
)  # fmt: skip
def test_odd_lines_are_no_keys(text: str) -> None:
    with pytest.raises(SignatureError):
        parse_key(text)


@pytest.mark.parametrize("scalar", [0, -1, 1 << 300])
def test_odd_numbers_in_an_ecdsa_signature_are_refused(scalar: int) -> None:
    _, blob, _ = made("ecdsa-256")
    size = scalar.bit_length() // 8 + 1
    pair = string(scalar.to_bytes(size, "big", signed=True)) + mpint(1)
    for each in (pair, pair + b"x"):
        inner = P256 + string(each)
        assert not accepts(Signed(key=sshsig.signer(blob).blob, inner=inner).blob())


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", sshsig.BEGIN, f"{sshsig.BEGIN}\n{sshsig.END}", f"{sshsig.BEGIN}\n!!!\n{sshsig.END}",
     f"{sshsig.BEGIN}\né\n{sshsig.END}", f" x\n{sshsig.BEGIN}\nAAAA\n{sshsig.END}",
     f"{sshsig.BEGIN}\nAAAA\n{sshsig.END}\nAAAA", f"{sshsig.BEGIN}\nAAAA\r\n{sshsig.END}",
     f"{sshsig.BEGIN}\nA=AA\n{sshsig.END}"],
    ids=ascii,
)  # fmt: skip
def test_odd_frames_are_refused(text: str) -> None:
    with pytest.raises(SignatureError):
        dearmor(text)


@pytest.mark.parametrize("data", [b"", b"SSHSIG", b"SSHSIG\0\0\0\2", b"SSHSIH\0\0\0\1", b"SSHSIG\0\0\0\1\0"])
def test_bytes_that_name_no_signer(data: bytes) -> None:
    with pytest.raises(SignatureError):
        sshsig.signer(data)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=1, max_size=400))
def test_armor_and_dearmor_are_inverse(data: bytes) -> None:
    assert dearmor(armor(data)) == data


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_gives_only_the_modules_error(text: str) -> None:
    words = text, f"ssh-ed25519 {text}", f"{text} AAAA"
    for each in words:
        with pytest.raises(SignatureError):
            parse_key(each)
    for each in (text, f"{sshsig.BEGIN}\n{text}\n{sshsig.END}"):
        try:
            dearmor(each)
        except SignatureError:
            continue


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), kind=st.sampled_from(sorted(sshsig.KINDS)))
def test_any_bytes_give_only_the_modules_error(data: bytes, kind: bytes) -> None:
    for blob in (
        data,
        Signed(key=data, inner=data).blob(),
        Signed(key=string(kind) + data, inner=data).blob(),
    ):
        assert not accepts(blob)
    line = f"{kind.decode()} {base64.b64encode(string(kind) + data).decode()}"
    with contextlib.suppress(SignatureError):
        assert isinstance(parse_key(line), PublicKey)


@settings(max_examples=250, deadline=None)
@given(kind=st.sampled_from([*KINDS, *TOKENS]), draw=st.data())
def test_no_changed_byte_is_accepted(kind: str, draw: st.DataObject) -> None:
    blob = original(kind)
    at = draw.draw(st.integers(0, len(blob)))
    cut = draw.draw(st.integers(0, 3))
    put = draw.draw(st.binary(max_size=3))
    changed = blob[:at] + put + blob[at + cut :]
    if changed != blob:
        # A token's user-verified flag and counter are signed too, so nothing at all may change.
        assert not accepts(changed)
