"""From a path and a pod's environment to a running batch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from ordain.runtime.artifact import open_artifact
from ordain.runtime.batch.executors import Executors
from ordain.runtime.batch.job import score
from ordain.runtime.batch.request import Batch, Progress, Released, Report
from ordain.runtime.model import Identity, Model

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """What the rendered job says about itself; all of it optional.

    Attributes:
        digest: the approved artifact, `sha256:…`; anything else is refused before it is loaded.
        release: such as `churn@7`.
    """

    digest: str = ""
    release: str = ""
    intent: str = ""
    environment: str = ""


def run(artifact: Path, pod: Pod, batch: Batch, watch: Callable[[Progress], None]) -> Report:
    """Verify and load an artifact, then score.

    Raises:
        UserError, RetryLater: as `runtime.artifact.open_artifact` and `runtime.batch.job.score`.
    """
    verified = open_artifact(artifact, pod.digest)
    identity = Identity(
        name=verified.signature.model,
        version=pod.release.rpartition("@")[2] or verified.digest.removeprefix("sha256:")[:12],
        artifact=verified.digest,
        release=pod.release,
        intent=pod.intent,
        environment=pod.environment,
    )
    release = Released(identity, verified.signature)
    del verified  # the graph's bytes are read again when it has to be asked, and are not kept for hours

    def forms() -> Executors:
        again = open_artifact(artifact, identity.artifact)
        return Executors(Model(identity, again), again)

    return score(release, forms, batch, watch)


def cores() -> int:
    """Processors that this process may use: its affinity, and the quota of its container."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        return max(1, min(allowed, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no such file, or `max`
        return allowed
