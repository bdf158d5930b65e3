"""Text from specs is shown to people who decide; nothing in it may act."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ordain.core import escaping

HOSTILE = [
    "`code`",
    "a | b | c",
    "<script>alert(1)</script>",
    "line\nbreak\r\n# heading",
    "![x](https://evil.example/a.png)",
    "[click](javascript:alert(1))",
    "@everyone #1 $x$",
    "-->",
    "</details></code>",
    "*bold* _it_ ~~gone~~ **x**",
    "\\`\\|",
    "www.evil.example http://evil.example",
    "\x1b[31mred\x1b[0m\x07",
    "\u202eevil\u2066",
    "&lt;b&gt; &#124;",
    "```\n```",
    "snake_case __init__",
]
texts = st.one_of(
    st.text(max_size=60), st.sampled_from(HOSTILE), st.text("`|<>&_*[]()!\\\n\r@#~-", max_size=30)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x1b[1m", "\\x1b[1m"),
        ("\u202e", "\\u202e"),
        ("\U000e0041", "\\U000e0041"),
        ("é ü 漢", "é ü 漢"),
        ("x" * 500, "x" * 400 + "…"),
    ],
)
def test_one_visible_line(text: str, expected: str) -> None:
    assert escaping.visible(text) == expected


def test_diffs_keep_lines_and_nothing_else() -> None:
    assert escaping.visible_lines("a\n\tb\x1b") == "a\n\tb\\x1b"


def rendered(source: str) -> str:
    """As a forge reads it, but with raw HTML let through: its cleaning is not what we rely on."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    return str(markdown.render(source))


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def elements(source: str) -> Elements:
    parser = Elements()
    parser.feed(source)
    parser.close()
    return parser


@given(texts)
@settings(max_examples=300, deadline=None)
def test_markdown_cells_hold_exactly_one_cell(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {escaping.code(text)} | {escaping.markdown(text)}x |"
    found = elements(rendered(table))
    expected = ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", *(["code"] if text else []), "td"]
    assert found.tags == expected
    shown = escaping.visible(text)
    assert re.sub(r"\s", "", found.text) == re.sub(r"\s", "", f"ab{shown}{shown}x")


@given(texts)
@settings(max_examples=200, deadline=None)
def test_fences_hold_everything(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"before\n\n{escaping.fenced(text, 'diff')}\n\nafter")
    kinds = [each.type for each in tokens]
    paragraph = ["paragraph_open", "inline", "paragraph_close"]
    assert kinds == [*paragraph, "fence", *paragraph]


@given(texts)
@settings(max_examples=200, deadline=None)
def test_hypertext_is_only_text(text: str) -> None:
    found = elements(f'<p title="{escaping.hypertext(text)}">{escaping.hypertext(text)}</p>')
    assert found.tags == ["p"]
    assert found.text == escaping.visible(text)


def test_hypertext_escapes_quotes() -> None:
    assert html.unescape(escaping.hypertext("\"'<&>")) == "\"'<&>"
    assert '"' not in escaping.hypertext('"')


def test_readable_text_stays_readable() -> None:
    assert (
        escaping.markdown("churn_model roc_auc, 0.84 (+0.01) a/b") == "churn_model roc_auc, 0.84 (+0.01) a/b"
    )
    assert escaping.code("") == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "none"), ("", '""'), ("x", "x"), (True, "true"), ([1, "a"], '[1, "a"]'), ({"b": 1}, '{"b": 1}')],
)
def test_values_as_people_write_them(value: object, expected: str) -> None:
    assert escaping.shown(value) == expected


def test_numbers() -> None:
    assert escaping.number(None) == "-"
    assert escaping.number(0.84123) == "0.8412"
    assert escaping.number(0.01, sign=True) == "+0.0100"
    assert escaping.number(1e-7) == "1.0e-07"
    assert escaping.number(0.0) == "0.0000"


def test_digests_shortened() -> None:
    assert escaping.short("sha256:" + "ab" * 32) == "abababababab"
    assert escaping.short(None) == "none"
