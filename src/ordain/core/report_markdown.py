"""The plan as one comment on a pull request: the verdict first, the diff folded away.

Everything that a spec can hold goes through `escaping`: nothing in it can be markup, a mention or a row.
"""

from __future__ import annotations

from collections.abc import Sequence

from ordain.core.escaping import code, fenced, markdown, number
from ordain.core.plan import GateLine, Item, Plan
from ordain.core.report import (
    against,
    approvers,
    count,
    delta,
    failing,
    interval,
    movement,
    outcome,
    remarks,
    roles,
    standing,
    title,
    values,
    verdict,
)

# By this line the one living comment is found again and updated in place.
MARKER = "<!-- ordain:plan -->"
LIMIT = 60_000
_SIGN = {"approved": "✅", "needs": "⏳", "blocked": "⛔", "up": "·"}


def comment(plan: Plan, limit: int = LIMIT) -> str:
    """The comment.

    Args:
        plan: what to report.
        limit: characters; what does not fit is named and left out, the diffs first.
    """
    parts = [f"{MARKER}\n### Ordain plan\n\n**{markdown(verdict(plan))}**", _overview(plan)]
    parts += [f"_{markdown(each)}_" for each in remarks(plan)]
    details = [_section(each) for each in plan.changes]
    diffs = [_diff(each) for each in plan.changes if each.files]
    stale = _stale(plan)
    closing = f"<sub>{markdown(against(plan))}</sub>"
    room = limit - len(closing) - 200
    kept, left = _fitting([*parts, *details, *stale], diffs, room)
    if left:
        kept.append(f"{count(left, 'section')} left out to fit: `ordain plan` shows everything.")
    return "\n\n".join([*kept, closing]) + "\n"


def _fitting(first: Sequence[str], then: Sequence[str], room: int) -> tuple[list[str], int]:
    """As many parts as fit, in order; how many did not."""
    kept: list[str] = []
    left = 0
    for part in (*first, *then):
        if len(part) + 2 <= room:
            kept.append(part)
            room -= len(part) + 2
        else:
            left += 1
    return kept, left


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the cells are escaped already."""
    return "\n".join([_row(head), _row(["---"] * len(head)), *(_row(each) for each in rows)])


def _overview(plan: Plan) -> str:
    rows = []
    for each in plan.items:
        words = standing(each)
        sign = _SIGN[words.partition(":")[0].partition(" ")[0]]
        cells = [code(each.target.environment), code(each.target.model), each.action]
        rows.append([*cells, code(movement(each)), f"{sign} {markdown(words)}"])
    return grid(["environment", "model", "action", "release", "standing"], rows) if rows else ""


def _section(item: Item) -> str:
    parts = [f"#### {code(title(item.target))}: {item.action} {code(movement(item))}".rstrip()]
    if item.detail and not item.approved:
        parts.append(f"> {markdown(item.detail)}")
    if item.changes or item.notes:
        parts.append(_why(item))
    if item.metrics:
        parts.append(_metrics(item))
    if item.gates:
        parts.append(_gates(item.gates))
    parts.append(_approvals(item))
    return "\n\n".join(parts)


def _why(item: Item) -> str:
    rows = [[each.slice, code(each.key), *(code(value) for value in values(each))] for each in item.changes]
    table = [grid(["because of", "key", "deployed", "proposed"], rows)] if rows else []
    return "\n\n".join([*table, *(f"_{markdown(note)}_" for note in item.notes)])


def _metrics(item: Item) -> str:
    verdicts = {each.gate.partition(".")[2]: each for each in item.gates if each.gate.startswith("quality.")}
    rows = []
    for each in item.metrics:
        gate = verdicts.get(each.metric)
        cells = [code(each.metric), number(each.deployed), number(each.proposed), delta(each)]
        rows.append([*cells, outcome(gate) if gate else ""])
    return grid(["metric", "deployed", "proposed", "difference", "gate"], rows)


def _gates(gates: Sequence[GateLine]) -> str:
    rows = [
        [
            outcome(each),
            code(each.gate),
            f"{number(each.value)} {interval(each.interval)}".rstrip(),
            f"{each.bound:g}" if each.bound is not None else "",
            markdown(each.waived or each.detail),
        ]
        for each in gates
    ]
    blocking = failing(gates)
    waived = sum(bool(each.waived) for each in gates)
    summary = f"{count(len(gates), 'gate')}: {len(gates) - len(blocking) - waived} pass"
    summary += f", {waived} waived" if waived else ""
    summary += f", {len(blocking)} block" if blocking else ""
    table = grid(["verdict", "gate", "value", "bound", "note"], rows)
    return f"<details{' open' if blocking else ''}><summary>{summary}</summary>\n\n{table}\n\n</details>"


def _approvals(item: Item) -> str:
    present = ", ".join(code(each) for each in approvers(item)) or "none yet"
    missing = f" Missing: {code(roles(item.missing))}." if item.missing else ""
    barred = ", ".join(code(each) for each in item.contributors)
    return f"Approvals: {present}.{missing}" + (f" Contributed, so can't count: {barred}." if barred else "")


def _diff(item: Item) -> str:
    added, removed = sum(each.added for each in item.files), sum(each.removed for each in item.files)
    summary = (
        f"Manifests of {code(title(item.target))}: {count(len(item.files), 'file')}, +{added} -{removed}"
    )
    body = "\n".join(each.diff for each in item.files)
    return f"<details><summary>{summary}</summary>\n\n{fenced(body, 'diff')}\n\n</details>"


def _stale(plan: Plan) -> list[str]:
    parts = []
    for each in plan.stale:
        reasons = "\n".join(f"- {code(reason)}" for reason in each.why)
        stages = ", ".join(code(stage) for stage in each.stages)
        parts.append(f"#### Pipeline {code(each.model)} would run\n\n{reasons}\n\nStages: {stages}")
    return parts
