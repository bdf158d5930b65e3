"""What jsonschema found, in words that say how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from ordain.core.problems import did_you_mean
from ordain.core.specs.parts import GIT_URL_PATTERN, NAME_PATTERN, URL_PATTERN
from ordain.core.yaml.yamldoc import Document, Path
from ordain.core.yaml.yamlscalars import Fault, shown


class SchemaError(Protocol):
    """What of jsonschema's `ValidationError` the words need."""

    message: Any
    validator: Any
    validator_value: Any
    instance: Any
    schema: Any

    @property
    def absolute_path(self) -> Any:
        """Keys and indexes that lead to the instance."""
        ...

    @property
    def absolute_schema_path(self) -> Any:
        """Keys and indexes that lead to the violated keyword."""
        ...


# A place in the document, what is wrong there, and whether it is the key rather than the value.
Finding = tuple[Path, Fault, bool]

KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}


def words_for(error: SchemaError, document: Document) -> Iterator[Finding]:
    """Every finding in one error; some errors hold several, and some repeat another."""
    path: Path = tuple(error.absolute_path)
    if "propertyNames" in error.absolute_schema_path:
        yield (*path, str(error.instance)), _pattern(error), True
    elif error.validator == "additionalProperties":
        yield from _unknown_keys(error, path)
    elif error.validator == "required":
        yield from _missing_keys(error, path)
    elif error.validator in ("type", "anyOf"):
        yield path, _type(error, document.plain.get(path)), False
    elif error.validator in _VALUES:
        yield path, _VALUES[error.validator](error), False
    elif error.validator != "items":  # `items: false` only repeats `maxItems`
        yield path, Fault("invalid", shown(error.message, 200)), False


def _unknown_keys(error: SchemaError, path: Path) -> Iterator[Finding]:
    known = error.schema["properties"]
    free = [key for key in known if key not in error.instance]
    for key in error.instance:
        if key not in known:
            listed = f"the keys here are {_listed(known)}"
            suggestion = did_you_mean(key, free) or did_you_mean(key, known) or listed
            yield (*path, key), Fault("unknown-key", f"unknown key `{shown(key)}`", suggestion), True


def _missing_keys(error: SchemaError, path: Path) -> Iterator[Finding]:
    """Missing keys, but for those that an unknown key beside them was meant to be."""
    known = error.schema["properties"]
    unknown = [key for key in error.instance if key not in known]
    free = [key for key in known if key not in error.instance]
    meant = {did_you_mean(key, free) for key in unknown}
    for key in free:
        if key in error.validator_value and did_you_mean(key, [key]) not in meant:
            about = known[key].get("description", "")
            yield (*path, key), Fault("missing-key", f"the key `{key}` is missing", about), True


def _type(error: SchemaError, plain: str | None) -> Fault:
    alternatives = error.validator_value if error.validator == "anyOf" else [error.schema]
    return type_fault([kind for each in alternatives for kind in _wanted(each)], error.instance, plain)


def type_fault(wanted: list[str], value: Any, plain: str | None) -> Fault:
    """A value of another type than the one wanted.

    Args:
        wanted: JSON types. value: what is there. plain: how it is written, when without quotes.
    """
    expected = " or ".join(KINDS[kind] for kind in wanted if kind != "null")
    if value is None:
        return Fault("wrong-type", f"expected {expected}, found nothing", "")
    suggestion = ""
    if "string" in wanted and plain is not None:
        suggestion = f'quote it: "{shown(plain)}"'
    elif isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?|true|false", value):
        suggestion = f"remove the quotes: {value}"
    elif "array" in wanted and not isinstance(value, dict):
        suggestion = f"write a list: [{_quoted(value)}]"
    return Fault("wrong-type", f"expected {expected}, found {_found(value)}", suggestion)


def _wanted(schema: dict[str, Any]) -> list[str]:
    """The JSON types that a schema takes at its top."""
    if "$ref" in schema:
        return ["object"]
    kinds = schema.get("type", "string")
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _enum(error: SchemaError) -> Fault:
    allowed = [str(each) for each in error.validator_value]
    value = error.instance
    if not isinstance(value, str):
        return Fault("not-allowed", f"expected {_listed(allowed, 'or')}, found {_found(value)}")
    relation = "one of " if len(allowed) > 1 else ""
    message = f"`{shown(value)}` is not {relation}{_listed(allowed)}"
    return Fault("not-allowed", message, did_you_mean(value, allowed))


def _pattern(error: SchemaError) -> Fault:
    expected, value = error.schema["patternErrorMessage"], str(error.instance)
    name = re.sub("[^a-z0-9]+", "-", value.lower()).strip("-")
    fits = error.validator_value == NAME_PATTERN and value.isascii() and re.search(NAME_PATTERN, name)
    # An address can hold a password, and no message may: neither where one is asked for, however it is
    # misspelt, nor where one stands in the place of something else.
    address = error.validator_value in (URL_PATTERN, GIT_URL_PATTERN) or "://" in value
    found = "" if address else f", found `{shown(value)}`"
    return Fault("malformed", f"expected {expected}{found}", f"such as `{name}`" if fits else "")


def _bound(relation: str) -> Callable[[SchemaError], Fault]:
    def fault(error: SchemaError) -> Fault:
        return Fault("out-of-range", f"must be {relation} {error.validator_value}, is {error.instance}")

    return fault


def _size(relation: str, unit: str) -> Callable[[SchemaError], Fault]:
    def fault(error: SchemaError) -> Fault:
        if not error.instance:
            return Fault("empty", "must not be empty")
        limit = error.validator_value
        return Fault("out-of-range", f"needs {relation} {limit} {unit}, has {len(error.instance)}")

    return fault


_VALUES: dict[Any, Callable[[SchemaError], Fault]] = {
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _bound("at least"),
    "maximum": _bound("at most"),
    "exclusiveMinimum": _bound("greater than"),
    "exclusiveMaximum": _bound("less than"),
    "minLength": _size("at least", "characters"),
    "maxLength": _size("at most", "characters"),
    "minItems": _size("at least", "items"),
    "maxItems": _size("at most", "items"),
    "minProperties": _size("at least", "entries"),
}


def _found(value: Any) -> str:
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {shown(str(value))}"
    if isinstance(value, str):
        return f"the text {_quoted(value)}"
    return "a list" if isinstance(value, list) else "a mapping"


def _quoted(value: Any) -> str:
    return f'"{shown(value)}"' if isinstance(value, str) else str(value).lower()


def _listed(items: Iterable[str], word: str = "and") -> str:
    *first, last = [f"`{each}`" for each in items]
    return f"{', '.join(first)} {word} {last}" if first else last
