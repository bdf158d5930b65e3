"""Fetching from a DVC remote, as a child process like every other DVC command (`adapters.dvc`)."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from ordain.adapters import dvc
from ordain.core.failures import NO_PLUGIN

_NO_REMOTE = "no remote"


def pull(root: Path, targets: Sequence[str], lock: int) -> None:
    """Fetch tracked files from the remote into the working tree.

    What the remote does not have is merely missing afterwards: the caller looks, because DVC's own word
    on it differs from case to case.

    Args:
        root: the repository. targets: tracked paths, or `.dvc` files.
        lock: the descriptor of `dvc.exclusive`.

    Raises:
        RetryLater: when another DVC process works here.
        UserError: when no remote is set up, or what DVC needs for it is not installed.
    """
    told = subprocess.run(
        dvc.command("pull", "--force", *targets),
        cwd=root,
        env=dvc.environment(root),
        stdin=lock,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if told.returncode and any(each in told.stdout for each in (*dvc.BUSY, NO_PLUGIN, _NO_REMOTE)):
        raise dvc.trouble(told.returncode, told.stdout.splitlines())
