"""Why the jobs of a commit failed, by what they left: the state, the locks, and the champions refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ordain.adapters import files as disk
from ordain.adapters.git import Repository
from ordain.core.problems import Problem
from ordain.core.redaction import redacted_struct
from ordain.core.releasing import refused
from ordain.core.reports.report_failure import Failure
from ordain.services.training.stopped import stopped


def failure(clone: Repository, problems: Sequence[Problem], told: Path, unplanned: str) -> Failure:
    """What can be said of the newest commit.

    Args:
        clone: at that commit, with the locks of its training jobs in place.
        problems: of the declared state. told: the file of `ordain release --refused`, which need not be.
        unplanned: why there is no plan; empty when there is one.

    Raises:
        UserError: when that file is damaged.
    """
    there = told.absolute().is_file()
    data = disk.read_bytes(told.absolute(), disk.STATE_LIMIT) if there else b""
    found = Failure(
        commit=clone.resolve("HEAD"),
        problems=tuple(problems),
        stopped=() if problems else stopped(clone),
        refused=refused.decode(data, str(told)) if there else (),
        unplanned=unplanned,
    )
    return redacted_struct(found)  # a problem quotes what somebody wrote into a spec
