"""A project that gets its shape for the first time, and what lies there already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ordain.adapters import files as disk
from ordain.core.state.instance import is_state_path, load
from ordain.errors import UserError
from ordain.services.judging.states import MANIFESTS
from ordain.services.setup.init_forge import KEYS

SHOWN = 5  # files named in one error


def refuse_foreign(folder: Path, generated: Mapping[str, bytes]) -> None:
    """Refuse to begin where somebody else's file would be taken for one of Ordain's.

    Manifests would be removed by the first reconciling, scripts and workflows run in the place of generated
    ones, and other tools' declarations extended.

    Args:
        folder: holds no policy yet, nor what an earlier `init` generated.
        generated: files that are about to be written, by path.

    Raises:
        UserError: names them.
    """
    declared = disk.read_state(folder, is_state_path)
    unread = {each.file: each.message for each in reversed(load(declared).problems) if each.file in declared}
    found = {path: f" ({unread[path]})" for path in sorted(unread)}
    for path, data in sorted(generated.items()):
        target = disk.inside(folder, path)
        if target.is_file() and target.read_bytes() != data:
            found[path] = ""
    below = sorted(each for each in (folder / MANIFESTS).rglob("*") if not each.is_dir())
    found |= {str(each.relative_to(folder)): "" for each in below}
    if found:
        shown = ", ".join(f"{path}{why}" for path, why in list(found.items())[:SHOWN])
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UserError(
            f"there are files already in places that are Ordain's: {shown}{more}",
            where=next(iter(found)),
            fix="move them to another folder (git mv), or give Ordain a repository of its own",
        )


def hide_keys(folder: Path) -> None:
    """Before there is a key, nothing below its folder can be committed, whatever goes wrong next."""
    disk.write_atomic(disk.inside(folder, f"{KEYS}/.gitignore"), b"*\n")
