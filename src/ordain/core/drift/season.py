"""A reference of the same season: windows of the log itself, a week or a day before and before that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add

from msgspec.structs import replace

from ordain.core.drift.counts import Counted, Reference, Window


def season(
    windows: Mapping[int, Window], asked: Mapping[int, Window], number: int, step: int
) -> Reference | None:
    """What windows one or more seasons before a window held together, in the profile's frozen cells.

    Inputs do not depend on who answers, so they are of all versions: a new release has a season at once.
    Answers are of the release alone; without any, they are compared with nothing.

    Args:
        windows: of the release, by number, without gaps in what a number means.
        asked: the same of all versions of the model, of which inputs are taken. step: windows in a season.

    Returns:
        None when no such window holds a row.
    """
    all_before, own = (_before(each, number, step) for each in (asked, windows))
    if not all_before:
        return None
    answers = [each.answers for each in own] or [_emptied(all_before[0].answers)]
    return Reference(features=_added([each.features for each in all_before]), answers=_added(answers))


def _before(windows: Mapping[int, Window], number: int, step: int) -> list[Window]:
    return [windows[at] for at in range(number - step, -1, -step) if at in windows and windows[at].rows]


def _added(columns: list[Mapping[str, Counted]]) -> dict[str, Counted]:
    return {name: reduce(add, [each[name] for each in columns]) for name in columns[0]}


def _emptied(columns: Mapping[str, Counted]) -> dict[str, Counted]:
    return {
        name: replace(each, cells=(0,) * len(each.cells), missing=0, beyond=0)
        for name, each in columns.items()
    }
