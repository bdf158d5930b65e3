"""Curves as charts: a few points in a comment (Mermaid, which forges draw themselves), all of them on a page.

Every word in a chart is from here, and so is every colour: what runs is grey, what is wanted is blue.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from ordain.core.plans.plan import CurveLine
from ordain.core.releasing.measured import Curve, Points

GREY, BLUE, FAINT = "#8c959f", "#0969da", "#d0d7de"
_STEPS = 20
TITLES: Mapping[Curve, tuple[str, str, str]] = {
    "calibration": ("Calibration on the holdout", "predicted probability", "observed share"),
    "roc": ("ROC on the holdout", "false positive rate", "true positive rate"),
}
_INIT = (
    '%%{init: {"xyChart": {"width": 460, "height": 280}, '
    '"themeVariables": {"xyChart": {"plotColorPalette": "COLOURS"}}}}%%'
)


def mermaid(line: CurveLine) -> str:
    """The chart as text that GitHub and GitLab draw; empty when there is nothing to draw.

    An `xychart` spaces its values evenly, so both curves are read off, between their points, at the same
    places. The last line, in the faint colour, is where a perfectly calibrated or a guessing model lies.
    """
    both = ((GREY, line.deployed), (BLUE, line.proposed))
    known = [(colour, points) for colour, points in both if len(points) > 1]
    low = max((points[0][0] for _, points in known), default=1.0)
    high = min((points[-1][0] for _, points in known), default=0.0)
    if not high > low:
        return ""
    title, across, up = TITLES[line.curve]
    at = [low + (high - low) * step / _STEPS for step in range(_STEPS + 1)]
    colours = [
        *([GREY] if len(line.deployed) > 1 else []),
        *([BLUE] if len(line.proposed) > 1 else []),
        FAINT,
    ]
    rows = [
        _INIT.replace("COLOURS", ", ".join(colours)),
        "xychart-beta",
        f'  title "{title}"',
        f'  x-axis "{across}" {low:.3g} --> {high:.3g}',
        f'  y-axis "{up}" 0 --> 1',
        *(_line([value_at(points, x) for x in at]) for _, points in known),
        _line(at),
    ]
    return "\n".join(rows)


def _line(values: Sequence[float]) -> str:
    return f"  line [{', '.join(f'{each:.3g}' for each in values)}]"


def value_at(points: Points, x: float) -> float:
    """The curve's height at a place, on the straight line between its neighbours.

    Args:
        points: from left to right, at least one; a step up is several points at one place, and there the
            highest counts.
    """
    places = [each for each, _ in points]
    right = bisect_left(places, x)
    if right == len(points):
        return points[-1][1]
    if right == 0 or places[right] == x:
        return max(height for place, height in points if place == places[right])
    (x0, y0), (x1, y1) = points[right - 1], points[right]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def curve_chart(line: CurveLine, names: tuple[str, str]) -> dict[str, Any]:
    """The chart with every point, as a Vega-Lite 5 specification.

    Args:
        line: the curves. names: of what runs and of what is wanted, for the legend.
    """
    title, across, up = TITLES[line.curve]
    order = [f"deployed {names[0]}", f"proposed {names[1]}"]
    rows = [
        {"x": x, "y": y, "release": name}
        for name, points in zip(order, (line.deployed, line.proposed), strict=True)
        for x, y in points
    ]
    return {
        **frame(title, 300, 220),
        "layer": [
            {
                "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
                "mark": {"type": "line", "strokeDash": [4, 4], "color": GREY, "opacity": 0.6},
                "encoding": {"x": _axis("x", across), "y": _axis("y", up)},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "line", "point": line.curve == "calibration", "interpolate": "linear"},
                "encoding": {
                    "x": _axis("x", across),
                    "y": _axis("y", up),
                    "order": {"field": "x"},
                    "color": {
                        "field": "release",
                        "scale": {"domain": order, "range": [GREY, BLUE]},
                        "legend": {"orient": "bottom", "title": None},
                    },
                },
            },
        ],
    }


def _axis(field: str, title: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, "scale": {"domain": [0, 1]}}


def frame(title: str, width: int, height: int) -> dict[str, Any]:
    """What every chart begins with: its text takes the page's own colour, so it reads in the dark too."""
    # Without limits: Vega cuts a text between the halves of a character. Callers keep their words short.
    limits = {"labelLimit": 0, "titleLimit": 0}
    words = {"labelColor": "currentColor", "titleColor": "currentColor", **limits}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {"text": title, "color": "currentColor", "anchor": "start", "fontWeight": "normal"},
        "width": width,
        "height": height,
        "background": None,
        "config": {
            "view": {"stroke": None},
            "axis": {
                **words,
                "labelFontSize": 11,
                "gridColor": GREY,
                "gridOpacity": 0.25,
                "domainColor": GREY,
                "tickColor": GREY,
            },
            "legend": {**words, "labelFontSize": 11},
        },
    }
