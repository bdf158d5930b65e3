"""Charts drawn by Vega: the same every time, whatever the words in them, and still."""

from __future__ import annotations

import builtins
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.adapters import charts
from ordain.core.plans.plan import CurveLine
from ordain.core.releasing.measured import Ends
from ordain.core.reports.charts import curve_chart
from ordain.core.reports.comparison import Run, comparison
from ordain.core.reports.comparison_html import page

BENT = ((0.0, 0.0), (0.2, 0.7), (1.0, 1.0))
CURVE = CurveLine(curve="roc", deployed=((0.0, 0.0), (1.0, 1.0)), proposed=BENT)
HOSTILE = [
    "</svg><script>alert(1)</script>",
    '" onload="x',
    "javascript:x",
    "a & b < c",
    "]]>",
    "$x$",
    "\u202eabc",
    "\U0001f600" * 30,
]


def draw() -> charts.Draw:
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    found = charts.drawer()
    assert found is not None
    return found


def test_the_same_chart_has_the_same_bytes() -> None:
    spec = curve_chart(CURVE, ("churn@1", "churn@2"))
    first, second = draw()(spec), draw()(spec)
    assert first == second
    assert first.startswith("<svg ")
    assert "proposed churn@2" in first
    assert "currentColor" in first


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)))
@settings(max_examples=20, deadline=None)
def test_no_word_becomes_an_element(text: str) -> None:
    content: dict[str, Any] = {"commit": None, "measured": "holdout", "estimator": "e", "seconds": 2.0}
    ends = {"f1": Ends(low=0.1, high=0.9)}
    runs = [
        Run(source=text, candidate=text, metrics={"f1": value, "brier": value}, intervals=ends, **content)
        for value in (0.5, 0.6)
    ]
    parser = Tags()
    parser.feed(page(comparison("m", "f1", runs), draw()))
    assert not parser.tags & {"script", "image", "img", "a", "foreignobject", "use"}
    assert not [name for name in parser.names if name.startswith("on") or name.endswith("href")]


@pytest.mark.parametrize(
    "inside",
    ["<script/>", '<image width="1"/>', '<g onload="x"/>', '<a href="x"/>', '<g xlink:href="x"/>'],
)
def test_what_acts_or_loads_is_refused(inside: str) -> None:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    with pytest.raises(ValueError, match="a chart holds"):
        charts.still(f"<svg {names}>{inside}</svg>")


def test_no_address_is_fetched() -> None:
    spec = {**curve_chart(CURVE, ("a", "b"))}
    spec["layer"] = [{**spec["layer"][0], "data": {"url": "http://127.0.0.1:9/x.csv"}}]
    with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
        draw()(spec)


def test_without_the_library_there_is_no_drawer(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name == "vl_convert":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert charts.drawer() is None
