"""A comparison as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ordain.core.escaping import number, shown, visible
from ordain.core.reports.comparison import Comparison, Run, alike
from ordain.core.reports.report import interval, lasting
from ordain.core.reports.report_text import Grid, plain_grid

HEADINGS = {"holdout": "on the holdout", "cross-validation": "by cross-validation of the training side"}


def text(found: Comparison, metrics: Sequence[str] = (), grid: Grid = plain_grid) -> str:
    """A table for each set of rows, because what was measured on different rows is not comparable.

    Args:
        metrics: columns besides the one by which the runs are sorted. grid: draws a table.
    """
    columns = (found.metric, *(each for each in metrics if each != found.metric))
    lines = []
    for heading, runs in sections(found.runs):
        lines += [f"{visible(found.model)} {heading}, best first"]
        lines += [*grid(head(columns), [row(each, columns) for each in runs]), ""]
    lines += [f"note: {visible(each)}" for each in found.notes]
    return "\n".join(lines).rstrip() or f"{visible(found.model)}: nothing has run yet"


def sections(runs: Sequence[Run]) -> list[tuple[str, tuple[Run, ...]]]:
    """Runs that can be compared with one another, and what to call them: by their rows where those of
    others differ."""
    groups = alike(runs)
    kinds = [group[0].measured for group in groups]
    return [
        (HEADINGS[group[0].measured] + (_rows(group[0]) if kinds.count(group[0].measured) > 1 else ""), group)
        for group in groups
    ]


def _rows(run: Run) -> str:
    digest = run.rows.partition(":")[2][:7] if run.rows else "unknown"
    return f" (rows {visible(digest)})"


def head(metrics: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns of `row`; the metric that decides stands near its run."""
    return ("source", "candidate", *metrics[:1], "", "cost", "parameters", *metrics[1:])


def row(run: Run, metrics: Sequence[str]) -> tuple[str, ...]:
    """The cells of one run."""
    cost = lasting(run.seconds) if run.seconds is not None else "-"
    first, *rest = (value(run, each) for each in metrics)
    return (run.source, run.candidate, first, remark(run), cost, parameters(run.parameters), *rest)


def value(run: Run, metric: str) -> str:
    """`0.8398 [0.8173, 0.8610]`."""
    ends = run.intervals.get(metric)
    between = interval((ends.low, ends.high)) if ends else ""
    return f"{number(run.metrics.get(metric))} {between}".rstrip()


def parameters(values: Mapping[str, Any]) -> str:
    """`max_depth=3 n_estimators=200`."""
    return " ".join(f"{name}={shown(each)}" for name, each in sorted(values.items()))


def remark(run: Run) -> str:
    """What else there is to know: that it was selected, or where it runs."""
    if run.runs_in:
        return f"runs in {', '.join(run.runs_in)}"
    return "champion" if run.champion and run.measured == "cross-validation" else ""
