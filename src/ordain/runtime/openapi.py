"""The OpenAPI document of a server, made from its models' own signatures.

OpenAPI 3.1, whose schemas are JSON Schema 2020-12. A row that is valid by its schema is within the
contract, so it is accepted under either policy; tests hold the server to that, and its answers to theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ordain._version import __version__
from ordain.core.artifacts.signature import FLOAT_MAX, Feature, Signature
from ordain.runtime.messages import Limits
from ordain.runtime.model import Model
from ordain.runtime.protocol import INPUT_DATATYPES
from ordain.runtime.tensors import DATATYPES

PATH = "/openapi.json"
Json = dict[str, Any]
TEXT: Json = {"type": "string"}
PARAMETERS: Json = {"type": "object"}
SHAPE: Json = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}
TENSOR: Json = {"name": TEXT, "datatype": {"enum": list(DATATYPES)}, "shape": SHAPE}
TYPES = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "date": "string"}
EXAMPLES = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "date": "2025-01-31"}


def document(models: Sequence[Model], limits: Limits) -> Json:
    """The whole document; of several versions of one model the last is described on unversioned paths."""
    paths: Json = _server_paths()
    schemas: Json = _protocol_schemas(limits)
    names = {each.identity.name for each in models}
    for model in models:
        name, version = model.identity.name, model.identity.version
        own = name if len(names) == len(models) else f"{name}.{version}"
        schemas |= _model_schemas(model, limits, own)
        for base in (f"/v2/models/{name}", f"/v2/models/{name}/versions/{version}"):
            paths |= _model_paths(base, own)
        paths[f"/predict/{name}"] = _posted(own, "Predict", "Predictions", "Score rows, columns by name.")
    if len(names) == 1:
        paths["/predict"] = paths[f"/predict/{models[-1].identity.name}"]
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Ordain: {', '.join(sorted(names))}", "version": __version__},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas},
    }


def row_schema(signature: Signature) -> Json:
    """One row of `POST /predict`."""
    return _object(
        {each.name: value_schema(each, signature.missing_string) for each in signature.features},
        description=f"The columns of `{signature.model}`.",
        additionalProperties=False,
    )


def value_schema(feature: Feature, missing: str) -> Json:
    """The values that a column's contract allows."""
    kind = TYPES[feature.type]
    schema: Json = {"type": [kind, "null"] if feature.nullable else kind}
    if feature.type == "string":
        return schema | _text_limits(feature, missing)
    if feature.type == "date":
        return schema | {"format": "date"}
    if feature.type in {"integer", "number"}:
        schema["minimum"] = -FLOAT_MAX if feature.min is None else feature.min
        schema["maximum"] = FLOAT_MAX if feature.max is None else feature.max
    return schema


def _text_limits(feature: Feature, missing: str) -> Json:
    """Categories, and that text which stands for a missing value is none."""
    absent = {"", missing}
    if feature.categories is not None:
        known = [each for each in dict.fromkeys(feature.categories) if each not in absent]
        return {"enum": [*known, None] if feature.nullable else known}
    if feature.nullable:
        return {}
    return {"minLength": 1} if missing == "" else {"minLength": 1, "not": {"const": missing}}


def _example(feature: Feature) -> Any:
    """A value within the contract, as far as a machine can make one up."""
    if feature.categories:
        return feature.categories[0]
    limits = [each for each in (feature.min, feature.max) if each is not None]
    if feature.type in {"integer", "number"} and limits:
        return int(limits[0]) if feature.type == "integer" else limits[0]
    return EXAMPLES[feature.type]


def _model_schemas(model: Model, limits: Limits, name: str) -> Json:
    """What a model's own paths take and give, under names that begin as `name` says."""
    signature = model.signature
    row = {"$ref": f"#/components/schemas/{name}.Row"}
    most = limits.of_model(len(signature.features)).rows
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": most}
    example = {each.name: _example(each) for each in signature.features}
    tensors = [
        {
            "name": each.name,
            "datatype": INPUT_DATATYPES[each.type],
            "shape": [1],
            "data": [example[each.name]],
        }
        for each in signature.features
    ]
    request = _reference("InferenceRequest") | {"examples": [{"inputs": tensors}]}
    return {
        f"{name}.Row": row_schema(signature),
        f"{name}.Predict": {"oneOf": [row, rows], "examples": [example]},
        f"{name}.Predictions": _object(
            {
                "model": {"const": model.identity.name},
                "version": TEXT,
                "id": TEXT,
                "predictions": {"type": "array", "items": _answer_schema(signature), "minItems": 1},
            }
        ),
        f"{name}.Infer": request,
    }


