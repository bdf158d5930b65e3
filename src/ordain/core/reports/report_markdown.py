"""The plan as one comment on a pull request: the verdict first, the diff folded away.

Everything that a spec can hold goes through `escaping`: nothing in it can be markup, a mention or a row.
A comment has a limit; what matters most is placed first, for every model, before anything else for any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from ordain.core.escaping import code, markdown
from ordain.core.people.request import Size
from ordain.core.plans.plan import Item, Plan
from ordain.core.reports.report import (
    against,
    count,
    movement,
    remarks,
    standing,
    unrepeated,
    verdict,
)
from ordain.core.reports.report_failure import Failure, headline, sections
from ordain.core.reports.report_pipelines import pipelines
from ordain.core.reports.report_sections import (
    approvals,
    charts,
    fairness,
    gates,
    grid,
    heading,
    manifests,
    metrics,
    pipeline,
    why,
)

# GitHub takes 65,536 characters and GitLab 1,000,000; a step's summary on GitHub takes a mebibyte of UTF-8.
LIMIT = 60_000
FULL_LIMIT = 1_000_000
_SIGN = {"approved": "✅", "needs": "⏳", "blocked": "⛔"}
_URGENCY = ("blocked", "needs", "approved")


class Part(Struct, frozen=True):
    """A piece of the comment.

    Attributes:
        rank: what matters more has a lower one, and is placed before all that has a higher one.
    """

    rank: int
    text: str


def comment(plan: Plan | None, failure: Failure | None = None, limit: int = LIMIT) -> str:
    """The comment.

    Args:
        plan: what to report; None only beside a failure, where it can't be had.
        failure: why the checks of the commit failed, which is then told first.
        limit: characters; what does not fit is counted and left out, and the full report has it.
    """
    return _written(plan, failure, limit, len)


def full(plan: Plan | None, failure: Failure | None = None) -> str:
    """The report that a job's summary holds, which is limited in bytes."""
    return _written(plan, failure, FULL_LIMIT, octets)


def octets(text: str) -> int:
    """How many bytes a text takes in UTF-8."""
    return len(text.encode("utf-8", "replace"))


def _written(plan: Plan | None, failure: Failure | None, limit: int, size: Size) -> str:
    said = headline(failure) + "." if failure else verdict(plan) if plan else ""
    head = f"### Ordain plan\n\n**{markdown(said)}**"
    closing = f"<sub>{markdown(against(plan))}</sub>" if plan else ""
    room = limit - size(head) - size(closing) - 400
    parts = [Part(0, each) for each in sections(failure)] if failure else []
    if plan:
        parts += [Part(1, f"By what is committed: {markdown(verdict(plan))}")] if failure else []
        parts += _parts(plan, room * 9 // 10, size)
    kept, left = _fitting(parts, room, size)
    if left:
        kept.append(
            f"**{count(left, 'part')} left out to fit**: the full report is in the job's summary and among "
            "its files, and `ordain plan` prints it."
        )
    return "\n\n".join(each for each in (head, *kept, closing) if each) + "\n"


def _parts(plan: Plan, room: int, size: Size) -> Iterator[Part]:
    """Everything there is to say, in the order in which it is read."""
    retrained = pipelines(plan.stale, room // 2 if plan.changes else room, size)
    yield Part(0, _overview(plan, room - size(retrained), size))
    yield Part(0, retrained)
    for each in remarks(plan):
        yield Part(1, f"_{markdown(each)}_")
    for item in unrepeated(sorted(plan.changes, key=_urgency)):
        yield from _section(item)
    for stale in plan.stale:
        yield Part(2, pipeline(stale))


def _urgency(item: Item) -> int:
    """What blocks comes first; among equals the plan's own order stays."""
    return _URGENCY.index(_word(item))


def _word(item: Item) -> str:
    return standing(item).partition(":")[0].partition(" ")[0]


def _section(item: Item) -> Iterator[Part]:
    """One target: why, the numbers, who accepted it; then groups, curves and files."""
    essential = [heading(item), why(item), metrics(item), gates(item), approvals(item)]
    yield Part(2, "\n\n".join(each for each in essential if each))
    yield Part(3, fairness(item))
    yield Part(4, charts(item))
    yield Part(5, manifests(item))


def _fitting(parts: Sequence[Part], room: int, size: Size) -> tuple[list[str], int]:
    """The parts that fit, by rank, in the order in which they are read; how many did not."""
    chosen = set()
    said = [place for place, part in enumerate(parts) if part.text]
    for place in sorted(said, key=lambda place: parts[place].rank):
        taken = size(parts[place].text) + 2
        if taken <= room:
            chosen.add(place)
            room -= taken
    return [parts[place].text for place in sorted(chosen)], len(said) - len(chosen)


def _overview(plan: Plan, room: int, size: Size) -> str:
    """What changes, the blocked first, as many rows as fit; the rest in numbers.

    Environments in which the same happens to a model share a row.
    """
    places: dict[tuple[str, ...], list[str]] = {}
    for each in sorted(plan.changes, key=_urgency):
        same = (each.target.model, each.action, movement(each), _word(each), standing(each))
        places.setdefault(same, []).append(each.target.environment)
    rows, left = [], len(plan.changes)
    for (model, action, moved, word, words), environments in places.items():
        cells = [", ".join(code(each) for each in environments), code(model), action, code(moved)]
        row = [*cells, f"{_SIGN[word]} {markdown(words)}"]
        room -= sum(size(cell) + 3 for cell in row) + 2
        if room < 0:
            break
        rows.append(row)
        left -= len(environments)
    table = grid(["environment", "model", "action", "release", "standing"], rows) if rows else ""
    rest = [f"{left} more change"] if left else []
    quiet = len(plan.items) - len(plan.changes)
    rest += [f"{quiet} up to date"] if quiet else []
    return "\n\n".join(each for each in (table, f"_{', '.join(rest)}_" if rest else "") if each)
