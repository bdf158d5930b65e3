"""`scripts/tag.py v1.2.3`: fail unless a tag is that of the package's version; the release workflow asks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

VERSION = Path(__file__).parents[1] / "src/ordain/_version.py"


def main(tag: str) -> None:
    """Exit with an error for any other tag. Only the standard library: nothing is installed yet."""
    found = re.search(r'^__version__ = "([^"]+)"$', VERSION.read_text("utf-8"), re.MULTILINE)
    wanted = f"v{found[1]}" if found else "none, for there is no version"
    if tag != wanted:
        sys.exit(f"{VERSION.name}: the tag of this commit is {wanted}, not {tag!a}")


if __name__ == "__main__":
    main(*sys.argv[1:])
