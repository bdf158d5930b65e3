"""Why the jobs of a commit failed, by what they left: the state, the locks, and the champions refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters.git import Repository
from ordain.core.problems import Problem
from ordain.core.redaction import redacted_struct
from ordain.core.releasing import refused
from ordain.core.reports.report_failure import Failure
from ordain.services.training.stopped import stopped


class Left(Struct, frozen=True, kw_only=True):
    """Where jobs left what stopped them; neither need be there.

    Attributes:
        refused: the file of `ordain release --refused`. faults: the folder of `ordain data faults`.
    """

    refused: Path
    faults: Path | None = None


def failure(clone: Repository, problems: Sequence[Problem], left: Left, unplanned: str) -> Failure:
    """What can be said of the newest commit.

    Args:
        clone: at that commit, with the locks of its training jobs in place.
        problems: of the declared state. left: by those jobs.
        unplanned: why there is no plan; empty when there is one.

    Raises:
        UserError: when a file of theirs is damaged.
    """
    told = left.refused.absolute()
    data = disk.read_bytes(told, disk.STATE_LIMIT) if told.is_file() else None
    found = Failure(
        commit=clone.resolve("HEAD"),
        problems=tuple(problems),
        stopped=() if problems else stopped(clone, left.faults),
        refused=refused.decode(data, str(left.refused)) if data is not None else (),
        unplanned=unplanned,
    )
    return redacted_struct(found)  # a problem quotes what somebody wrote into a spec
