"""What a pod says of itself, in the forms in which Kubernetes and its tools print it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from ordain.core.ledger.question import PREFIX, Question, question_of
from ordain.core.yaml import yamlplain
from ordain.errors import UserError

LIMIT = 2**20
_ANNOTATIONS = ("metadata", "annotations")
_PLACES = (_ANNOTATIONS, ("spec", "template", *_ANNOTATIONS), ("annotations",), ())
_WHERE = "the annotations"
# A name as Kubernetes allows it, and what the downward API and `kubectl annotate --list` put behind it.
_LINE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._/-]*)=(?P<value>.*)")
_NAMED = re.compile(r"[{=:\n]")


def looks_annotated(text: str) -> bool:
    """Whether a text could be annotations at all, and not a name or a path that was misspelt."""
    return "intent" in text and _NAMED.search(text) is not None


def annotated(data: bytes) -> Question:
    """The question that a pod asks: its JSON or YAML, whole (a controller does too) or only a part, or its
    annotations as lines of `key=value`, the value quoted or not.

    Raises:
        UserError: when there are no annotations of Ordain's inside.
    """
    if len(data) > LIMIT:
        raise UserError(f"over {LIMIT} bytes: this is no pod", where=_WHERE)
    content = _content(data)
    for path in _PLACES:
        inner: Any = content
        for key in path:
            inner = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(inner, Mapping) and any(each in inner for each in (f"{PREFIX}intent", "intent")):
            return question_of({str(key): value for key, value in inner.items()})
    return question_of({})


def _content(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        pass
    lines = [line for line in data.decode("utf-8", "replace").split("\n") if line.strip()]
    found = [_LINE.fullmatch(line.strip()) for line in lines]
    if lines and all(found):
        return {each["name"]: _unquoted(each["value"]) for each in found if each}
    try:
        return yamlplain.load12(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        fix = "kubectl get pod NAME -o json"
        raise UserError("neither JSON nor YAML nor key=value lines", where=_WHERE, fix=fix) from error


def _unquoted(value: str) -> str:
    """A value without the quotes that the downward API puts around it."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, str) else value
