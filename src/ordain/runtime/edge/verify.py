#!/usr/bin/env python3
"""Verify a bundle before anything in it runs, and install it. Needs Python 3.10 and OpenSSH; no network.

    python3 verify.py BUNDLE --signers FILE                 check an archive or a folder
    python3 verify.py BUNDLE --signers FILE --install DIR   check, unpack, try, and only then switch to it

FILE lists the keys that may sign, as OpenSSH's `allowed_signers`; it comes with the device, never with a
bundle. Keep a copy of this program there too: the one in a bundle is covered by the signature that it
checks, so it finds accidents, not an attacker who replaced it.

DIR is the place of one model in one environment, and refuses another's bundle unless --replace is said. It
holds one folder a bundle, and the symlinks `current` and `previous`. A bundle that fails its check leaves
both as they were.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

NAMESPACE = "bundle@ordain.dev"
SIGNERS = "/etc/ordain/allowed_signers"
MANIFEST, SIGNATURE = "bundle.json", "bundle.json.sig"
NAMES = ("model.onnx", "predict.py", "profile.json", "signature.json", "verify.py")
LIMIT = 2**31
CHECK_SECONDS = 120


class RefusedError(Exception):
    """The bundle is not what somebody signed."""


def verify(bundle: Path, signers: Path) -> tuple[dict[str, object], dict[str, bytes]]:
    """Read a bundle and prove it: the signature over its manifest, then every file against that.

    Args:
        bundle: an archive, or the folder that one was unpacked to. signers: the keys that may sign.

    Returns:
        the manifest, and the bytes of every file by name. What was read is what was checked.
    """
    files = _read_folder(bundle) if bundle.is_dir() else _read_archive(bundle)
    for name in (MANIFEST, SIGNATURE, *NAMES):
        if name not in files:
            raise RefusedError(f"{name} is missing")
    _check_signature(files[MANIFEST], files[SIGNATURE], signers)
    manifest = json.loads(files[MANIFEST])
    if manifest["version"] != 1 or sorted(manifest["files"]) != sorted(NAMES):
        raise RefusedError("its manifest is of another version than this program")
    for name, digest in manifest["files"].items():
        if "sha256:" + hashlib.sha256(files[name]).hexdigest() != digest:
            raise RefusedError(f"{name} is not the file that was signed")
    return manifest, files


def install(bundle: Path, signers: Path, place: Path, replace: bool = False) -> Path:
    """Verify a bundle, unpack it beside the others, try it, and only then make it `current`.

    Args:
        bundle: an archive or a folder. signers: the keys that may sign. place: of one model.
        replace: whether it may take the place of another model, or of another environment's.

    Returns:
        the folder that `current` leads to.
    """
    manifest, files = verify(bundle, signers)
    if not replace:
        _check_place(place, manifest)
    place.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(files[MANIFEST]).hexdigest()[:16]
    folder = place / name
    _clear(place, name)
    if not _is_whole(folder, files):
        _unpack(folder, files)
    words = [sys.executable, str(folder / "predict.py"), "--signers", str(signers), "--check"]
    try:
        tried = subprocess.run(words, capture_output=True, text=True, check=False, timeout=CHECK_SECONDS)
    except subprocess.TimeoutExpired:
        raise RefusedError("its health check did not end; what ran before goes on") from None
    if tried.returncode != 0:
        raise RefusedError(
            f"its health check failed, so what ran before goes on: {tried.stderr.strip()[-500:]}"
        )
    _switch(place, name)
    return folder


def _check_place(place: Path, manifest: dict[str, object]) -> None:
    """Refuse what is signed, but for another place; one that holds nothing readable takes anything."""
    try:
        current = json.loads((place / "current" / MANIFEST).read_bytes())
        held, given = (f"{each['model']} for {each['environment']}" for each in (current, manifest))
    except (OSError, ValueError, TypeError, KeyError):
        return
    if held != given:
        raise RefusedError(f"{place} holds {held}, and this is {given}; --replace puts it there")


def _switch(place: Path, name: str) -> None:
    """`previous` is what was `current`, `current` the new one, each replaced at once; the rest goes."""
    current = place / "current"
    before = current.readlink().name if current.is_symlink() else name
    if before != name:
        _link(place / "previous", before)
    _link(current, name)
    _clear(place, name)


def _unpack(folder: Path, files: dict[str, bytes]) -> None:
    """A folder that is there whole or not at all, also after a power cut or on a full disk."""
    fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, data in files.items():
            with (fresh / name).open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        fresh.chmod(0o755)
        _sync(fresh)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear(place: Path, name: str) -> None:
    """Remove what no link leads to, such as updates that failed; the folder `name` stays."""
    links = (place / "current", place / "previous")
    kept = {name, *(each.readlink().name for each in links if each.is_symlink())}
    for each in place.iterdir():
        old = re.fullmatch(r"[0-9a-f]{16}|\.new-.*", each.name)
        if old and not each.is_symlink() and each.name not in kept:
            shutil.rmtree(each)


def _link(path: Path, name: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name)
    fresh.replace(path)
    _sync(path.parent)


def _is_whole(folder: Path, files: dict[str, bytes]) -> bool:
    try:
        return _read_folder(folder) == files
    except (OSError, RefusedError):
        return False


def _check_signature(manifest: bytes, signature: bytes, signers: Path) -> None:
    """Ask OpenSSH whether one of the keys made the signature, for bundles and nothing else."""
    program = shutil.which("ssh-keygen")
    if program is None:
        raise RefusedError("ssh-keygen is not here, so the signature can't be checked: install OpenSSH")
    if not signers.is_file():
        raise RefusedError(f"there is no list of keys that may sign: {signers}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "signature")
        path.write_bytes(signature)
        words = [
            program,
            "-Y",
            "verify",
            "-f",
            str(signers),
            "-I",
            NAMESPACE,
            "-n",
            NAMESPACE,
            "-s",
            str(path),
        ]
        ran = subprocess.run(words, input=manifest, capture_output=True, check=False)
    if ran.returncode != 0:
        raise RefusedError("no key that may sign has signed it")


def _read_archive(path: Path) -> dict[str, bytes]:
    """The files of an archive: plain files in one folder, and nothing else; nothing is written.

    Sparse files are refused: a few bytes of them stand for any number. So memory is bounded by the archive.
    """
    files: dict[str, bytes] = {}
    total = 0
    with tarfile.open(path, "r:") as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            total += member.size
            plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
            if not plain or total > LIMIT or not _known(name) or name in files:
                raise RefusedError("the archive holds something that no bundle has")
            stream = archive.extractfile(member)
            files[name] = stream.read() if stream else b""
    return files


def _read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a folder; Python's own cache is passed over, and never used."""
    found = {each.name: each for each in folder.iterdir() if each.name != "__pycache__"}
    if not all(_known(name) and each.is_file() and not each.is_symlink() for name, each in found.items()):
        raise RefusedError("the folder holds something that no bundle has")
    return {name: each.read_bytes() for name, each in found.items()}


def _known(name: str) -> bool:
    return name in (MANIFEST, SIGNATURE, *NAMES)


def main() -> int:
    """The command line; 0 when the bundle holds, 1 when it is refused."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--signers", type=Path, default=Path(os.environ.get("ORDAIN_SIGNERS", SIGNERS)))
    parser.add_argument("--install", type=Path, metavar="DIR")
    parser.add_argument("--replace", action="store_true", help="put it in the place of another model")
    words = parser.parse_args()
    try:
        manifest, _ = verify(words.bundle, words.signers)
        folder = words.bundle
        if words.install:
            folder = install(words.bundle, words.signers, words.install, words.replace)
    except Exception as error:  # noqa: BLE001 - whatever it is, this is no bundle that may run
        print(f"refused: {error}", file=sys.stderr)
        return 1
    print(f"{manifest['model']}@{manifest['release']} for {manifest['environment']}: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
