"""Curves read off at even places say what the curves say, and a chart holds our words only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.plans.plan import CurveLine
from ordain.core.releasing.measured import Points
from ordain.core.reports.charts import BLUE, FAINT, GREY, curve_chart, mermaid, value_at

UP: Points = ((0.0, 0.0), (0.5, 0.8), (1.0, 1.0))
shares = st.floats(0, 1)


def line(deployed: Points = UP, proposed: Points = UP) -> CurveLine:
    return CurveLine(curve="roc", deployed=deployed, proposed=proposed)


@pytest.mark.parametrize(
    ("x", "expected"), [(0.0, 0.0), (0.25, 0.4), (0.5, 0.8), (0.75, 0.9), (1.0, 1.0), (2.0, 1.0), (-1.0, 0.0)]
)
def test_values_between_points(x: float, expected: float) -> None:
    assert value_at(UP, x) == pytest.approx(expected)


def test_of_a_step_the_top_counts() -> None:
    assert value_at(((0.0, 0.1), (0.0, 0.4), (1.0, 1.0)), 0.0) == 0.4


@given(st.lists(st.tuples(shares, shares), min_size=1), shares)
def test_a_value_lies_between_the_lowest_and_the_highest(points: list[tuple[float, float]], x: float) -> None:
    heights = [y for _, y in points]
    assert min(heights) - 1e-9 <= value_at(tuple(sorted(points)), x) <= max(heights) + 1e-9


def test_both_curves_and_the_diagonal() -> None:
    chart = mermaid(line()).split("\n")
    assert f'"plotColorPalette": "{GREY}, {BLUE}, {FAINT}"' in chart[0]
    assert chart[1] == "xychart-beta"
    assert '  x-axis "false positive rate" 0 --> 1' in chart
    lines = [each for each in chart if each.startswith("  line")]
    assert len(lines) == 3
    assert lines[0] == lines[1]
    assert lines[0].count(",") == 20


def test_one_curve_has_its_own_colour() -> None:
    assert f'"plotColorPalette": "{BLUE}, {FAINT}"' in mermaid(line(deployed=()))
    assert f'"plotColorPalette": "{GREY}, {FAINT}"' in mermaid(line(proposed=((0.5, 0.5),)))


def test_nothing_to_draw_is_no_chart() -> None:
    assert mermaid(line((), ())) == ""
    assert mermaid(line(((0.0, 0.0), (0.1, 0.1)), ((0.2, 0.2), (0.9, 0.9)))) == ""


def test_the_full_chart_has_every_point() -> None:
    spec = curve_chart(line(), ("churn@1", "churn@2"))
    rows = spec["layer"][1]["data"]["values"]
    assert [(row["x"], row["y"]) for row in rows] == [*UP, *UP]
    assert {row["release"] for row in rows} == {"deployed churn@1", "proposed churn@2"}
