"""The JSON Schemas (draft 2020-12) of the declared files, generated from their types.

The shipped copies in `ordain/schemas` and a repository's `.ordain/schemas` are these bytes; a test and
`ordain check` compare them. Every constraint is written once, in the types.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ordain.core.gating.release import Release
from ordain.core.specs.governance import Environment, Policy
from ordain.core.specs.spec import Models, Params

DIALECT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://ordain.dev/schemas/v1/"
FOLDER = ".ordain/schemas"

TYPES: Mapping[str, type[Struct]] = {
    "environment": Environment,
    "models": Models,
    "params": Params,
    "policy": Policy,
    "release": Release,
}


def schema_name(kind: str) -> str:
    """The file name of a schema, such as `models.schema.json`."""
    return f"{kind}.schema.json"


def schema_of(shape: type[Struct]) -> dict[str, Any]:
    """The JSON Schema of a declared type, its definitions inside."""
    generated = msgspec.json.schema(shape)
    definitions = {name: _tidied(each) for name, each in sorted(generated["$defs"].items())}
    return {"$ref": generated["$ref"], "$defs": definitions}


def schema_files() -> dict[str, bytes]:
    """Every schema as bytes, by file name."""
    files = {}
    for kind, shape in TYPES.items():
        head = {
            "$schema": DIALECT,
            "$id": BASE + schema_name(kind),
            "title": f"Ordain: {kind}",
            "description": (shape.__doc__ or "").partition("\n")[0],
        }
        text = json.dumps({**head, **schema_of(shape)}, indent=2, ensure_ascii=False)
        files[schema_name(kind)] = text.encode() + b"\n"
    return files


def _tidied(part: Any) -> Any:
    """The same schema with `anyOf: [a type, null]` as one list of types, of which editors say less, and with
    descriptions that Python 3.13 and its forerunners, which keep the margin of a docstring, agree on."""
    if isinstance(part, list):
        return [_tidied(each) for each in part]
    if not isinstance(part, dict):
        return part
    plain = {name: _tidied(each) for name, each in part.items()}
    if isinstance(plain.get("description"), str):
        plain["description"] = inspect.cleandoc(plain["description"])
    match plain.get("anyOf"):
        case [{"type": str() as kind, **rest}, {"type": "null"}]:
            del plain["anyOf"]
            return {"type": [kind, "null"], **rest, **plain}
    return plain
