"""Where a repository is, and one in a scratch folder for what is not ours."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ordain.adapters.git.command import Command
from ordain.adapters.git.repository import Repository
from ordain.errors import UserError


def find_repository(folder: Path) -> Repository:
    """The repository around a folder.

    Raises:
        UserError: when the folder is in none.
    """
    if folder.is_dir():
        # A folder that only looks like a bare repository may have been committed, with settings in it.
        explicit = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.bareRepository",
                    "GIT_CONFIG_VALUE_0": "explicit"}  # fmt: skip
        asked = Command(folder).run("rev-parse", "--show-toplevel", fine=(0, 128), environment=explicit)
        top = asked.output.decode("utf-8", "surrogateescape").strip()
        if top:
            return Repository(Path(top))
    raise UserError(
        "this folder is in no Git repository", where=str(folder), fix="ordain init, or use -C DIR"
    )


@contextmanager
def scratch(borrow: Path | None = None) -> Iterator[Repository]:
    """An empty bare repository that is gone at the end, with no template, no hook and no remote.

    Args:
        borrow: a repository whose objects need not be fetched again; it is only read.
    """
    with tempfile.TemporaryDirectory(prefix="ordain-scratch-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "scratch.git"
        Command(Path(folder)).run("init", "--quiet", "--bare", "--template=", str(path))
        # A shallow or partial clone lacks objects that its refs promise; nothing can be borrowed from it.
        lender = Repository(borrow) if borrow is not None else None
        if lender is not None and lender.is_whole():
            (path / "objects" / "info").mkdir(parents=True, exist_ok=True)
            (path / "objects" / "info" / "alternates").write_text(
                f"{lender.objects_folder}\n", encoding="utf-8"
            )
        yield Repository(path)
