"""The shipped schemas are the types, and a jsonschema user sees what the types see."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from ordain.core.state.schema import TYPES, schema_files, schema_name, schema_of
from ordain.core.yaml.yamldoc import read_yaml

ROOT = Path(__file__).parents[2]
FILES = schema_files()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("folder", ["src/ordain/schemas", ".ordain/schemas"])
def test_shipped_schemas_are_the_types(name: str, folder: str, golden: Callable[[Path, bytes], None]) -> None:
    golden(ROOT / folder / name, FILES[name])


@pytest.mark.parametrize("kind", TYPES)
def test_a_schema_is_valid_and_says_what_it_is(kind: str) -> None:
    schema = json.loads(FILES[schema_name(kind)])
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(f"/{kind}.schema.json")
    assert schema["title"]
    assert schema["description"].startswith("The file `")


def test_descriptions_have_no_margin_that_one_python_keeps_and_another_drops() -> None:
    parts = [part for kind in TYPES.values() for part in walk(schema_of(kind)) if isinstance(part, dict)]
    said = [each for part in parts if isinstance(each := part.get("description"), str)]
    assert any("\n" in each for each in said)
    assert [each for each in said if each != inspect.cleandoc(each)] == []


def test_every_pattern_is_said_in_words_and_refuses_a_trailing_line_break() -> None:
    patterns = [
        part
        for kind in TYPES.values()
        for part in walk(schema_of(kind))
        if isinstance(part, dict) and "pattern" in part
    ]
    assert patterns
    for part in patterns:
        assert part["patternErrorMessage"], part
        assert part["pattern"].startswith("^"), part
        assert part["pattern"].endswith(r"(?!\n)$"), part


@pytest.mark.parametrize("path", ["models.yaml", "params.yaml", "policy.yaml"])
def test_the_repository_passes_its_own_schemas_and_names_them(path: str) -> None:
    data = (ROOT / path).read_bytes()
    name = schema_name(path.removesuffix(".yaml"))
    assert data.startswith(f"# yaml-language-server: $schema=.ordain/schemas/{name}\n".encode())
    validator = Draft202012Validator(json.loads(FILES[name]))
    assert [error.message for error in validator.iter_errors(read_yaml(path, data).value)] == []


class Shape(msgspec.Struct):
    plain: str | None = None
    several: list[int | str | None] = []
    nested: Shape | None = None


def test_a_type_and_null_are_one_list_of_types() -> None:
    properties = schema_of(Shape)["$defs"]["Shape"]["properties"]
    assert properties["plain"]["type"] == ["string", "null"]
    assert len(properties["several"]["items"]["anyOf"]) == 3
    assert len(properties["nested"]["anyOf"]) == 2


@pytest.mark.parametrize("seed", ["0", "7"])
def test_schemas_do_not_depend_on_the_hash_seed(seed: str) -> None:
    program = (
        "import sys; from ordain.core.state.schema import schema_files\n"
        "sys.stdout.buffer.write(b''.join(schema_files().values()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
    )
    assert done.stdout == b"".join(FILES.values())


def walk(part: Any) -> list[Any]:
    children = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [part, *(each for child in children for each in walk(child))]
