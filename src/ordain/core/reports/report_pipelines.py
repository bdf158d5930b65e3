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


def pipelines(found: Sequence[Stale], room: int, size: Size) -> str:
    """The table, as many rows as fit and the rest in numbers; nothing for one, whose section says it all.

    Models that differ in nothing but their names and costs share a row.

    Args:
        room: for all of it, measured by `size`.
    """
    if len(found) < 2:
        return ""
    alike: dict[tuple[object, ...], list[Stale]] = {}
    for each in found:
        alike.setdefault((each.causes, each.environments), []).append(each)
    rows, left = [], len(found)
    for group in alike.values():
        row = _row(group)
        room -= sum(size(cell) + 3 for cell in row) + 2
        if room < 0:
            break
        rows.append(row)
        left -= len(group)
    table = grid(HEAD, rows) if rows else ""
    rest = f"_{count(left, 'more pipeline')} would run_" if left else ""
    return "\n\n".join(each for each in (table, rest) if each)


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
