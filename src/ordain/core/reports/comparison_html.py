"""A comparison as one self-contained page: parallel coordinates, score against cost, and the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ordain.core.escaping import hypertext, number, visible
from ordain.core.metrics import METRICS
from ordain.core.reports.charts import BLUE, GREY, frame
from ordain.core.reports.comparison import Comparison, Run
from ordain.core.reports.comparison_text import head, row, sections
from ordain.core.reports.report_html import UNDRAWN, Draw, document, table

_LABEL = 40


def page(found: Comparison, draw: Draw | None) -> str:
    """The whole document.

    Args:
        draw: turns a chart's specification into SVG; None leaves the charts out, and says so.
    """
    parts = [f"<h1>{hypertext(found.model)}: {len(found.runs)} runs by {hypertext(found.metric)}</h1>"]
    for heading, runs in sections(found.runs):
        parts += [f"<h2>{hypertext(heading)}</h2>", *_charts(found, runs, draw), _table(found, runs)]
    parts += [f'<p class="faint">{hypertext(each)}</p>' for each in found.notes]
    if draw is None:
        parts.append(UNDRAWN)
    return document(f"Ordain compare {found.model}", parts)


def _table(found: Comparison, runs: Sequence[Run]) -> str:
    columns = (found.metric, *(name for name in shared(runs) if name != found.metric))
    return table(head(columns), [row(each, columns) for each in runs])


def _charts(found: Comparison, runs: Sequence[Run], draw: Draw | None) -> list[str]:
    if draw is None or len(runs) < 2:
        return []
    timed = [each for each in runs if each.seconds is not None and found.metric in each.metrics]
    return [draw(parallel(found, runs)), *([draw(scatter(found, timed))] if len(timed) > 1 else [])]


def shared(runs: Sequence[Run]) -> list[str]:
    """Metrics that every run has, by name."""
    return sorted(set.intersection(*(set(each.metrics) for each in runs))) if runs else []


def label(run: Run) -> str:
    """What a run is called in a chart."""
    return visible(f"{run.candidate} · {run.source}", _LABEL)


def parallel(found: Comparison, runs: Sequence[Run]) -> dict[str, Any]:
    """Parallel coordinates (Inselberg 1985): one axis a metric, each from its worst to its best run, so that
    up is better on every one of them."""
    axes = [found.metric, *(name for name in shared(runs) if name != found.metric)]
    axes = [name for name in axes if all(name in each.metrics for each in runs)]
    points = [point for name in axes for point in _axis(name, runs)]
    x = {"field": "axis", "type": "nominal", "sort": axes, "title": None, "axis": {"labelAngle": -25}}
    y = {"field": "place", "type": "quantitative", "axis": None, "scale": {"domain": [-0.04, 1.05]}}
    ends = [end for name in axes for end in _ends(name, runs)]
    lines = {
        "data": {"values": points},
        "mark": {"type": "line", "point": True, "opacity": 0.85},
        "encoding": {"x": x, "y": y, "color": _colour(runs), "detail": {"field": "number"}},
    }
    words = {
        "data": {"values": ends},
        "mark": {"type": "text", "color": "currentColor", "fontSize": 10, "dx": 24},
        "encoding": {"x": x, "y": {**y, "field": "mark"}, "text": {"field": "text"}},
    }
    rule = {
        "mark": {"type": "rule", "color": GREY, "opacity": 0.5},
        "encoding": {"x": x},
        "data": {"values": ends},
    }
    title = "Every metric, the best of these runs on top"
    return {**frame(title, max(360, 72 * len(axes)), 240), "layer": [rule, lines, words]}


def _axis(metric: str, runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    worst, best = _range(metric, runs)
    for place, run in enumerate(runs):
        share = (run.metrics[metric] - worst) / (best - worst) if best != worst else 1.0
        yield {"axis": metric, "place": share, "run": label(run), "number": place}


def _ends(metric: str, runs: Sequence[Run]) -> list[dict[str, Any]]:
    places = zip((0.0, 1.0), _range(metric, runs), strict=True)
    return [
        {"axis": metric, "place": place, "mark": 1.045 * place - 0.02, "text": number(value)}
        for place, value in places
    ]


def _range(metric: str, runs: Sequence[Run]) -> tuple[float, float]:
    values = sorted(run.metrics[metric] for run in runs)
    known = METRICS.get(metric)
    return (values[0], values[-1]) if known is None or known.greater_is_better else (values[-1], values[0])


def _colour(runs: Sequence[Run]) -> dict[str, Any]:
    names = list(dict.fromkeys(label(each) for each in runs))
    legend = {"title": None, "orient": "bottom", "columns": 3}
    return {"field": "run", "type": "nominal", "scale": {"domain": names}, "legend": legend}


def scatter(found: Comparison, runs: Sequence[Run]) -> dict[str, Any]:
    """The metric with its 95 % interval against what the run cost, of runs that have both."""
    rows = [
        {
            "run": label(each),
            "seconds": each.seconds,
            "value": each.metrics[found.metric],
            "low": each.intervals[found.metric].low if found.metric in each.intervals else None,
            "high": each.intervals[found.metric].high if found.metric in each.intervals else None,
        }
        for each in runs
    ]
    x = {"field": "seconds", "type": "quantitative", "title": "seconds"}
    up = {"type": "quantitative", "scale": {"zero": False}, "title": visible(found.metric)}
    return {
        **frame(f"{visible(found.metric)} and its 95 % interval against cost", 360, 240),
        "data": {"values": rows},
        "encoding": {"x": x, "color": _colour(runs)},
        "layer": [
            {
                "mark": {"type": "rule", "opacity": 0.6},
                "encoding": {
                    "y": {**up, "field": "low"},
                    "y2": {"field": "high"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "color": BLUE},
                "encoding": {"y": {**up, "field": "value"}},
            },
        ],
    }
