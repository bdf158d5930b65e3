"""Fill a template so that no value can break out of its place.

Templates hold structure only. A value stands alone where YAML expects a value and is written as JSON
that every YAML parser reads alike; a template that places one anywhere else is refused. What comes out
is parsed again, and is exactly one mapping.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml
from jinja2 import StrictUndefined, Template, TemplateError, Undefined, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

# A value fills the rest of its line: after `key: `, after `- `, or as both sides of one pair.
_KEY = r"([A-Za-z][A-Za-z0-9./_-]*|\{\{ key \}\}): "
_VALUE_LINE = re.compile(rf" *(- ({_KEY})?|{_KEY})\{{\{{ [a-z][a-z_.]* \}}\}}")
_TAG_LINE = re.compile(r" *\{% [^{}]+ %\}")
# JSON may hold these bare and YAML may not, or reads some of them as line breaks. Astral characters
# stay: JSON escapes them in two halves, which YAML would read as two characters.
_ESCAPED = re.compile("[\x7f-\ud7ff\ue000-\uffff]")
# `json.dumps` would make an encoder of these options for each value.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def json_value(value: object) -> str:
    """One line of JSON that is also YAML 1.1 and 1.2, with the same meaning.

    Args:
        value: text, integer, boolean, None, or lists, tuples and mappings of these.

    Raises:
        TypeError: for anything else. Floats too: YAML 1.1 reads `1e-05` as text.
        ValueError: for half a surrogate pair, which no encoding carries.
    """
    text = _encode(_checked(value))
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _checked(value: object) -> object:
    if isinstance(value, str):
        value.encode("utf-8")
        return value
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        return {_text(key): _checked(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_checked(each) for each in value]
    if isinstance(value, Undefined):
        raise UndefinedError(value._undefined_message)  # noqa: SLF001 - the sentence that names it
    raise TypeError(f"a manifest cannot hold {type(value).__name__}")


def _text(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError("a manifest's keys are text")
    key.encode("utf-8")
    return key


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    """A template, refused when a value stands anywhere but at the end of its own line."""
    for line in source.splitlines():
        if "{{" in line and not _VALUE_LINE.fullmatch(line):
            raise ValueError(f"a value must end its own line: {line.strip()}")
        if "{%" in line and not _TAG_LINE.fullmatch(line):
            raise ValueError(f"a tag must stand alone: {line.strip()}")
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        finalize=json_value,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(source)


def render_template(source: str, values: Mapping[str, object]) -> bytes:
    """Fill one template: UTF-8 YAML, one document, a newline at its end.

    Raises:
        ValueError: when the template places a value badly, names one that is not given, or gives
            anything but one mapping. The templates are Ordain's own, so this is a bug in them.
    """
    try:
        text = _compiled(source).render(values)
    except TemplateError as error:
        raise ValueError(f"the template cannot be filled: {error}") from error
    return (text.rstrip("\n") + "\n").encode("utf-8")


def heading(data: bytes) -> tuple[str, str, str, str | None]:
    """`apiVersion`, `kind`, name and namespace of a rendered object, by its lines.

    Every value ends its own line and is JSON, which holds no line break, so no value can make a line
    that is read here. It costs a tenth of reading the whole as YAML.

    Raises:
        ValueError: when one of the first three is absent or stands twice.
    """
    found: dict[str, str] = {}
    top = ""
    for line in data.decode("utf-8").splitlines():
        inner = line.startswith("  ") and top == "metadata"
        if line.startswith(" ") and not (inner and not line.startswith("   ")):
            continue
        key, colon, value = line.strip().partition(":")
        top, name = (top, f"metadata.{key}") if inner else (key, key)
        if not colon or name in found:
            raise ValueError(f"the line `{line}` stands where no other object may begin")
        found[name] = value.strip()
    try:
        first, kind, name = (_said(found[each]) for each in ("apiVersion", "kind", "metadata.name"))
    except KeyError as error:
        raise ValueError(f"the rendered file has no {error}") from error
    space = found.get("metadata.namespace")
    return first, kind, name, None if space is None else _said(space)


def _said(value: str) -> str:
    return str(json.loads(value)) if value.startswith('"') else value


def parse(data: bytes) -> dict[str, Any]:
    """The one mapping in rendered bytes.

    Raises:
        ValueError: when there is not exactly one document and that a mapping.
    """
    try:
        document = yaml.load(data, Loader=_LOADER)  # noqa: S506 - a safe loader, in C where there is one
    except yaml.YAMLError as error:
        raise ValueError(f"the rendered file is not one YAML document: {error}") from error
    if not isinstance(document, dict):
        raise ValueError("the rendered file is not a mapping")
    return document
