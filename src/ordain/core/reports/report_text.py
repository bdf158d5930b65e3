"""The plan for a terminal: plain text whose columns line up; colour is the caller's business."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ordain.core.escaping import number, visible, visible_lines
from ordain.core.plans.plan import FileChange, GateLine, Item, Plan
from ordain.core.reports.report import (
    GROUP_COLUMNS,
    ROLE_COLUMNS,
    against,
    cost,
    count,
    delta,
    gate_of,
    group_rows,
    interval,
    leads,
    movement,
    ordered_metrics,
    outcome,
    remarks,
    replaces,
    role_rows,
    standing,
    title,
    values,
    verdict,
)

# (text, role) -> text; the roles are `good`, `bad`, `new`, `old`, `strong` and `faint`.
Paint = Callable[[str, str], str]
# (head, rows) -> lines; a terminal draws its own.
Grid = Callable[[Sequence[str], Sequence[Sequence[str]]], list[str]]
_WHY_ROWS = 40


def plain_paint(text: str, _role: str) -> str:
    """No colour."""
    return text


def text(plan: Plan, paint: Paint = plain_paint) -> str:
    """The report: verdict, overview, then one section for each target that changes."""
    lines = [paint(visible(verdict(plan)), "strong"), paint(f"Plan of {visible(against(plan))}", "faint"), ""]
    rows = [(title(each.target), each.action, movement(each), standing(each)) for each in plan.items]
    lines += [_painted(row, paint) for row in table(rows)]
    lines += [f"  note: {visible(each)}" for each in remarks(plan)]
    for item in plan.changes:
        lines += ["", *_section(item, paint)]
    for each in plan.stale:
        head = f"pipeline {visible(each.model)}: {count(len(each.stages), 'stage')} would run"
        lines += ["", paint(head, "strong")]
        lines += table([(cause.kind, cause.sentence) for cause in each.causes], "    ")
        lines.append(f"    runs: {visible(', '.join(each.stages))}")
        lines.append(f"    costs: {visible(cost(each) + leads(each))}")
    if plan.revision.uncommitted:
        lines += ["", "uncommitted, so nobody can approve it yet:"]
        lines += [f"    {visible(path)}" for path in plan.revision.uncommitted]
    return "\n".join(lines).rstrip()


def table(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Rows of cells as lines with columns two spaces apart."""
    safe = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in safe) for index in range(len(safe[0]))] if safe else []
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in safe
    ]


def plain_grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table under its head, for what is no terminal."""
    return table([head, *rows])


def _painted(line: str, paint: Paint) -> str:
    if line.endswith(("up to date",)):
        return paint(line, "faint")
    return paint(line, "good") if line.endswith("approved") else paint(line, "bad")


def _section(item: Item, paint: Paint) -> Iterator[str]:
    head = "  ".join(each for each in (title(item.target), item.action, movement(item)) if each)
    yield paint(visible(head), "strong")
    yield f"  {paint(visible(standing(item)), 'good' if item.approved else 'bad')}" + _detail(item)
    yield from _titled("why", _why(item))
    yield from _titled("metrics on the holdout", _metrics(item))
    yield from _titled("gates", _gates(item.gates))
    yield from _titled("fairness by group on the holdout", _groups(item))
    yield from _titled("approvals", _approvals(item))
    yield from _titled("manifests", _files(item.files, paint))


def _detail(item: Item) -> str:
    return f": {visible(item.detail)}" if item.detail and not item.approved else ""


def _titled(head: str, lines: list[str]) -> list[str]:
    return [f"  {head}", *lines] if lines else []


def _why(item: Item) -> list[str]:
    rows = [(each.slice, each.key, "{} -> {}".format(*values(each))) for each in item.changes]
    lines = table(rows[:_WHY_ROWS], "    ")
    if len(rows) > _WHY_ROWS:
        lines.append(f"    and {len(rows) - _WHY_ROWS} more (--json has them all)")
    return [*lines, *(f"    note: {visible(note)}" for note in item.notes)]


def _metrics(item: Item) -> list[str]:
    rows = [
        (
            each.metric,
            number(each.deployed),
            f"{number(each.proposed)} {interval(each.proposed_interval)}".rstrip(),
            delta(each),
            gate_of(each.metric, item.gates),
        )
        for each in ordered_metrics(item)
    ]
    head = ("", "deployed", "proposed", "difference", "gate")
    return table([head, *rows], "    ") if rows and replaces(item) else []


def _groups(item: Item) -> list[str]:
    rows = group_rows(item)
    return table([GROUP_COLUMNS, *rows], "    ") if rows else []


def _gates(gates: Sequence[GateLine]) -> list[str]:
    rows = []
    for each in gates:
        note = each.waived or (each.detail if each.outcome != "pass" else "")
        bound = f"bound {each.bound:g}" if each.bound is not None else ""
        measured = f"{number(each.value)} {interval(each.interval)}".rstrip()
        rows.append((outcome(each), each.gate, measured, bound, note))
    return table(rows, "    ")


def _approvals(item: Item) -> list[str]:
    rows = role_rows(item)
    lines = table([ROLE_COLUMNS, *rows], "    ") if rows else ["    none yet"]
    if item.contributors:
        lines.append(f"    contributed, so can't count: {visible(', '.join(item.contributors))}")
    return lines


def _files(files: Sequence[FileChange], paint: Paint) -> list[str]:
    """Every changed file's diff; of a file that is new or gone only its size."""
    lines = []
    for each in files:
        mark = {"added": "+", "removed": "-", "changed": "~"}[each.kind]
        role = {"added": "new", "removed": "old", "changed": "strong"}[each.kind]
        lines.append(paint(f"    {mark} {visible(each.path)} (+{each.added} -{each.removed})", role))
        if each.kind == "changed":
            lines += [_diff_line(line, paint) for line in visible_lines(each.diff).split("\n")[2:]]
    return lines


def _diff_line(line: str, paint: Paint) -> str:
    role = {"+": "new", "-": "old", "@": "faint"}.get(line[:1], "")
    return paint(f"      {line}", role) if role else f"      {line}"
