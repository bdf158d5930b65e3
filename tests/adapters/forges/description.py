"""A forge's published description of its API, cut down to what Ordain asks; see tests/data/forges/README.md.

It judges what the stand-in is asked and what it answers, so the clients meet what the real forge sends.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parents[2] / "data" / "forges"
# Where a forge is known to send null and its description does not say so: accounts and forks that are gone.
GONE = {
    "github": {
        name: [("user",), ("head", "repo"), ("head", "user")]
        for name in ("pull-request", "pull-request-simple")
    }
}
# GitHub's GraphQL API has no description in OpenAPI's words: a question goes in, `data` or `errors` out.
GRAPHQL = {
    "/api/graphql": {
        "post": {
            "query": [],
            "request": {
                "type": "object",
                "required": ["query"],
                "properties": {"query": {"type": "string"}, "variables": {"type": "object"}},
                "additionalProperties": False,
            },
            "responses": {
                "200": {"schema": {"type": "object", "properties": {"data": {"type": "object"}}}},
            },
        }
    }
}


class Description:
    """Operations by method and path template, and the schemas of what goes in and out."""

    def __init__(self, forge: str) -> None:
        document = json.loads((FOLDER / f"{forge}.json").read_text())
        self._paths: dict[str, dict[str, Any]] = document["paths"] | (GRAPHQL if forge == "github" else {})
        schemas: dict[str, Any] = document["schemas"]
        for name, places in GONE.get(forge, {}).items():
            for *above, last in places:
                within = schemas[name]["properties"]
                for step in above:
                    within = within[step]["properties"]
                within[last] = {"allOf": [within[last]], "nullable": True}
        self._schemas = {name: _nullable(schema) for name, schema in schemas.items()}
        patterns = {each: re.sub(r"\{[^}]+\}", "([^/]+)", each) for each in self._paths}
        # Templates with more fixed parts first: `/pulls/comments` is not a pull request's number.
        self._patterns = sorted(patterns.items(), key=lambda pair: pair[0].count("{"))

    def operation(self, method: str, path: str) -> tuple[str, tuple[str, ...]]:
        """The template of a request's path and what stands at its places; KeyError when there is none."""
        for template, pattern in self._patterns:
            found = re.fullmatch(pattern, path)
            if found and method.lower() in self._paths[template]:
                return template, found.groups()
        raise KeyError(f"{method} {path} is not in the description")

    def check_request(self, method: str, template: str, query: set[str], body: Any) -> None:
        operation = self._paths[template][method.lower()]
        assert query <= set(operation["query"]), (
            f"{method} {template} takes no {query - set(operation['query'])}"
        )
        if "request" in operation:
            self._validate(_nullable(operation["request"]), body)

    def lists(self, method: str, template: str) -> bool:
        """Whether the operation answers with a list."""
        answer = self._paths[template][method.lower()]["responses"].get("200", {})
        return (answer.get("schema") or {}).get("type") == "array"

    def check_answer(self, method: str, template: str, status: int, body: Any) -> None:
        answers = self._paths[template][method.lower()]["responses"]
        schema = answers[str(status)]["schema"]
        if schema is None:
            assert body is None
        else:
            self._validate(_nullable(schema), body)

    def example(self, schema: str, /, **changes: Any) -> dict[str, Any]:
        """A least value of a schema that has everything it requires, with changes."""
        made = self._example({"$ref": f"#/components/schemas/{schema}"})
        return {**made, **changes}

    def _validate(self, schema: Any, value: Any) -> None:
        whole = {**schema, "components": {"schemas": self._schemas}}
        errors = [
            f"{each.json_path}: {each.message[:300]}"
            for each in Draft202012Validator(whole).iter_errors(value)
        ]
        assert not errors, errors

    def _example(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            return self._example(self._schemas[schema["$ref"].rpartition("/")[2]])
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in schema:
                nothing = {"type": "null"} in schema[choice]
                return None if nothing else self._example(schema[choice][0])
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("type") == "object" or "properties" in schema:
            properties = schema.get("properties", {})
            return {name: self._example(properties[name]) for name in schema.get("required", ())}
        return {"string": "x", "integer": 1, "number": 1.0, "boolean": False, "array": []}[schema["type"]]


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable: true` in JSON Schema's words."""
    if isinstance(schema, list):
        return [_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _nullable(each) for name, each in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain
