"""The protocol's published OpenAPI documents, each defect mended by a named patch that gives its reason.

Two are read: the protocol's own (`specification/protocol/open_inference_rest.yaml` of
kserve/open-inference-protocol, from the file that TEST_PROTOCOL names), and the one that MLServer ships.
The reasons name sections of `inference_rest.md` beside the first, which is what both describe.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from jsonschema import Draft202012Validator

Document = dict[str, Any]
CLIENTS = Path(__file__).parents[2] / ".venv-clients"
MLSERVER = "lib/python*/site-packages/mlserver/rest/openapi/dataplane.json"
VERSION = "/versions/{model_version}"
FLAG = {"type": "boolean"}


class Patch(NamedTuple):
    """What is wrong with a document, and what mends it in place."""

    reason: str
    mend: Callable[[Document], None]


def _templates(document: Document) -> None:
    for path in [*document["paths"]]:
        plain = path.replace("${MODEL_NAME}", "{model_name}").replace("${MODEL_VERSION}", "{model_version}")
        document["paths"][plain] = document["paths"].pop(path)


def _server_path(document: Document) -> None:
    document["paths"]["/v2"] = document["paths"].pop("/v2/")


def _unversioned(document: Document) -> None:
    for path, described in [*document["paths"].items()]:
        document["paths"][path.replace(VERSION, "")] = copy.deepcopy(described)


def _health(document: Document) -> None:
    for path, described in document["paths"].items():
        if path.endswith(("/live", "/ready")):
            model = {"name": {"type": "string"}, "ready": FLAG}
            body = {"live": FLAG} if path.startswith("/v2/health/") else model
            schema = {"type": "object", "properties": body, "required": [*body]}
            described["get"]["responses"]["200"]["content"] = _json(schema)


def _errors(document: Document) -> None:
    _schema(document, "inference_error_response")["required"] = ["error"]
    error = {"content": _json(_schema(document, "inference_error_response"))}
    for path, described in document["paths"].items():
        if path.startswith("/v2/models/"):
            described["post" if "post" in described else "get"]["responses"]["4XX"] = error


def _tensors(document: Document) -> None:
    _schema(document, "metadata_model_response")["required"] += ["inputs", "outputs"]


def _binary(document: Document) -> None:
    sized = {"parameters": {"required": ["binary_data_size"]}}
    tensor = _schema(document, "response_output")
    tensor["required"].remove("data")
    tensor["oneOf"] = [{"required": ["data"]}, {"required": ["parameters"], "properties": sized}]


def _example(document: Document) -> None:
    del _schema(document, "inference_request")["x-examples"]["Example 2"]


def _types(document: Document) -> None:
    _schema(document, "tensor_data")["oneOf"].remove({"type": "bytes"})


PATCHES = {
    "health bodies": Patch("none is described; sections Server Live, Server Ready, Model Ready", _health),
    "errors": Patch("any HTTP error of a model says `error`; sections … JSON Error Object", _errors),
    "a model's tensors": Patch("none of them is #optional; section Model Metadata", _tensors),
    "binary tensors": Patch("data may follow the JSON: the extension that `GET /v2` names", _binary),
    "a request that is none": Patch("the second example of a request is an answer", _example),
}
OWN = {
    "templates": Patch("OpenAPI's path parameters bear no dollar sign", _templates),
    "the server's path": Patch("`GET v2`, by the table of section HTTP/REST", _server_path),
    "paths without a version": Patch("`[/versions/…]` is optional, by the same table", _unversioned),
    **PATCHES,
}
OTHERS = {"types": Patch("JSON Schema has no type `bytes`", _types), **PATCHES}


def published(name: str) -> tuple[Document, dict[str, Patch]]:
    """A document as it is published, and what mends it, in order."""
    if name == "MLServer's":
        found = [*CLIENTS.glob(MLSERVER)]
        if not found:
            pytest.skip("no MLServer in .venv-clients: make clients-env")
        return json.loads(found[0].read_text("utf-8")), OTHERS
    if not (path := os.environ.get("TEST_PROTOCOL")):
        pytest.skip("TEST_PROTOCOL names no open_inference_rest.yaml")
    return yaml.safe_load(Path(path).read_text("utf-8")), OWN


def mended(name: str) -> Document:
    """A document with every patch."""
    document, patches = published(name)
    for each in patches.values():
        each.mend(document)
    return document


def faults(document: Document, method: str, path: str, status: int, value: Any) -> list[str]:
    """What an answer's JSON has that the document does not allow; `path` is the document's own."""
    responses = document["paths"][path][method]["responses"]
    answer = responses.get(str(status)) or responses[f"{status // 100}XX"]
    return against(document, answer["content"]["application/json"]["schema"], value)


def against(document: Document, schema: Document, value: Any) -> list[str]:
    """What a value has that a schema of the document does not allow."""
    whole = {**schema, "components": document["components"]}
    return [each.message for each in Draft202012Validator(whole).iter_errors(value)]


def example_faults(document: Document) -> list[str]:
    """What the document's own examples have that its schemas do not allow."""
    return [
        fault
        for schema in document["components"]["schemas"].values()
        for example in schema.get("x-examples", {}).values()
        for fault in against(document, schema, example)
    ]


def _json(schema: Document) -> Document:
    return {"application/json": {"schema": schema}}


def _schema(document: Document, name: str) -> Document:
    """A schema by its name in the protocol's document; MLServer's are in camel case."""
    schemas: Document = document["components"]["schemas"]
    found: Document = schemas.get(name) or schemas[name.title().replace("_", "")]
    return found
