"""The plan as one self-contained page: no script, no request to anywhere."""

from __future__ import annotations

import html
from collections.abc import Sequence

from ordain.core.escaping import hypertext, number, visible_lines
from ordain.core.plan import Item, Plan
from ordain.core.report import (
    against,
    approvers,
    delta,
    interval,
    movement,
    outcome,
    remarks,
    roles,
    standing,
    title,
    verdict,
)
from ordain.core.report import values as shown_values

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#1d2330}
table{border-collapse:collapse;margin:1rem 0;width:100%}
td{overflow-wrap:anywhere}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9dde5;vertical-align:top}
td,code,pre{font-variant-numeric:tabular-nums}pre{background:#f5f6f8;padding:1rem;overflow:auto;font-size:13px}
.plus{color:#116329}.minus{color:#a40e26}.faint{color:#5b6472}h1{font-size:1.5rem}h2{font-size:1.15rem}
@media(prefers-color-scheme:dark){body{background:#14171d;color:#e6e9ef}pre{background:#1d222b}
th,td{border-color:#2d3440}.plus{color:#6fdd8b}.minus{color:#ff8f9b}.faint{color:#9aa4b2}}
"""


def page(plan: Plan) -> str:
    """The whole document."""
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
        *(_section(each) for each in plan.changes),
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
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>" if rows else ""


def _section(item: Item) -> str:
    why = [[each.slice, each.key, *shown_values(each)] for each in item.changes]
    metrics = [
        [each.metric, number(each.deployed), number(each.proposed), delta(each)] for each in item.metrics
    ]
    gates = [
        [
            outcome(each),
            each.gate,
            f"{number(each.value)} {interval(each.interval)}",
            "" if each.bound is None else f"{each.bound:g}",
            each.waived or each.detail,
        ]
        for each in item.gates
    ]
    present = ", ".join(approvers(item)) or "none yet"
    missing = f" Missing: {roles(item.missing)}." if item.missing else ""
    return "\n".join(
        [
            f"<h2>{hypertext(title(item.target))}: {item.action} {hypertext(movement(item))}</h2>",
            f"<p>{hypertext(standing(item))} {hypertext(item.detail)}</p>",
            *(f'<p class="faint">{hypertext(note)}</p>' for note in item.notes),
            table(["because of", "key", "deployed", "proposed"], why),
            table(["metric", "deployed", "proposed", "difference"], metrics),
            table(["verdict", "gate", "value", "bound", "note"], gates),
            f"<p>Approvals: {hypertext(present)}.{hypertext(missing)}</p>",
            _diff(item),
        ]
    )


def _diff(item: Item) -> str:
    if not item.files:
        return ""
    lines = "\n".join(_diff_line(line) for each in item.files for line in each.diff.split("\n"))
    return f"<details><summary>Manifests: {len(item.files)} files</summary><pre>{lines}</pre></details>"


def _diff_line(line: str) -> str:
    kind = {"+": "plus", "-": "minus", "@": "faint"}.get(line[:1])
    text = html.escape(visible_lines(line))
    return f'<span class="{kind}">{text}</span>' if kind else text


def _stale(plan: Plan) -> list[str]:
    return [
        f"<h2>Pipeline {hypertext(each.model)} would run</h2><ul>"
        + "".join(f"<li>{hypertext(reason)}</li>" for reason in each.why)
        + f"</ul><p>Stages: {hypertext(', '.join(each.stages))}</p>"
        for each in plan.stale
    ]
