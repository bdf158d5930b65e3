"""Signing with `ssh-keygen`, so that agents and hardware tokens work; verifying is `core.sshsig`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from ordain.adapters.stopping import listening
from ordain.core.evidence import sshsig
from ordain.errors import UserError


def public_key(key: Path) -> sshsig.PublicKey:
    """The public half of a key file, private or public.

    Raises:
        UserError: when there is no such key, or it needs a pass phrase and has no `.pub` beside it.
    """
    for candidate in (key, Path(f"{key}.pub")):
        if candidate.is_file() and candidate.stat().st_size < 2**16:
            text = candidate.read_text(encoding="utf-8", errors="replace")
            if "PRIVATE KEY" not in text:
                return _parsed(text, candidate)
    if not key.is_file():
        raise UserError("there is no such key", where=str(key), fix="name the file of an SSH key")
    ran = _ssh_keygen("-y", "-P", "", "-f", str(key.absolute()))
    if ran.returncode != 0:
        raise UserError(
            f"the key can't be read: {_said(ran)}", where=str(key), fix="check the file and its mode"
        )
    return _parsed(ran.stdout.decode("utf-8", "replace"), key)


def signer(key: Path, namespace: str) -> Callable[[bytes], bytes]:
    """A function that signs bytes for one purpose with one key.

    Args:
        key: a private key, or a public one whose private half an agent or a token holds.
        namespace: such as `approval@ordain.dev`.

    Raises:
        UserError: (the function does) when `ssh-keygen` can't sign.
    """

    def sign(message: bytes) -> bytes:
        with tempfile.TemporaryDirectory(prefix="ordain-sign-") as folder:
            path = Path(folder) / "message"
            path.write_bytes(message)
            words = ("-Y", "sign", "-q", "-f", str(key.absolute()), "-n", namespace, "--", str(path))
            ran = _ssh_keygen(*words)
            signed = Path(f"{path}.sig")
            if ran.returncode != 0 or not signed.is_file():
                fix = "check that the file is your private key with mode 0600, or that your agent holds it"
                raise UserError(f"can't sign: {_said(ran)}", where=str(key), fix=fix)
            return sshsig.dearmor(signed.read_text(encoding="ascii"))

    return sign


def generate(key: Path) -> str:
    """A new Ed25519 key pair without pass phrase, unless there is one; returns the public half.

    Raises:
        UserError: when `ssh-keygen` can't write there.
    """
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        ran = _ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", key.name, "-f", str(key.absolute()))
        if ran.returncode != 0:
            raise UserError(f"can't make a key: {_said(ran)}", where=str(key), fix="check the folder")
    return public_key(key).text


def _parsed(text: str, where: Path) -> sshsig.PublicKey:
    try:
        return sshsig.parse_key(text)
    except sshsig.SignatureError as error:
        fix = "use an Ed25519, ECDSA, RSA or FIDO key"
        raise UserError(f"not a usable SSH key: {error}", where=str(where), fix=fix) from error


def _ssh_keygen(*words: str) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise UserError("ssh-keygen is not on the PATH", fix="install OpenSSH 8.2 or newer")
    return subprocess.run(
        [program, *words],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=dict(os.environ),
        start_new_session=listening(),
    )


def _said(ran: subprocess.CompletedProcess[bytes]) -> str:
    return (
        ran.stderr.decode("utf-8", "replace").strip().splitlines()[-1:][0]
        if ran.stderr.strip()
        else "no reason"
    )
