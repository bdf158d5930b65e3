"""What is rendered for Argo CD, Flux, KServe, Argo Rollouts and Prometheus, by their own schemas.

The custom resource definitions are those of the tools' releases; TEST_CRDS names their folder. Every
key that a definition does not know is an error here, though an API server would only drop it. The rules
in CEL that definitions carry are evaluated too, but for those that compare with an earlier object.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cel
import jsonschema
import pytest
import yaml

from ordain.adapters.resources import templates
from ordain.core.rendering.desired import desired
from ordain.core.rendering.templating import parse
from tests.core.fleet import forms
from tests.e2e.test_manifests import CUSTOM, KUBECTL_LISTING

CRDS = os.environ.get("TEST_CRDS")
if not CRDS:
    pytest.skip("TEST_CRDS names no folder of custom resource definitions", allow_module_level=True)

Object = dict[str, Any]


def closed(schema: Any) -> Any:
    """A structural schema as JSON Schema that refuses keys it does not know."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if schema.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
        found["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    known = "properties" in schema and "type" in schema
    if known and not schema.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    return found


def definitions() -> dict[tuple[str, str], Object]:
    """Schema by API version and kind."""
    found = {}
    for path in sorted(Path(str(CRDS)).rglob("*.yaml")):
        document = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        spec = document["spec"]
        for version in spec["versions"]:
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            found[key] = version["schema"]["openAPIV3Schema"]
    return found


SCHEMAS = definitions()


def rendered() -> dict[str, Object]:
    """Every custom resource of a fleet of all forms, by path."""
    files = (item for each in desired(forms(), templates()).values() for item in each.files.items())
    found = {path: parse(data) for path, data in files}
    return {
        path: each
        for path, each in found.items()
        if each["kind"] in CUSTOM and each["apiVersion"] != KUBECTL_LISTING
    }


RENDERED = rendered()


def errors(document: Object) -> list[str]:
    schema = closed(SCHEMAS[document["apiVersion"], document["kind"]])
    schema["properties"]["metadata"] = {"type": "object"}
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{each.json_path}: {each.message}" for each in validator.iter_errors(document)]


def test_every_kind_is_rendered_and_has_a_definition() -> None:
    assert {each["kind"] for each in RENDERED.values()} == CUSTOM
    assert len(RENDERED) > 30


@pytest.mark.parametrize("path", RENDERED)
def test_every_custom_resource_is_valid_to_the_last_key(path: str) -> None:
    assert errors(RENDERED[path]) == []


@pytest.mark.parametrize("kind", sorted(CUSTOM))
def test_a_key_that_a_definition_does_not_know_is_seen(kind: str) -> None:
    document = next(each for each in RENDERED.values() if each["kind"] == kind)
    assert errors({**document, "spec": {**document["spec"], "unknownKey": 1}})
    assert errors({**document, "spec": 1})


def rules(schema: Any, value: Any) -> Iterator[tuple[str, Any]]:
    """Each CEL rule that speaks of a part of a value, with that part."""
    if not isinstance(schema, dict):
        return
    for rule in schema.get("x-kubernetes-validations", ()):
        if "oldSelf" not in rule["rule"]:
            yield rule["rule"], value
    if isinstance(value, dict):
        for key, each in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            yield from rules(inner, each)
    if isinstance(value, list):
        for each in value:
            yield from rules(schema.get("items"), each)


def test_the_rules_that_definitions_carry_hold() -> None:
    evaluated = 0
    for path, document in RENDERED.items():
        for rule, part in rules(SCHEMAS[document["apiVersion"], document["kind"]], document):
            assert cel.evaluate(rule, {"self": part}) is True, (path, rule)
            evaluated += 1
    assert evaluated > 0
