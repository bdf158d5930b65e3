"""What a killed run of DVC leaves behind: temporary files, and locks that nobody holds."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from ordain.adapters import files as disk


def sweep(folder: Path) -> None:
    """Remove the temporary files of stages that were killed while they wrote."""
    for path in sorted(folder.rglob(f".*{disk.TEMPORARY}")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def forget_dead_locks(folder: Path) -> None:
    """Drop path locks of DVC processes that are gone.

    DVC drops them itself unless the number of the dead process now belongs to another one (common in
    containers), or the kill left the file half-written.
    """
    path = folder / "rwlock"
    if not path.is_file():
        return
    with disk.locked(folder / "rwlock.lock"):  # the lock under which DVC edits the file
        try:
            held = json.loads(disk.read_bytes(path))
            live = {
                "write": {place: one for place, one in held["write"].items() if _is_dvc(one["pid"])},
                "read": {
                    place: [one for one in several if _is_dvc(one["pid"])]
                    for place, several in held["read"].items()
                },
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            live = {"write": {}, "read": {}}
        disk.write_atomic(path, json.dumps(live).encode())


def _is_dvc(pid: Any) -> bool:
    """Whether a process with this number lives and, where the system tells, is a DVC."""
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        pass
    except OSError:
        return False
    try:
        return b"dvc" in Path(f"/proc/{int(pid)}/cmdline").read_bytes()
    except OSError:
        return True
