"""What can be used of files that have faults, so that one fault does not hide those beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from ordain.core.specs.governance import Policy
from ordain.core.specs.parts import NAME_PATTERN
from ordain.core.specs.spec import Candidate, Models, Params, Spec
from ordain.core.state.declared import MODELS, PARAMS, POLICY
from ordain.core.yaml.yamldoc import Document

T = TypeVar("T")


def salvage(documents: Mapping[str, Document], unread: Iterable[str]) -> dict[str, Struct]:
    """Stand-ins for the top files: the models and candidates that are sound, and a policy that says nothing.

    They are for finding more faults only, and must never decide anything.

    Args:
        documents: the files that are there. unread: the paths whose values cannot be used whole.
    """
    found: dict[str, Struct] = {POLICY: _silent_policy()}
    for path in unread:
        document = documents.get(path, Document(file=path))
        if path == MODELS:
            found[path] = Models(version=1, renderer=1, models=_sound(document, "models", Spec))
        elif path == PARAMS:
            candidates = _sound(document, "candidates", dict[str, Candidate])
            found[path] = Params(version=1, candidates=candidates)
    return found


def _sound(document: Document, key: str, shape: type[T]) -> dict[str, T]:
    """The entries of a mapping that have a name, their shape and no doubted value inside."""
    parts: Any = document.value.get(key) if isinstance(document.value, dict) else None
    doubted = {path[1] for path in document.doubted if len(path) > 1 and path[0] == key}
    sound = {}
    for name, part in parts.items() if isinstance(parts, dict) else ():
        try:
            value = msgspec.convert(part, shape)
        except msgspec.ValidationError:
            continue
        if name not in doubted and re.search(NAME_PATTERN, name):
            sound[name] = value
    return sound


def _silent_policy() -> Policy:
    return Policy(version=1, repository="", people={}, collectors=(), rules=(), changes={})
