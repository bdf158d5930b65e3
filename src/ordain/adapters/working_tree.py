"""One file of a working tree, which need not be there."""

from __future__ import annotations

from pathlib import Path

from ordain.adapters import files as disk


def content(root: Path, path: str) -> bytes | None:
    """What a file below a folder holds, within the limit for declared state; None where there is none.

    Raises:
        UserError: for a path that leads elsewhere, something that is no regular file, or a larger one.
    """
    target = disk.inside(root, path)
    return disk.read_bytes(target, disk.STATE_LIMIT) if target.is_file() else None
