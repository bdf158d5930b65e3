"""What one YAML scalar means, or why it is refused.

YAML 1.1 (PyYAML, and most of the cloud world) and YAML 1.2 (editors, DVC) read some plain scalars
differently: `Yes`, `1e-5`, `010`, `2026-01-31`. A declared state that two readers understand
differently cannot be approved, so every such scalar is refused, with the spelling that both read alike.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

import yaml

TAG = "tag:yaml.org,2002:"
ALLOWED_TAGS = frozenset({"!", TAG + "str"})
INT64 = 2**63
# Characters of scalars whose meaning is remembered.
SHORT = 64
_RESOLVER: Any = yaml.resolver.Resolver()

_PLAIN_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_PLAIN_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
# What a YAML 1.2 reader, or a person, takes for a number though YAML 1.1 calls it text.
LOOKS_NUMERIC = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|[-+]?0[0-9]+")
# Control characters, line breaks that only YAML sees, and marks that reorder what a reviewer sees.
HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


class Fault(NamedTuple):
    """What is wrong, without its place (see `Problem` for the fields)."""

    code: str
    message: str
    suggestion: str = ""


class Scalar(NamedTuple):
    """A scalar's value, or why it is refused."""

    value: Any
    fault: Fault | None = None


def read_untagged(text: str, implicit: tuple[bool, bool]) -> Scalar:
    """What a scalar without a tag says.

    Args:
        implicit: as YAML's parser has it: whether it is plain, and whether it is quoted.
    """
    return (_short if len(text) <= SHORT else _untagged)(text, implicit)


def _untagged(text: str, implicit: tuple[bool, bool]) -> Scalar:
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, implicit)
    return (read_plain if implicit[0] else read_scalar)(text, tag)


# The same keys and words come again in every version of a file.
_short = lru_cache(maxsize=1 << 12)(_untagged)


def read_scalar(text: str, tag: str) -> Scalar:
    """The value of a scalar whose tag YAML 1.1 resolved.

    Args:
        text: the scalar as YAML's parser gives it (quotes and escapes already undone).
        tag: such as `tag:yaml.org,2002:int`; explicit tags other than `!!str` are refused.
    """
    kind = tag.removeprefix(TAG)
    readers = {
        "bool": _boolean,
        "int": _integer,
        "float": _float,
        "timestamp": _date,
    }
    if kind == "null":
        return Scalar(None)
    if kind in readers:
        return readers[kind](text)
    return _text(text)


def read_plain(text: str, tag: str) -> Scalar:
    """Like `read_scalar`, for a scalar without quotes: text that looks like a number is refused."""
    read = read_scalar(text, tag)
    if isinstance(read.value, str) and not read.fault and LOOKS_NUMERIC.fullmatch(text):
        return _refused(
            "number-as-text",
            f"YAML 1.1 reads `{shown(text)}` as text, YAML 1.2 as a number",
            _number_spelling(text),
        )
    return read


def shown(text: str, limit: int = 60) -> str:
    """Text for a message: one line, printable, of bounded length."""
    line = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[: limit + 1])
    return line if len(text) <= limit else line[:limit] + "…"


def _refused(code: str, message: str, suggestion: str = "") -> Scalar:
    return Scalar(None, Fault(code, message, suggestion))


def _quoted(text: str) -> str:
    return f'"{shown(text)}"'


def _boolean(text: str) -> Scalar:
    value = text.lower() in ("true", "yes", "on")
    if text.lower() in ("true", "false"):
        return Scalar(value)
    word = "true" if value else "false"
    return _refused(
        "bare-boolean",
        f"YAML reads a bare {text} as {word}",
        f"write {_quoted(text)} for the text, or {word} for the boolean",
    )


def _integer(text: str) -> Scalar:
    if not _PLAIN_INTEGER.fullmatch(text):
        return _refused(
            "ambiguous-number",
            f"not every YAML reader takes `{shown(text)}` for the same number",
            f"write it in plain decimal digits, or {_quoted(text)} for the text",
        )
    # More than 20 digits need no conversion to be known as too large (and `int` refuses 4300).
    if len(text) > 20 or not -INT64 <= int(text) < INT64:
        return _refused("number-too-large", f"the number `{shown(text, 24)}` does not fit into 64 bits")
    return Scalar(int(text))


def _float(text: str) -> Scalar:
    if text.lower().lstrip("+-") in (".inf", ".nan"):
        return _refused("not-finite", f"`{text}` is not a finite number", "leave the key out")
    if not _PLAIN_FLOAT.fullmatch(text):
        return _refused(
            "ambiguous-number",
            f"not every YAML reader takes `{shown(text)}` for the same number",
            f"write it in plain decimal digits, or {_quoted(text)} for the text",
        )
    value = float(text)
    if not math.isfinite(value):
        return _refused("not-finite", f"`{shown(text)}` is too large for a number")
    return Scalar(value)


def _date(text: str) -> Scalar:
    return _refused("bare-date", f"YAML reads a bare {text} as a date", f"quote it: {_quoted(text)}")


def hidden_fault(character: str) -> Fault:
    """Why a control character, or one that reorders text, is refused."""
    message = f"the character U+{ord(character):04X}, which no reviewer can see"
    return Fault("hidden-character", message, "remove it")


def _text(text: str) -> Scalar:
    hidden = HIDDEN.search(text)
    return Scalar(None, hidden_fault(hidden.group())) if hidden else Scalar(text)


def _number_spelling(text: str) -> str:
    """Spellings of the same number that every reader takes for a number."""
    try:
        number = Decimal(text)
    except InvalidOperation:  # 0o17
        return f"write it in plain decimal digits, or {_quoted(text)} for the text"
    mantissa, mark, exponent = text.lower().partition("e")
    ways = []
    if mark and math.isfinite(float(number)):
        point = mantissa if "." in mantissa else mantissa + ".0"
        sign = exponent if exponent[0] in "+-" else "+" + exponent
        ways.append(f"{point}e{sign}")
    if abs(number.adjusted()) <= 12 and len(text) <= 24:
        ways.append(f"{number:f}")
    return f"write {' or '.join([*ways, _quoted(text)])} (with quotes it is text)"
