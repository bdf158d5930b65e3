"""Where a repository begins, found as Git finds it: upwards from a folder, and without starting Git."""

from __future__ import annotations

from pathlib import Path

from ordain.errors import UserError


def top_of(folder: Path) -> Path:
    """The top folder of the repository around a folder; the folder itself where there is none."""
    here = folder.absolute()
    found = next((each for each in (here, *here.parents) if (each / ".git").exists()), here)
    return folder if found == here else found


def refuse_inside(folder: Path) -> None:
    """Refuse to make a repository within another one.

    Raises:
        UserError: naming the command for the one that is there.
    """
    top = top_of(folder.resolve())
    if top != folder.resolve():
        raise UserError(
            f"this folder is inside the repository {top}, and a repository in another one is lost on a clone",
            where=str(folder),
            fix=f"ordain init {top}, or name a folder outside of it",
        )
