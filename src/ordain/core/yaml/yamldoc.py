"""YAML text to plain values that know where they stand, or every reason why not.

Built on the events of libyaml's parser (PyYAML), not on its object constructor: no tag can call
anything, nesting is bounded before it is walked, and aliases are refused instead of expanded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

import yaml
from msgspec import Struct

from ordain.core.problems import Problem
from ordain.core.yaml.yamlscalars import ALLOWED_TAGS, TAG, Fault, Scalar, read_scalar, read_untagged, shown
from ordain.core.yaml.yamltext import MAX_PROBLEMS, NOWHERE, Place, look_at_text, place_of, problem_at

MAX_BYTES = 4 * 2**20
MAX_DEPTH = 32

Path = tuple[str | int, ...]


class Document(Struct, frozen=True, kw_only=True):
    """One YAML file.

    Attributes:
        file: its path in the repository.
        value: plain dictionaries with text keys, lists, text, finite numbers, booleans, None.
        complete: whether the whole file could be read, so that `value` is worth a closer look.
        keys: the place of each mapping key, by path. values: of each value.
        plain: the text of each scalar written without quotes.
        doubted: paths whose value was refused here, so that nobody reports them again.
        problems: what is wrong with the YAML.
    """

    file: str
    value: Any = None
    complete: bool = False
    keys: Mapping[Path, Place] = {}
    values: Mapping[Path, Place] = {}
    plain: Mapping[Path, str] = {}
    doubted: frozenset[Path] = frozenset()
    problems: tuple[Problem, ...] = ()

    def place(self, path: Path) -> Place:
        """Where the value at a path stands; of its nearest parent when it is not in the file."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, NOWHERE)

    def key_place(self, path: Path) -> Place:
        """Where the key of a path stands; of the nearest parent that has one when it is not there."""
        while path and path not in self.keys:
            path = path[:-1]
        return self.keys.get(path) or self.place(path)

    def at_value(self, path: Path, fault: Fault) -> Problem:
        """A problem with the value at a path."""
        return problem_at(self.file, self.place(path), dotted(path), fault)

    def at_key(self, path: Path, fault: Fault) -> Problem:
        """A problem with the key at the end of a path."""
        return problem_at(self.file, self.key_place(path), dotted(path), fault)


