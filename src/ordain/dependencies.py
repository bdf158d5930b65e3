"""`python -m ordain.dependencies [training]`: install what Ordain needs, exactly and by digest.

The lists are part of the wheel. Whoever installs the wheel by its own digest has thereby fixed everything
that runs beside a secret: `reconcile.txt` beside the collector's key, and `training.txt`, with what trains
and what DVC needs for any remote, in every other job. Only the standard library is imported: nothing else is
there yet.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE = Path(__file__).parent
# In a wheel beside the other files for CI; in a checkout among the requirements.
PLACES = (PACKAGE / "automation", PACKAGE.parents[1] / "requirements")
# By list, what more pip is told. What trains needs one parser, of DVC's settings, that is published as source
# alone. Other jobs can write to pip's cache, so the reconciler has none.
LISTS = {
    "reconcile": ("--no-cache-dir", "--only-binary", ":all:"),
    "training": ("--only-binary", ":all:", "--no-binary", "antlr4-python3-runtime"),
}


def listed(name: str) -> Path:
    """The list of that name."""
    return next(path for each in PLACES if (path := each / f"{name}.txt").is_file())


def command(name: str, constraint: Path | None = None) -> list[str]:
    """What pip is called with; `-P` keeps the current folder off its import path.

    Args:
        name: of the list. constraint: versions that the list has to agree with, or pip refuses.
    """
    flags = (*LISTS[name], "--no-deps", "--require-hashes", "--requirement", str(listed(name)))
    agreed = ("--constraint", str(constraint)) if constraint else ()
    return [sys.executable, "-P", "-m", "pip", "install", *flags, *agreed]


def wanted(words: Sequence[str]) -> list[str]:
    """pip's call for a command line.

    What trains has to be what the repository's pipelines were generated for: its own list is held to, and
    read from the current folder. Beside the collector's key nothing of that folder is read.
    """
    name = words[0] if words else "reconcile"
    if len(words) > 1 or name not in LISTS:
        sys.exit("usage: python -m ordain.dependencies [reconcile | training]")
    declared = Path("requirements-training.txt")
    return command(name, declared if name == "training" and declared.is_file() else None)


if __name__ == "__main__":
    sys.exit(subprocess.run(wanted(sys.argv[1:]), check=False).returncode)
