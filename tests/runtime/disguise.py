"""Pickles that pretend to be something else."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import subprocess
import tarfile
import zipfile
import zlib
from io import BytesIO

import numpy as np


class Canary:
    """A pickle that leaves a file behind when anything loads it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[list[str]]]:
        return subprocess.check_call, (["touch", self.path],)


def disguises(path: str) -> list[bytes]:
    plain = [pickle.dumps(Canary(path), protocol) for protocol in range(6)]
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("archive/data.pkl", plain[4])
    saved = BytesIO()
    np.savez(saved, a=np.zeros(1))
    packed = [each.compress(plain[4]) for each in (gzip, zlib, bz2, lzma)]
    tarred = BytesIO()
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("model.pkl"), BytesIO(plain[4]))
    behind = [start + plain[4] for start in (b"\x08\x0a", b"{}", b"\x93NUMPY\x01\x00", b"PK\x03\x04")]
    return [*plain, archive.getvalue(), saved.getvalue(), *packed, tarred.getvalue(), *behind]


def empty() -> list[bytes]:
    """Nothing at all, as far as each format goes."""
    return [b"", b"\n", b"\x08", b"{}"]
