"""The plan as one self-contained page: no script, no request to anywhere."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ordain.core.escaping import hypertext, number, visible, visible_lines
from ordain.core.plans.plan import Item, Plan
from ordain.core.reports.charts import curve_chart
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
    role_rows,
    standing,
    title,
    unrepeated,
    verdict,
)
from ordain.core.reports.report import values as shown_values

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#1d2330}
table{border-collapse:collapse;margin:1rem 0;width:100%}
.wide{overflow-x:auto}td{overflow-wrap:break-word;max-width:28rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9dde5;vertical-align:top}
td,code,pre{font-variant-numeric:tabular-nums}pre{background:#f5f6f8;padding:1rem;overflow:auto;font-size:13px}
.plus{color:#116329}.minus{color:#a40e26}.faint{color:#5b6472}h1{font-size:1.5rem}h2{font-size:1.15rem}
svg{max-width:100%;height:auto;margin:.5rem 1.5rem .5rem 0}
@media(prefers-color-scheme:dark){body{background:#14171d;color:#e6e9ef}pre{background:#1d222b}
th,td{border-color:#2d3440}.plus{color:#6fdd8b}.minus{color:#ff8f9b}.faint{color:#9aa4b2}}
"""


UNDRAWN = "<p class='faint'>For charts: <code>pip install vl-convert-python</code>.</p>"
Draw = Callable[[Mapping[str, Any]], str]


def page(plan: Plan, draw: Draw | None = None) -> str:
    """The whole document.

    Args:
        plan: what to report.
        draw: turns a chart's specification into SVG; None leaves the charts out, and says so.
    """
    overview = table(
        ["environment", "model", "action", "release", "standing"],
        [
            [each.target.environment, each.target.model, each.action, movement(each), standing(each)]
            for each in plan.items
        ],
    )
    parts = [
        f"<h1>{hypertext(verdict(plan))}</h1>",
        f'<p class="faint">{hypertext(against(plan))}</p>',
        overview,
        *(f'<p class="faint">{hypertext(each)}</p>' for each in remarks(plan)),
        *(_section(each, draw) for each in unrepeated(plan.changes)),
        *_stale(plan),
    ]
    return document("Ordain plan", parts)


def document(title: str, parts: Sequence[str]) -> str:
    """A page of its own: no script, no request to anywhere.

    Args:
        title: of the window. parts: HTML, each already escaped.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>{hypertext(title)}</title>'
        f"<style>{_STYLE}</style></head><body><main>"
    )
    return head + "\n".join(parts) + "</main></body></html>\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of plain text; nothing when there are no rows, no head when all its cells are empty."""
    titles = "".join(f'<th scope="col">{hypertext(each)}</th>' for each in head if any(head))
    body = "".join("<tr>" + "".join(f"<td>{hypertext(each)}</td>" for each in row) + "</tr>" for row in rows)
    found = f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{found}</div>' if rows else ""


def _section(item: Item, draw: Draw | None) -> str:
    barred = f"Contributed, so can't count: {', '.join(item.contributors)}" if item.contributors else ""
    detail = f": {item.detail}" if item.detail and not item.approved else ""
    why = [[each.slice, each.key, *shown_values(each)] for each in item.changes]
    return "\n".join(
        [
            f"<h2>{hypertext(title(item.target))}: {item.action} {hypertext(movement(item))}</h2>",
            f"<p>{hypertext(standing(item))}{hypertext(detail)}</p>",
            *(f'<p class="faint">{hypertext(note)}</p>' for note in item.notes),
            table(["because of", "key", "deployed", "proposed"], why),
            table(["metric", "deployed", "proposed", "difference", "gate"], _metrics(item)),
            table(["verdict", "gate", "value", "bound", "note"], _gates(item)),
            table(GROUP_COLUMNS, group_rows(item)),
            _curves(item, draw),
            table(["approvals of", *ROLE_COLUMNS[1:]], role_rows(item)) or "<p>Approvals: none yet.</p>",
            f"<p>{hypertext(barred)}</p>" if barred else "",
            _diff(item),
        ]
    )


def _metrics(item: Item) -> list[list[str]]:
    return [
        [
            each.metric,
            number(each.deployed),
            f"{number(each.proposed)} {interval(each.proposed_interval)}",
            delta(each),
            gate_of(each.metric, item.gates),
        ]
        for each in ordered_metrics(item)
    ]


def _gates(item: Item) -> list[list[str]]:
    return [
        [
            outcome(each),
            each.gate,
            f"{number(each.value)} {interval(each.interval)}",
            "" if each.bound is None else f"{each.bound:g}",
            each.waived or each.detail,
        ]
        for each in item.gates
    ]


def _curves(item: Item, draw: Draw | None) -> str:
    """The charts side by side; without what draws them, how to get it."""
    if not item.curves:
        return ""
    if draw is None:
        return UNDRAWN
    names = visible(item.deployed or "none", 40), visible(item.wanted or "none", 40)
    return f"<div>{''.join(draw(curve_chart(each, names)) for each in item.curves)}</div>"


def _diff(item: Item) -> str:
    if not item.files:
        return ""
    lines = "\n".join(_diff_line(line) for each in item.files for line in each.diff.split("\n"))
    return (
        f"<details><summary>Manifests: {count(len(item.files), 'file')}</summary><pre>{lines}</pre></details>"
    )


def _diff_line(line: str) -> str:
    kind = {"+": "plus", "-": "minus", "@": "faint"}.get(line[:1])
    text = html.escape(visible_lines(line))
    return f'<span class="{kind}">{text}</span>' if kind else text


def _stale(plan: Plan) -> list[str]:
    return [
        f"<h2>Pipeline {hypertext(each.model)} would run</h2>"
        + table(
            ["because of", "name", "what differs"],
            [[cause.kind, cause.name, cause.sentence] for cause in each.causes],
        )
        + f"<p>Stages: {hypertext(', '.join(each.stages))}</p>"
        + f"<p>{hypertext(cost(each) + leads(each))}</p>"
        for each in plan.stale
    ]
