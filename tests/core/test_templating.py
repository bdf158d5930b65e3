"""No value breaks out of its place, whatever it holds and whichever parser reads it."""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ordain.core.rendering.templating import heading, json_value, parse, render_template

NASTY = (
    "{{ 7 * 7 }}",
    "{% for x in [1] %}",
    "{# gone #}",
    "a: b",
    "# comment",
    "a #b",
    "---",
    "...",
    "x\n---\nkind: Secret",
    "\r\n",
    "\x85\u2028\u2029\ufeff",
    "&anchor",
    "*alias",
    "!!python/object/apply:os.system ['true']",
    "<<",
    "yes",
    "0o17",
    "1e3",
    "~",
    "",
    '"',
    "'",
    "\\",
    "\\u0041",
    "\x00\x1b[31m",
    "\U0001f600\U0010ffff",
    "\x7f\u0080\u200b\u202e\ufffe",
    "%YAML 1.1",
    "- x",
    "? x",
    "| x",
    "> x",
    "${x} $(x) `x`",
    "k" * 2000,
)
text = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    text | st.integers() | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(text.filter(lambda key: len(key) < 500 and key != "<<"), inner)
    ),
    max_leaves=8,
)
SOURCE = "before: 1\nvalue: {{ value }}\nlist:\n  - {{ value }}\nafter: 2\n"


def every_parser(data: bytes) -> list[Any]:
    """The document as PyYAML in Python, PyYAML in C and a YAML 1.2 parser read it."""
    twelve = YAML(typ="safe", pure=True).load(io.BytesIO(data))
    return [yaml.safe_load(data), yaml.load(data, Loader=yaml.CSafeLoader), twelve]


@settings(deadline=None, max_examples=150)
@given(value=values)
def test_every_value_comes_back_in_its_place(value: Any) -> None:
    data = render_template(SOURCE, {"value": value})
    assert data.count(b"\n") == 5
    expected = {"before": 1, "value": value, "list": [value], "after": 2}
    assert parse(data) == expected
    assert all(each == expected for each in every_parser(data))


@pytest.mark.parametrize("value", NASTY, ids=ascii)
def test_nothing_that_means_something_to_yaml_or_jinja_means_it_here(value: str) -> None:
    data = render_template("{{ key }}: {{ value }}\n", {"key": value[:500], "value": value})
    assert all(each == {value[:500]: value} for each in every_parser(data))


def test_tuples_are_lists_and_keys_keep_their_order() -> None:
    assert json_value(("b", {"z": 1, "a": None})) == '["b", {"z": 1, "a": null}]'


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1e-05, TypeError),
        (float("nan"), TypeError),
        (b"bytes", TypeError),
        ({1: "x"}, TypeError),
        ({"a": {2.5}}, TypeError),
        ("\ud83d", ValueError),
        ({"\ude00": 1}, ValueError),
    ],
)
def test_what_json_and_yaml_read_differently_is_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        json_value(value)


@pytest.mark.parametrize(
    "source",
    [
        "name: x-{{ value }}",
        'name: "{{ value }}"',
        "name: {{ value }} # {{ value }}",
        "# {{ value }}",
        "name: {{ value }}{{ value }}",
        "{{ value }}",
        "{{ value }}: x",
        "name: {{ value | upper }}",
        "name: {{ __class__ }}",
        "name: {{ value() }}",
        "name: x {% if value %}y{% endif %}",
        "name: x {% if value %}",
    ],
)
def test_a_template_that_glues_a_value_to_text_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="must"):
        render_template(source, {"value": "x"})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("name: {{ absent }}", "absent"),
        ("name: {{ value.absent }}", "absent"),
        ("{% for x in absent %}\n{% endfor %}", "absent"),
        ("{% if value %}", "filled"),
        ("name: {{ value.__class__ }}", "filled"),
        ("{% set x = ''.__class__.__mro__ %}\nname: {{ x }}", "filled"),
    ],
)
def test_a_template_that_names_what_is_not_given_is_refused(source: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render_template(source, {"value": "x"})


def test_a_template_cannot_change_what_it_is_given() -> None:
    items = ["x"]
    with pytest.raises(ValueError, match="filled"):
        render_template("{% if items.append(1) %}\n{% endif %}", {"items": items})
    assert items == ["x"]


@pytest.mark.parametrize(
    "data", [b"", b"a: 1\n---\nb: 2\n", b"- a\n", b"text", b"a: [", b"a: !!python/name:os.system x\n"]
)
def test_anything_but_one_mapping_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="rendered file"):
        parse(data)


GOOD = b'apiVersion: v1\nkind: Pod\nmetadata:\n  name: "a"\n  labels:\n    name: x\nspec:\n  name: y\n'


def test_the_heading_of_an_object_is_read_by_its_lines() -> None:
    assert heading(GOOD) == ("v1", "Pod", "a", None)
    assert heading(GOOD.replace(b"  labels", b"  namespace: b\n  labels")) == ("v1", "Pod", "a", "b")


@pytest.mark.parametrize(
    "data",
    [
        GOOD + b"kind: Pod\n",
        GOOD + b"---\n",
        GOOD.replace(b'  name: "a"\n', b""),
        GOOD.replace(b"kind: Pod\n", b""),
        GOOD.replace(b"  labels", b"  name: b\n  labels"),
    ],
    ids=["twice", "another document", "no name", "no kind", "two names"],
)
def test_what_is_no_heading(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no other object|has no"):
        heading(data)
