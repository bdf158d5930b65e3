"""The door to Vega: a Vega-Lite specification becomes one SVG element, offline, the same every time.

DVC's own plots are Vega-Lite too. The library is optional, because it is large and only pages need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

Draw = Callable[[Mapping[str, Any]], str]
_VERSION = "5.21"
_SVG = "{http://www.w3.org/2000/svg}"
_TAGS = {
    _SVG + name for name in ("svg", "g", "path", "text", "tspan", "rect", "line", "defs", "clipPath", "title")
}


def drawer() -> Draw | None:
    """What draws; None where the library is not installed."""
    try:
        import vl_convert
    except ImportError:
        return None

    def draw(spec: Mapping[str, Any]) -> str:
        svg: str = vl_convert.vegalite_to_svg(dict(spec), vl_version=_VERSION, allowed_base_urls=[])
        return still(svg)

    return draw


def still(svg: str) -> str:
    """The same, after a look that nothing in it acts or loads, because it becomes part of a page.

    Raises:
        ValueError: for an element that does more than draw, or such an attribute.
    """
    for element in ET.fromstring(svg).iter():  # noqa: S314 - a library's own output, no DTD
        names = [name.rpartition("}")[2].lower() for name in element.attrib]
        if element.tag not in _TAGS or any(name.startswith("on") or name == "href" for name in names):
            raise ValueError(f"a chart holds <{element.tag.rpartition('}')[2]}>, or an attribute that acts")
    return svg
