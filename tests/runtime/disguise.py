"""Pickles that pretend to be something else."""

from __future__ import annotations

import pickle
import subprocess
import zipfile
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
    return [*plain, archive.getvalue(), saved.getvalue(), b"", b"\n", b"\x08", b"{}"]