def _answer_schema(signature: Signature) -> Json:
    """One row's answer of `POST /predict`."""
    if signature.classes is None:
        return _object({"prediction": {"type": "number"}})
    share = {"type": "number", "minimum": 0, "maximum": 1.00001}  # 32-bit sums end a little above 1
    return _object(
        {
            "label": {"enum": list(signature.classes)},
            "probabilities": _object(dict.fromkeys(signature.classes, share)),
        }
    )


def _request_schema(limits: Limits) -> Json:
    """An inference request; it may say null for what it leaves out."""
    asked = {"parameters": {"type": ["object", "null"]}}
    outputs = {"type": ["array", "null"], "items": _object({"name": TEXT}, asked)}
    rows = f"One tensor a column, each of shape [rows] or [rows, 1]; at most {limits.rows} rows."
    given = _object(TENSOR, {"data": {"type": "array"}, **asked})
    inputs = {"type": "array", "items": given, "minItems": 1, "description": rows}
    return _object({"inputs": inputs}, {"id": {"type": ["string", "null"]}, "outputs": outputs, **asked})


def _protocol_schemas(limits: Limits) -> Json:
    """The messages of the Open Inference Protocol."""
    described = {"name": TEXT, "datatype": {"enum": list(DATATYPES)}, "shape": {"type": "array"}}
    optional = {"parameters": PARAMETERS}
    values = {"data": {"type": "array"}, **optional}
    tensors = {"type": "array", "items": _object(described, optional), "minItems": 1}
    return {
        "Error": _object({"error": TEXT}),
        "Live": _object({"live": {"type": "boolean"}}),
        "Ready": _object({"live": {"type": "boolean"}, "ready": {"type": "boolean"}}),
        "Server": _object({"name": TEXT, "version": TEXT, "extensions": {"type": "array", "items": TEXT}}),
        "Model": _object(
            {
                "name": TEXT,
                "versions": {"type": "array", "items": TEXT},
                "platform": TEXT,
                "inputs": tensors,
                "outputs": tensors,
                "parameters": PARAMETERS,
            }
        ),
        "ModelReady": _object({"name": TEXT, "version": TEXT, "ready": {"type": "boolean"}}),
        "InferenceRequest": _request_schema(limits),
        "InferenceResponse": _object(
            {
                "model_name": TEXT,
                "model_version": TEXT,
                "outputs": {"type": "array", "items": _object(TENSOR, values)},
            },
            {"id": TEXT, **optional},
        ),
    }


def _server_paths() -> Json:
    text = {"200": {"description": "Prometheus text.", "content": {"text/plain": {"schema": TEXT}}}}
    ready = _got("Ready", "Whether requests are wanted.", drains=True)
    return {
        "/v2": _got("Server", "Name, version and extensions."),
        "/v2/health/live": _got("Live", "Whether the process answers."),
        "/v2/health/ready": ready,
        "/metrics": {"get": {"summary": "Metrics for Prometheus.", "responses": text}},
        PATH: {
            "get": {
                "summary": "This document.",
                "responses": {
                    "200": {"description": "OK", "content": {"application/json": {"schema": PARAMETERS}}}
                },
            }
        },
    }


def _model_paths(base: str, name: str) -> Json:
    return {
        base: _got("Model", "Inputs with their contract, and outputs."),
        f"{base}/ready": _got("ModelReady", "Whether the model is ready.", drains=True),
        f"{base}/infer": _posted(name, "Infer", None, "An inference of the Open Inference Protocol."),
    }


def _posted(name: str, request: str, answer: str | None, summary: str) -> Json:
    """A POST of a model's own request; None answers an inference."""
    refused = {"400": "Not what this path takes, or outside the contract.", "408": "Too slow.",
               "411": "No body.", "413": "Too large.", "415": "Not JSON.",
               "503": "Busy; see Retry-After."}  # fmt: skip
    responses = {"200": _answer(f"{name}.{answer}" if answer else "InferenceResponse", "OK")}
    responses |= {status: _answer("Error", why) for status, why in refused.items()}
    content = {"application/json": {"schema": _reference(f"{name}.{request}")}}
    body = {"required": True, "content": content}
    return {"post": {"summary": summary, "requestBody": body, "responses": responses}}


def _got(answer: str, summary: str, *, drains: bool = False) -> Json:
    responses = {"200": _answer(answer, "OK")}
    if drains:
        responses["503"] = _answer(answer, "It drains.")
    return {"get": {"summary": summary, "responses": responses}}


def _answer(schema: str, description: str) -> Json:
    return {
        "description": description,
        "content": {"application/json": {"schema": _reference(schema)}},
    }


def _reference(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None, **more: Any) -> Json:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": [*required], **more}
