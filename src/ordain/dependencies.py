"""`python -m ordain.dependencies`: install what `ordain reconcile` needs, exactly and by digest.

The list is part of the wheel. Whoever installs the wheel by its own digest has thereby fixed everything that
runs beside the collector's key. Only the standard library is imported: nothing else is there yet.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent
# In a wheel beside the other files for CI; in a checkout among the requirements.
PLACES = (PACKAGE / "automation/reconcile.txt", PACKAGE.parents[1] / "requirements/reconcile.txt")


def command() -> list[str]:
    """What pip is called with; `-P` keeps the current folder off its import path."""
    lock = next(each for each in PLACES if each.is_file())
    flags = ("--no-cache-dir", "--only-binary", ":all:", "--no-deps", "--require-hashes")
    return [sys.executable, "-P", "-m", "pip", "install", *flags, "--requirement", str(lock)]


if __name__ == "__main__":
    sys.exit(subprocess.run(command(), check=False).returncode)
