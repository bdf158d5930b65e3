"""An interpreter that has the packages of one requirements file, this Ordain, and nothing else.

Nothing is downloaded: the packages are those of the environment that the tests run in, each file of each
distribution that the requirements name, in a folder of links. The site's own packages are off.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

import ordain

ROOT = Path(__file__).parents[1]
_START = "import sys; sys.path[:0] = [{folder!r}]; {program}"
ORDAIN = "from ordain.cli.main import main; main()"


class Installed(NamedTuple):
    """The folder of links."""

    folder: Path

    def words(self, *words: str, program: str = ORDAIN) -> list[str]:
        """A command line; `-I -S` leaves out the environment's variables and its packages."""
        start = _START.format(folder=str(self.folder), program=program)
        return [sys.executable, "-I", "-S", "-c", start, *words]

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`ordain` in it."""
        return subprocess.run(
            self.words(*words),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env={"PATH": os.environ["PATH"], **environment},
        )


def required(name: str) -> list[str]:
    """The packages of `requirements/<name>.txt` that this interpreter takes."""
    text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
    found = [Requirement(each) for each in re.findall(r"^([a-z].*?) \\$", text, re.MULTILINE)]
    return [each.name for each in found if each.marker is None or each.marker.evaluate()]


def installed(folder: Path, names: Iterable[str]) -> Installed:
    """These packages, and Ordain, in an empty folder."""
    for name in names:
        there = distribution(name)
        for top in {
            each.parts[0] for each in there.files or () if each.parts[0] not in ("..", "__pycache__")
        }:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(there.locate_file(top))))
    (folder / "ordain").symlink_to(Path(ordain.__file__).parent)
    return Installed(folder)
