"""The sections of the Markdown report: one function each, and nothing where there is nothing to say."""

from __future__ import annotations

from collections.abc import Sequence

from ordain.core.escaping import code, fenced, markdown, number
from ordain.core.pipelines.stale import Stale
from ordain.core.plans.plan import Item
from ordain.core.reports import charts as drawing
from ordain.core.reports.report import (
    GROUP_COLUMNS,
    cost,
    count,
    delta,
    failing,
    fairness_gates,
    gate_of,
    group_rows,
    interval,
    leads,
    movement,
    ordered_metrics,
    outcome,
    replaces,
    role_rows,
    title,
    values,
)

_MOST_WHY = 40


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the cells are escaped already."""
    return "\n".join([_row(head), _row(["---"] * len(head)), *(_row(each) for each in rows)])


def folded(summary: str, body: str, *, unfolded: bool = False) -> str:
    """A part that a click opens; the summary is escaped already."""
    return f"<details{' open' if unfolded else ''}><summary>{summary}</summary>\n\n{body}\n\n</details>"


def heading(item: Item) -> str:
    """Which target, what happens to it, and why it is blocked."""
    head = f"#### {code(title(item.target))}: {item.action} {code(movement(item))}".rstrip()
    return f"{head}\n\n> {markdown(item.detail)}" if item.detail and not item.approved else head


def why(item: Item) -> str:
    """Which keys and files differ."""
    rows = [[each.slice, code(each.key), *(code(value) for value in values(each))] for each in item.changes]
    parts = [grid(["because of", "key", "deployed", "proposed"], rows[:_MOST_WHY])] if rows else []
    if len(rows) > _MOST_WHY:
        parts.append(f"_and {len(rows) - _MOST_WHY} more_")
    return "\n\n".join([*parts, *(f"_{markdown(note)}_" for note in item.notes)])


def metrics(item: Item) -> str:
    """The wanted release's metrics on the holdout beside those of the one that runs."""
    if not item.metrics or not replaces(item):
        return ""
    rows = [
        [
            code(each.metric),
            number(each.deployed),
            f"{number(each.proposed)} {interval(each.proposed_interval)}".rstrip(),
            delta(each),
            gate_of(each.metric, item.gates),
        ]
        for each in ordered_metrics(item)
    ]
    return grid(["metric", "deployed", "proposed", "difference", "gate"], rows)


def gates(item: Item) -> str:
    """Every verdict; open when one blocks."""
    if not item.gates:
        return ""
    rows = [
        [
            outcome(each),
            code(each.gate),
            f"{number(each.value)} {interval(each.interval)}".rstrip(),
            f"{each.bound:g}" if each.bound is not None else "",
            markdown(each.waived or each.detail),
        ]
        for each in item.gates
    ]
    blocking = failing(item.gates)
    waived = sum(bool(each.waived) for each in item.gates)
    summary = f"{count(len(item.gates), 'gate')}: {len(item.gates) - len(blocking) - waived} pass"
    summary += f", {waived} waived" if waived else ""
    summary += f", {len(blocking)} block" if blocking else ""
    return folded(summary, grid(["verdict", "gate", "value", "bound", "note"], rows), unfolded=bool(blocking))


def approvals(item: Item) -> str:
    """By role who accepted the very transition and who is missing; and who can't count."""
    rows = [(code(role), code(present), missing) for role, present, missing in role_rows(item)]
    table = grid(["approvals of", "present", "missing"], rows) if rows else "Approvals: none yet."
    barred = ", ".join(code(each) for each in item.contributors)
    return f"{table}\n\nContributed, so can't count: {barred}." if barred else table


def fairness(item: Item) -> str:
    """How the wanted release decides on each group, and what it was before; open when a gate blocks."""
    if not item.groups:
        return ""
    rows = [[code(row[0]), code(row[1]), *row[2:]] for row in group_rows(item)]
    judged = fairness_gates(item)
    said = ", ".join(f"{code(each.gate.partition('.')[2])} {outcome(each)}" for each in judged)
    summary = f"Fairness by group on the holdout of {code(item.wanted or '')}{': ' + said if said else ''}"
    return folded(summary, grid(GROUP_COLUMNS, rows), unfolded=bool(failing(judged)))


def charts(item: Item) -> str:
    """The curves of both releases, as far as there are any."""
    drawn = [text for text in map(drawing.mermaid, item.curves) if text]
    if not drawn:
        return ""
    both = any(each.deployed for each in item.curves)
    grey = f"Grey: {code(item.deployed or '')}, which runs. " if both else ""
    legend = f"{grey}Blue: {code(item.wanted or '')}. Faint: perfect calibration, or guessing."
    body = "\n\n".join([legend, *(fenced(each, "mermaid") for each in drawn)])
    return folded(f"Curves of {code(title(item.target))}", body, unfolded=True)


def manifests(item: Item) -> str:
    """The diff of every rendered file."""
    if not item.files:
        return ""
    added, removed = sum(each.added for each in item.files), sum(each.removed for each in item.files)
    summary = (
        f"Manifests of {code(title(item.target))}: {count(len(item.files), 'file')}, +{added} -{removed}"
    )
    return folded(summary, fenced("\n".join(each.diff for each in item.files if each.diff), "diff"))


def pipeline(stale: Stale) -> str:
    """What would run, why, what it costs and where its release would go."""
    rows = [[each.kind, code(each.name), code(each.sentence)] for each in stale.causes]
    shown = grid(["because of", "name", "what differs"], rows[:_MOST_WHY])
    more = f"\n\n_and {len(rows) - _MOST_WHY} more_" if len(rows) > _MOST_WHY else ""
    stages = ", ".join(code(stage) for stage in stale.stages)
    head = f"#### Pipeline {code(stale.model)} would run"
    return f"{head}\n\n{shown}{more}\n\nStages: {stages}. Cost: {markdown(cost(stale) + leads(stale))}."