def dotted(path: Path) -> str:
    """`models.churn.gates.quality[0].metric`; keys that are no words are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]+", part):
            text += f".{part}"
        else:
            text += f'."{shown(part)}"'
    return text.removeprefix(".")


def read_yaml(file: str, data: bytes) -> Document:
    """Read one YAML file. Never raises, whatever the bytes are.

    Args:
        file: path in the repository, for messages.
        data: the file's bytes.
    """
    if len(data) > MAX_BYTES:
        return _refused(
            file, NOWHERE, Fault("too-large", f"larger than {MAX_BYTES // 2**20} MiB", "split it")
        )
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        place = place_of(data[: error.start].decode("utf-8"), error.start)
        return _refused(file, place, Fault("not-utf-8", "not UTF-8 text", "save the file as UTF-8"))
    problems = look_at_text(file, text)
    if problems:
        return Document(file=file, problems=tuple(problems))
    return _Reader(file, text).read()


def _refused(file: str, place: Place, fault: Fault) -> Document:
    return Document(file=file, problems=(problem_at(file, place, "", fault),))


class _Stop(Exception):  # noqa: N818 - not an error: the rest of the file can't be read
    """Reading ends here; the reason is already among the problems."""


class _Frame:
    """An open mapping or sequence."""

    def __init__(self, path: Path, value: dict[str, Any] | list[Any]) -> None:
        self.path = path
        self.value = value
        self.key: str | None = None  # the mapping key whose value comes next
        self.repeats = False  # whether that key was there before


class _Reader:
    """One pass over the events of one file."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.root: Any = None
        self.frames: list[_Frame] = []
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.plain: dict[Path, str] = {}
        self.doubted: set[Path] = set()
        self.problems: list[Problem] = []

    def read(self) -> Document:
        """All events, until the end or the first fault that hides the rest."""
        complete = False
        loader = yaml.CSafeLoader(self.text)
        try:
            while loader.check_event():
                self._event(loader.get_event())
            complete = True
        except _Stop:
            pass
        except yaml.YAMLError as error:
            self._syntax(error)
        finally:
            loader.dispose()
        return Document(
            file=self.file,
            value=self.root,
            complete=complete,
            keys=self.keys,
            values=self.values,
            plain=self.plain,
            doubted=frozenset(self.doubted),
            problems=tuple(self.problems),
        )

    def _event(self, event: Any) -> None:
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, place)
        elif isinstance(event, yaml.DocumentStartEvent):
            if self.values:
                self._stop(place, Fault("several-documents", "a second YAML document begins", "keep one"))
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event, place)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event, place)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.frames.pop()

    # -- values ------------------------------------------------------------------------------

    def _scalar(self, event: Any, place: Place) -> None:
        scalar = self._read_scalar(event)
        if self._expects_key():
            self._key(scalar, str(event.value), place)
            return
        path = self._next_path()
        if event.implicit[0]:
            self.plain[path] = event.value
        if scalar.fault:
            self.doubted.add(path)
            self._problem(place, path, scalar.fault)
        self._put(path, scalar.value, place)

    def _read_scalar(self, event: Any) -> Scalar:
        tag = event.tag
        if tag is None:
            return read_untagged(event.value, event.implicit)
        if tag not in ALLOWED_TAGS:
            return Scalar(None, _odd_tag(tag))
        return read_scalar(event.value, TAG + "str")

    def _key(self, scalar: Scalar, written: str, place: Place) -> None:
        frame = self.frames[-1]
        key = scalar.value
        if not isinstance(key, str):
            path = (*frame.path, written)
            message = scalar.fault.message if scalar.fault else f"the key `{shown(written)}` is not text"
            fault = Fault("key-not-text", message, f'quote it: "{shown(written)}"')
            self._problem(place, path, fault)
            self.doubted.add(path)
            key = written
        if key == "<<" and not scalar.fault:
            fault = Fault("merge-key", "merge keys are not supported", "write the keys out")
            self._problem(place, (*frame.path, key), fault)
            self.doubted.add((*frame.path, key))
        first = self.keys.get((*frame.path, key))
        frame.repeats = first is not None
        if first is not None:
            message = f"the key `{shown(key)}` is already on line {first.line}"
            self._problem(place, (*frame.path, key), Fault("duplicate-key", message, "keep one of the two"))
            key = f"{key} (again)"
        frame.key = key
        self.keys.setdefault((*frame.path, key), place)

    def _alias(self, event: Any, place: Place) -> None:
        if self._expects_key():
            self._stop(place, Fault("alias", f"the alias *{event.anchor} stands for a key", "write it out"))
        path = self._next_path()
        self.doubted.add(path)
        fault = Fault("alias", f"aliases such as *{event.anchor} are not supported", "write the value out")
        self._problem(place, path, fault)
        self._put(path, None, place)

    def _open(self, event: Any, place: Place) -> None:
        if self._expects_key():
            self._stop(place, Fault("key-not-text", "a list or a mapping stands for a key", "use a text key"))
        if len(self.frames) >= MAX_DEPTH:
            self._stop(place, Fault("too-deep", f"nested deeper than {MAX_DEPTH} levels", "flatten it"))
        path = self._next_path()
        if event.tag is not None:
            self.doubted.add(path)
            self._problem(place, path, _odd_tag(event.tag))
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._put(path, value, place)
        self.frames.append(_Frame(path, value))

    def _expects_key(self) -> bool:
        return bool(self.frames) and isinstance(self.frames[-1].value, dict) and self.frames[-1].key is None

    def _next_path(self) -> Path:
        if not self.frames:
            return ()
        frame = self.frames[-1]
        return (*frame.path, len(frame.value) if frame.key is None else frame.key)

    def _put(self, path: Path, value: Any, place: Place) -> None:
        self.values.setdefault(path, place)
        if not self.frames:
            self.root = value
            return
        frame = self.frames[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is not None and not frame.repeats:
            frame.value[frame.key] = value
        frame.key = None

    # -- faults ------------------------------------------------------------------------------

    def _problem(self, place: Place, path: Path, fault: Fault) -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Stop
        self.problems.append(problem_at(self.file, place, dotted(path), fault))

    def _stop(self, place: Place, fault: Fault) -> NoReturn:
        path = self.frames[-1].path if self.frames else ()
        self._problem(place, path, fault)
        raise _Stop

    def _syntax(self, error: yaml.YAMLError) -> None:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = Place(mark.line + 1, mark.column + 1) if mark else NOWHERE
        lines = self.text.split("\n")
        line = lines[mark.line] if mark and mark.line < len(lines) else ""
        if "\t" in line[: len(line) - len(line.lstrip())]:
            fault = Fault("tab", "YAML does not allow tabs for indentation", "use spaces")
        else:
            words = [getattr(error, name, None) for name in ("context", "problem")]
            said = ", ".join(str(word) for word in words if word) or "unreadable"
            fault = Fault("yaml-syntax", f"not valid YAML: {said}", "")
        self._problem(place, (), fault)


def _odd_tag(tag: str) -> Fault:
    short = tag.replace(TAG, "!!", 1)
    return Fault("yaml-tag", f"the tag {shown(short)} is not supported", "remove the tag")
