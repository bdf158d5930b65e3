"""Edits of people's YAML that change one place and leave every other byte as it was.

The file is parsed for the positions of its nodes only; the edit is done on the text. The result is
parsed again and must mean exactly the old content with the one change, or nothing is edited.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import yaml

from ordain.core.reasons import Reason
from ordain.errors import UserError

MAX_DEPTH = 16
Items = list[tuple[yaml.Node, yaml.Node]]


def set_pin(data: bytes, model: str, release: int, file: str = "") -> bytes:
    """An environment file whose pin of one model is this release.

    Args:
        data: the file. model: its name. release: the number. file: its path, for errors.

    Raises:
        UserError: reason `state-invalid`, when the file is no such file or its layout is one that
            can only be edited by hand.
    """
    text, before = _read(data, file)
    old = before.get("models") or {}
    after = {**before, "models": {**old, model: {"release": release}}}
    return data if after == before else _checked(_with_pin(text, model, release, file), after, file)


def remove_pin(data: bytes, model: str, file: str = "") -> bytes:
    """An environment file without a pin of this model; unchanged when it has none.

    Raises:
        UserError: as `set_pin`.
    """
    text, before = _read(data, file)
    old = before.get("models") or {}
    if model not in old:
        return data
    after = {**before, "models": {name: pin for name, pin in old.items() if name != model}}
    return _checked(_without_pin(text, model, file), after, file)


def set_appended(data: bytes, label: str, made: dict[str, str], file: str = "") -> bytes:
    """An environment file whose image of one release is this one.

    Args:
        data: the file. label: such as `churn@7`. made: `image` and `runtime`, digests.

    Raises:
        UserError: as `set_pin`.
    """
    text, before = _read(data, file)
    old = before.get("appended") or {}
    after = {**before, "appended": {**old, label: made}}
    if after == before:
        return data
    entry = f"{label}: {{image: {made['image']}, runtime: {made['runtime']}}}"
    root = yaml.compose(text, yaml.SafeLoader)
    top = _items(root)
    place = _find(top, "appended")
    if _in_braces(root) or (place is not None and (_in_braces(top[place][1]) or not _items(top[place][1]))):
        raise _by_hand(file, "`appended` is written in braces, or empty")
    if place is None:
        lines = ("appended:", f"  {entry}")
        return _checked(_new_lines(text, _end(top[-1][1]), *lines).on(text), after, file)
    items = _items(top[place][1])
    at = _find(items, label)
    if at is not None:
        key, value = items[at]
        replaced = _Splice(key.start_mark.index, _end(value), entry).on(text)
        return _checked(replaced, after, file)
    indent = " " * items[0][0].start_mark.column
    return _checked(_new_lines(text, _end(top[place][1]), indent + entry).on(text), after, file)


class _Splice(NamedTuple):
    """Replace `text[start:end]`."""

    start: int
    end: int
    new: str

    def on(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]


def _read(data: bytes, file: str) -> tuple[str, dict[str, Any]]:
    """The text and its meaning."""
    try:
        text = data.decode("utf-8")
        _look(text, file)
        value = yaml.load(text, yaml.SafeLoader)
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise _by_hand(file, str(error).split("\n", maxsplit=1)[0]) from error
    pins = value.get("models") if isinstance(value, dict) else 0
    if not isinstance(value, dict) or not (pins is None or isinstance(pins, dict)):
        raise _by_hand(file, "it is not an environment")
    return text, value


def _look(text: str, file: str) -> None:
    """Refuse what could make a parse dear or an edit reach two places."""
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):
            raise _by_hand(file, "it holds an alias, or is nested too deeply")


def _checked(text: str, wanted: dict[str, Any], file: str) -> bytes:
    """The edited text, if it means what it shall mean."""
    try:
        found = yaml.load(text, yaml.SafeLoader)
    except (yaml.YAMLError, ValueError):
        found = None
    if found != wanted:
        raise _by_hand(file, "its layout is an unusual one")
    return text.encode("utf-8")


def _by_hand(file: str, why: str) -> UserError:
    return UserError(
        f"the pin cannot be written: {why}",
        where=file,
        fix="ordain check; then edit `models.<model>.release` by hand",
        reason=Reason.STATE_INVALID,
    )


def _items(node: yaml.Node | None) -> Items:
    return node.value if isinstance(node, yaml.MappingNode) else []


def _in_braces(node: yaml.Node | None) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _find(items: Items, key: str) -> int | None:
    """The position of a key."""
    return next((place for place, (name, _) in enumerate(items) if name.value == key), None)


def _end(node: yaml.Node) -> int:
    """Where the text of a node ends, without the blank lines and comments that follow a block."""
    if isinstance(node, yaml.CollectionNode) and not _in_braces(node) and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _after_line(text: str, place: int) -> int:
    """The start of the next line, or the end of the text."""
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1


def _new_lines(text: str, place: int, *lines: str) -> _Splice:
    """Insert lines after the one that holds `place`, with the file's own line ends."""
    ending = "\r\n" if "\r\n" in text else "\n"
    start = _after_line(text, place)
    before = "" if text[:start].endswith("\n") else ending
    return _Splice(start, start, before + "".join(f"{line}{ending}" for line in lines))


