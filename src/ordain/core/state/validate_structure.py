"""Whether a document has the shape of its type, and every place where it has not.

The type itself decides. Only when it refuses does jsonschema walk the document by the type's own JSON
Schema, because it goes on after the first fault; the words for each kind of fault are in
`validate_words`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from ordain.core.problems import Problem
from ordain.core.state.schema import schema_of
from ordain.core.state.validate_words import words_for
from ordain.core.yaml.yamldoc import Document, Path
from ordain.core.yaml.yamlscalars import Fault

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

T = TypeVar("T", bound=Struct)


def structure(document: Document, shape: type[T]) -> tuple[T | None, list[Problem]]:
    """The document as a value of its type, or every place where it differs from the type.

    What the document itself already reports is not reported again.
    """
    if not document.complete:
        return None, []
    if document.value is None:
        return None, [document.at_value((), Fault("empty-file", "the file is empty"))]
    try:
        return msgspec.convert(document.value, shape), []
    except msgspec.ValidationError as error:
        problems = list(_by_schema(document, shape))
        if not problems and not document.problems:
            problems = [document.at_value((), Fault("invalid", str(error)))]
        return None, problems


def _by_schema(document: Document, shape: type[Struct]) -> Iterator[Problem]:
    seen = set()
    for error in _leaves(_validator(shape).iter_errors(document.value)):
        for path, fault, on_key in words_for(error, document):
            if (path, fault.code) not in seen and not _doubted(document, path):
                seen.add((path, fault.code))
                yield document.at_key(path, fault) if on_key else document.at_value(path, fault)


def _doubted(document: Document, path: Path) -> bool:
    return any(path[:length] in document.doubted for length in range(len(path) + 1))


def _leaves(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """The errors themselves; for alternatives, those of the one alternative that was meant."""
    for error in errors:
        if error.validator != "anyOf":
            yield error
            continue
        meant = [branch for branch in _branches(error) if not _is_of_other_type(branch)]
        if len(meant) == 1:
            yield from _leaves(meant[0])
        else:
            yield error


def _branches(error: ValidationError) -> list[list[ValidationError]]:
    branches: dict[Any, list[ValidationError]] = {}
    for each in error.context or ():
        branches.setdefault(each.schema_path[0], []).append(each)
    return list(branches.values())


def _is_of_other_type(branch: list[ValidationError]) -> bool:
    """Whether an alternative is for another type of value, so that its errors would mislead."""
    return any(
        not each.relative_path
        and (each.validator == "type" or (each.validator == "enum" and not isinstance(each.instance, str)))
        for each in branch
    )


def _validator(shape: type[Struct]) -> Validator:
    """A validator as strict as the types: 1.0 is no whole number, and true is not 1."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend

    def whole(_: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def one_of(_: Any, allowed: list[Any], value: Any, __: Any) -> Iterator[ValidationError]:
        if not any(type(each) is type(value) and each == value for each in allowed):
            yield ValidationError("not one of the allowed values")

    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", whole)
    strict: Any = extend(Draft202012Validator, validators={"enum": one_of}, type_checker=checker)  # type: ignore[no-untyped-call]
    validator: Validator = strict(schema_of(shape))
    return validator
