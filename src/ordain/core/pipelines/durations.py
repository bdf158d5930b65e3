"""How long stages took, so that a plan can say what a run will cost and a comparison what it did.

DVC's lock has no times, and must have none: a time is never the same twice, and the lock decides what is
stale. `ordain run` therefore keeps them beside it, in `pipelines/<model>/durations.yaml`, which no stage
and no identity reads. They are those of the run that made the lock: running the same again, in a fresh
clone say, changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated

import msgspec
import yaml
from msgspec import Meta
from msgspec.structs import replace

from ordain.core.pipelines.stale import Stale
from ordain.core.specs.parts import Part
from ordain.core.yaml import yamlplain
from ordain.errors import UserError

FILE = "durations.yaml"
_HEADER = (
    "# Seconds that each stage took when it last ran. `ordain run` writes this for the estimates of\n"
    "# `ordain plan`; nothing else depends on it, so after a merge conflict keep either side.\n"
)
Seconds = Annotated[float, Meta(ge=0, le=10**9)]


class Durations(Part, frozen=True, kw_only=True):
    """The file.

    Attributes:
        lock: digest of the `dvc.lock` that they belong to.
        stages: wall time of each, in seconds.
    """

    version: Annotated[int, Meta(ge=1, le=1)] = 1
    lock: str = ""
    stages: dict[str, Seconds] = {}

    def updated(self, ran: Mapping[str, float], kept: Collection[str], lock: str) -> Durations:
        """The same with what just ran.

        Args:
            ran: seconds by stage. kept: the stages that the pipeline has; others are forgotten.
            lock: digest of the lock after the run. When it is the one before, nothing new was made, and
                only stages that were never timed are added.
        """
        new = {name: round(seconds, 1) for name, seconds in ran.items()}
        known = {**new, **self.stages} if lock == self.lock else {**self.stages, **new}
        return Durations(lock=lock, stages={name: known[name] for name in sorted(known) if name in kept})


def decode(data: bytes, where: str = FILE) -> Durations:
    """Read the file; no bytes are no times.

    Raises:
        UserError: when it is not what `encode` writes.
    """
    try:
        return msgspec.convert(yamlplain.load(data or b"{}"), Durations)
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError, ValueError) as error:
        said = str(error).partition("\n")[0]
        fix = f"rm {where}, then: ordain run"
        raise UserError(f"not a record of durations: {said}", where=where, fix=fix) from error


def encode(durations: Durations) -> bytes:
    """The file's bytes."""
    text: str = yaml.safe_dump(msgspec.to_builtins(durations), sort_keys=False)
    return (_HEADER + text).encode()


def forecast(behind: Stale, durations: Durations, environments: tuple[str, ...]) -> Stale:
    """What running a stale pipeline will cost by its past, and where its release will be pinned.

    Args:
        behind: the stages that would run. durations: what is known of the past.
        environments: that a new release is pinned in by the same change.
    """
    known = [durations.stages[name] for name in behind.stages if name in durations.stages]
    return replace(
        behind,
        seconds=round(sum(known), 1) if known else None,
        unknown=tuple(name for name in behind.stages if name not in durations.stages),
        environments=environments,
    )