def _key(name: str) -> str:
    """A model's name as a key; `no` and its like need quotes."""
    return name if yaml.load(name, yaml.SafeLoader) == name else f'"{name}"'


def _with_pin(text: str, model: str, release: int, file: str) -> str:
    root = yaml.compose(text, yaml.SafeLoader)
    top = _items(root)
    # On two lines, so that Git merges changes of neighbouring models: it never merges neighbouring lines.
    entry = (f"{_key(model)}:", f"  release: {release}")
    place = _find(top, "models")
    if place is None:
        if _in_braces(root):
            raise _by_hand(file, "it is written in braces")
        lines = ("models:", *(f"  {line}" for line in entry))
        return _new_lines(text, _end(top[-1][1]), *lines).on(text)
    pins = top[place][1]
    items = _items(pins)
    at = _find(items, model)
    if at is not None:
        return _set_release(text, items[at][1], release, file)
    if not items:
        return _first_pin(text, top[place], entry)
    if _in_braces(pins):
        end = _end(items[-1][1])
        return _Splice(end, end, f", {entry[0]} {{{entry[1].strip()}}}").on(text)
    indent = " " * items[0][0].start_mark.column
    return _new_lines(text, _before(top[place], model), *(indent + line for line in entry)).on(text)


def _before(pair: tuple[yaml.Node, yaml.Node], model: str) -> int:
    """Where what precedes a new pin ends: by name, so that two new models seldom meet at one place."""
    key, pins = pair
    smaller = [value for name, value in _items(pins) if name.value < model]
    return _end(smaller[-1]) if smaller else _end(key)


def _set_release(text: str, pin: yaml.Node, release: int, file: str) -> str:
    items = _items(pin)
    at = _find(items, "release")
    if at is None:
        raise _by_hand(file, "the pin has no `release`")
    value = items[at][1]
    return _Splice(value.start_mark.index, value.end_mark.index, str(release)).on(text)


def _first_pin(text: str, pair: tuple[yaml.Node, yaml.Node], entry: Sequence[str]) -> str:
    """Turn `models: {}` or `models:` into a block with one entry; a comment on the line stays."""
    key, empty = pair
    indent = " " * (key.start_mark.column + 2)
    start, end = empty.start_mark.index, empty.end_mark.index
    added = _new_lines(text, end, *(indent + line for line in entry)).on(text)
    return _Splice(start - (text[start - 1 : start] == " " and end > start), end, "").on(added)


def _without_pin(text: str, model: str, file: str) -> str:
    top = _items(yaml.compose(text, yaml.SafeLoader))
    pins = next(value for name, value in top if name.value == "models")
    items = _items(pins)
    at = _find(items, model)
    if at is None:
        raise _by_hand(file, "its layout is an unusual one")
    key, value = items[at]
    start, end = key.start_mark.index, _end(value)
    if _in_braces(pins):
        if at + 1 < len(items):
            end = items[at + 1][0].start_mark.index
        elif at:
            start = _end(items[at - 1][1])
        return _Splice(start, end, "").on(text)
    line = text.rfind("\n", 0, start) + 1
    emptied = _Splice(line, _after_line(text, end), "").on(text)
    if len(items) > 1:
        return emptied
    name = next(name for name, value in top if value is pins)
    colon = emptied.index(":", _end(name)) + 1
    return _Splice(colon, colon, " {}").on(emptied)
