"""A reference of the same season: windows of the log itself, a week or a day before and before that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add

from ordain.core.drift.counts import Counted, Reference, Window


def season(windows: Mapping[int, Window], number: int, step: int) -> Reference | None:
    """What windows one or more seasons before a window held together, in the profile's frozen cells.

    Args:
        windows: by number, without gaps in what a number means. step: windows in a season.

    Returns:
        None when no such window holds a row.
    """
    before = [windows[at] for at in range(number - step, -1, -step) if at in windows and windows[at].rows]
    if not before:
        return None
    return Reference(
        features=_added([each.features for each in before]), answers=_added([each.answers for each in before])
    )


def _added(columns: list[Mapping[str, Counted]]) -> dict[str, Counted]:
    return {name: reduce(add, [each[name] for each in columns]) for name in columns[0]}
