"""Fetching from and sending to a DVC remote, as a child process like every other command (`adapters.dvc`)."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from ordain.adapters import dvc
from ordain.core.pipelines.failures import NO_PLUGIN

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
    told = _run(root, ("pull", "--force", *targets), lock)
    if told.returncode and any(each in told.stdout for each in (*dvc.BUSY, NO_PLUGIN, _NO_REMOTE)):
        raise dvc.trouble(told.returncode, told.stdout.splitlines())


def push(root: Path, targets: Sequence[str], lock: int) -> None:
    """Send what some targets track to the remote, with the runs that made it (DVC's run cache).

    Args:
        root: the repository. targets: `dvc.yaml` or `.dvc` files.
        lock: the descriptor of `dvc.exclusive`.

    Raises:
        RetryLater: when another DVC process works here.
        UserError: when no remote is set up, or it did not take everything.
    """
    told = _run(root, ("push", "--run-cache", *targets), lock)
    if told.returncode:
        raise dvc.trouble(told.returncode, told.stdout.splitlines())


def has_default(root: Path) -> bool:
    """Whether a default remote is set up, in any of DVC's own places."""
    told = subprocess.run(
        dvc.command("config", "core.remote"), cwd=root, env=dvc.environment(root), stdin=subprocess.DEVNULL,
        capture_output=True, check=False,
    )  # fmt: skip
    return told.returncode == 0 and bool(told.stdout.strip())


def _run(root: Path, words: Sequence[str], lock: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        dvc.command(*words), cwd=root, env=dvc.environment(root), stdin=lock, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
