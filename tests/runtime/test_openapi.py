"""The OpenAPI document: sound by itself, and true of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from ordain.core.artifacts.signature import Feature
from ordain.runtime.admission import Admission
from ordain.runtime.openapi import row_schema, value_schema
from ordain.runtime.refusal import Refusal
from tests.runtime.toy import ROW, Running, feature, files, serving, signature, tensors, write


@pytest.fixture(scope="module")
def document(server: Running) -> dict[str, Any]:
    response = server.client.get("/openapi.json")
    assert response.headers["Content-Type"] == "application/json"
    made: dict[str, Any] = response.json()
    return made


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """A schema of the document, whose references lead into the document."""
    whole, part = (
        json.loads(json.dumps(each).replace('"#/', '"urn:document#/')) for each in (document, schema)
    )
    resource = Resource.from_contents(whole, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:document", resource)
    return Draft202012Validator(part, registry=registry)


def within(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from within(each)


def test_every_reference_leads_somewhere_and_every_schema_is_one(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for each in within(document):
        if "$ref" in each:
            prefix, name = each["$ref"].rsplit("/", 1)
            assert prefix == "#/components/schemas"
            assert name in schemas
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
        for example in schema.get("examples", ()):
            validator(document, schema).validate(example)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Ordain: toy"


def test_it_describes_every_path_and_no_other(document: dict[str, Any], client: httpx.Client) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            response = client.request(method, path)
            assert str(response.status_code) in operation["responses"]
            other = client.request("get" if method == "post" else "post", path)
            assert other.status_code == 405
    assert {"/predict", "/v2/models/toy/infer", "/v2/models/toy/versions/7/infer"} <= document["paths"].keys()


POSTED: list[tuple[str, Any]] = [
    ("/predict", ROW),
    ("/predict/toy", [ROW, {**ROW, "town": None}]),
    ("/predict", {}),
    ("/predict", [ROW] * 51),
    ("/v2/models/toy/infer", {"inputs": tensors(ROW)}),
    ("/v2/models/toy/versions/7/infer", {"inputs": tensors(ROW), "id": "a", "outputs": [{"name": "label"}]}),
    ("/v2/models/toy/infer", {"inputs": []}),
]


@pytest.mark.parametrize(("path", "body"), POSTED)
def test_answers_are_as_described(
    client: httpx.Client, document: dict[str, Any], path: str, body: Any
) -> None:
    response = client.post(path, json=body)
    operation = document["paths"][path]["post"]
    check_answer(document, operation, response)
    request = operation["requestBody"]["content"]["application/json"]["schema"]
    assert validator(document, request).is_valid(body) == (response.status_code == 200)


def check_answer(document: dict[str, Any], operation: dict[str, Any], response: httpx.Response) -> None:
    described = operation["responses"][str(response.status_code)]["content"]["application/json"]["schema"]
    validator(document, described).validate(response.json())


def test_what_is_read_is_as_described(client: httpx.Client, document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        if "get" in methods and path != "/metrics":
            check_answer(document, methods["get"], client.get(path))


def test_the_example_is_accepted(client: httpx.Client, document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for path, name in (("/predict", "toy.Predict"), ("/v2/models/toy/infer", "toy.Infer")):
        for example in schemas[name]["examples"]:
            assert client.post(path, json=example).status_code == 200


CELLS: dict[str, st.SearchStrategy[Any]] = {
    "plan": st.sampled_from(["x", "y", "z", "w", "", None, 1]),
    "town": st.none() | st.text(max_size=3) | st.integers(),
    "amount": st.none() | st.floats(allow_nan=False) | st.integers(-10_000, 10_000) | st.just("1"),
    "visits": st.integers(-1, 61) | st.sampled_from([3.0, 3.5, None, True]),
    "vip": st.booleans() | st.sampled_from([None, "yes", 2]),
    "since": st.dates().map(str) | st.none() | st.sampled_from([True, {}]),
    "more": st.just(1),
}
REQUIRED = {name: CELLS[name] for name in ROW}
FORMATS = Draft202012Validator.FORMAT_CHECKER
SCHEMA = Draft202012Validator(row_schema(signature()), format_checker=FORMATS)
ADMISSION = Admission(signature(), "reject")


@settings(max_examples=400, deadline=None)
@given(
    st.fixed_dictionaries(REQUIRED, optional={"more": CELLS["more"]})
    | st.fixed_dictionaries({}, optional=CELLS)
)
def test_a_row_that_is_valid_is_admitted(row: dict[str, Any]) -> None:
    if SCHEMA.is_valid(row):
        ADMISSION.rows([row])


@pytest.mark.parametrize("name", ROW)
def test_a_cell_that_is_not_valid_is_refused(name: str) -> None:
    values: list[Any] = ["", "w", None, -1e39, 61, 3.5, {}, []]
    for value in values:
        row = {**ROW, name: value}
        days = name == "since" and value == 61  # the packed form of a date, which rows may hold too
        if not SCHEMA.is_valid(row) and not days:
            with pytest.raises(Refusal):
                ADMISSION.rows([row])


@pytest.mark.parametrize(
    ("column", "token", "valid", "invalid"),
    [
        (feature("a", "string", "strings", 0), "", ["x"], ["", None, 1]),
        (feature("a", "string", "strings", 0), "?", ["x"], ["", "?", None]),
        (feature("a", "string", "strings", 0, nullable=True), "?", ["x", "", "?", None], [1]),
        (feature("a", "string", "strings", 0, categories=("x", "")), "", ["x"], ["", "y"]),
        (feature("a", "integer", "floats", 0), "", [3, 3.0], [3.5, None, "3"]),
        (feature("a", "number", "floats", 0, min=0.1), "", [0.1, 3], [0, 1e39]),
        (feature("a", "boolean", "floats", 0), "", [True, False], ["true", None]),
        (feature("a", "date", "floats", 0, nullable=True), "", ["2025-01-31", None], [True]),
    ],
)
def test_values_of_a_column(column: Feature, token: str, valid: list[Any], invalid: list[Any]) -> None:
    schema = Draft202012Validator(value_schema(column, token))
    whole = msgspec.structs.replace(
        signature(),
        features=(column,),
        missing_string=token,
    )
    for value in valid:
        assert schema.is_valid(value)
        Admission(whole, "reject").rows([{"a": value}])
    for value in invalid:
        assert not schema.is_valid(value)
        with pytest.raises(Refusal):
            Admission(whole, "reject").rows([{"a": value}])


def test_every_version_of_a_model_is_described(tmp_path: Path) -> None:
    one = write(tmp_path / "one", files("binary", "one"))
    other = write(tmp_path / "other", files("multiclass", "one"))
    with serving(str(one), str(other)) as running:
        made = running.client.get("/openapi.json").json()
        versions = running.client.get("/v2/models/one").json()["versions"]
    schemas = made["components"]["schemas"]
    labels = [
        schemas[f"one.{version}.Predictions"]["properties"]["predictions"]["items"]["properties"]["label"]
        for version in versions
    ]
    assert labels == [{"enum": ["No", "Yes"]}, {"enum": ["low", "mid", "high"]}]
    path = made["paths"][f"/v2/models/one/versions/{versions[0]}/infer"]["post"]
    body = path["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": f"#/components/schemas/one.{versions[0]}.Infer"}
    last = made["paths"]["/predict/one"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert last == {"$ref": f"#/components/schemas/one.{versions[1]}.Predict"}
