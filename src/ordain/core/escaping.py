"""Text from specs, put where it can be read and can do nothing else.

A description, a path or a reason is written by whoever opens a pull request. It is shown to the
people who decide, so it must not be able to draw a table row, close a comment or move a cursor.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

# What CommonMark or GitHub's extensions could read as markup. An entity is never markup.
_MARKUP = re.compile(r"[^\w\s.,/=%()+?-]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=www)\.", re.IGNORECASE)
_BACKTICKS = re.compile(r"`+")
LONGEST = 400


def visible(text: str, longest: int = LONGEST) -> str:
    """One line of printable characters: controls, newlines and direction marks become escapes.

    Args:
        text: anything.
        longest: characters kept; a longer text ends in an ellipsis.
    """
    safe = "".join(each if each.isprintable() else _escape(each) for each in text[: longest + 1])
    return safe if len(text) <= longest else safe[:longest] + "…"


def visible_lines(text: str) -> str:
    """Like `visible`, keeping newlines and tabs, of any length: for diffs."""
    return "".join(each if each.isprintable() or each in "\n\t" else _escape(each) for each in text)


def _escape(character: str) -> str:
    code = ord(character)
    names = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    if character in names:
        return names[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def markdown(text: str) -> str:
    """Text for a table cell or a sentence of Markdown: nothing in it is markup, a link or a mention."""
    return _MARKUP.sub(lambda found: f"&#{ord(found.group())};", visible(text))


def code(text: str) -> str:
    """The same in a monospaced face, where forges don't look for mentions and references."""
    return f"<code>{markdown(text)}</code>" if text else ""


def fenced(text: str, language: str) -> str:
    """A code block whose fence is longer than any run of backticks inside it."""
    safe = visible_lines(text)
    longest = max((len(run) for run in _BACKTICKS.findall(safe)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{safe.rstrip(chr(10))}\n{fence}"


def hypertext(text: str) -> str:
    """Text for an HTML element or a quoted attribute."""
    return html.escape(visible(text), quote=True)


def shown(value: Any) -> str:
    """A value of a spec as people write it: text bare, everything else as JSON, nothing as `none`."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value or '""'
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def number(value: float | None, *, sign: bool = False) -> str:
    """A measurement with four decimals, or `-` where there is none."""
    if value is None:
        return "-"
    small = value != 0 and abs(value) < 0.0001
    return format(value, ("+" if sign else "") + (".1e" if small else ".4f"))


def short(digest: str | None, length: int = 12) -> str:
    """The beginning of a commit or digest, without its algorithm; `none` where there is none."""
    return digest.removeprefix("sha256:")[:length] if digest else "none"
