"""What would be retrained, as one table: every model by name, and what several of them share said once."""

from __future__ import annotations

from collections.abc import Sequence

from ordain.core.escaping import code
from ordain.core.people.request import Size
from ordain.core.pipelines.stale import Cause, Stale
from ordain.core.reports.report import count, lasting
from ordain.core.reports.report_sections import grid

HEAD = ("would be retrained", "because of", "cost", "release pinned in")
_MOST_CAUSES = 3
_SENTENCE = 60  # what says how many have no row, without their names


def pipelines(found: Sequence[Stale], room: int, size: Size) -> str:
    """The table, as many rows as leave room to name the rest; nothing for one, whose section says it all.

    Models that differ in nothing but their names and costs share a row.

    Args:
        room: for all of it, measured by `size`.
    """
    if len(found) < 2:
        return ""
    groups = _alike(found)
    room -= size(grid(HEAD, [])) + _SENTENCE
    unnamed = _names_take(found, size)
    rows: list[list[str]] = []
    for group in groups:
        row = _row(group)
        taken = sum(size(cell) + 3 for cell in row) + 2
        unnamed -= _names_take(group, size)
        if room - taken < unnamed:
            break
        room -= taken
        rows.append(row)
    rest = _rest([each for group in groups[len(rows) :] for each in group], room, size)
    return "\n\n".join(each for each in (grid(HEAD, rows) if rows else "", rest) if each)


def _alike(found: Sequence[Stale]) -> list[list[Stale]]:
    alike: dict[tuple[object, ...], list[Stale]] = {}
    for each in found:
        alike.setdefault((each.causes, each.environments), []).append(each)
    return list(alike.values())


def _names_take(found: Sequence[Stale], size: Size) -> int:
    return sum(size(code(each.model)) + 2 for each in found)


def _rest(left: Sequence[Stale], room: int, size: Size) -> str:
    """What has no row: how many, and their names as far as there is room."""
    if not left:
        return ""
    names: list[str] = []
    for each in left:
        room -= _names_take([each], size)
        if room < 0:
            break
        names.append(code(each.model))
    said = f"_{count(len(left), 'more pipeline')} would run_"
    more = [f"{len(left) - len(names)} more"] if names and len(names) < len(left) else []
    return f"{said}: {', '.join([*names, *more])}" if names else said


def _row(group: Sequence[Stale]) -> list[str]:
    known = [each.seconds for each in group if each.seconds is not None]
    return [
        ", ".join(code(each.model) for each in group),
        _causes(group[0].causes),
        f"about {lasting(sum(known))}" if known else "",
        ", ".join(map(code, group[0].environments)),
    ]


def _causes(causes: Sequence[Cause]) -> str:
    said = ", ".join(f"{each.kind} {code(each.name)}" for each in causes[:_MOST_CAUSES])
    more = len(causes) - _MOST_CAUSES
    return f"{said} and {more} more" if more > 0 else said
