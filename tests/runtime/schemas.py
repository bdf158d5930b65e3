"""JSON Schemas of the Open Inference Protocol's answers, written from its prose.

The protocol's own OpenAPI file covers versioned paths only and has an example that breaks its schema, so
it cannot be the judge. Nothing optional is required here, and what the prose gives a type has it.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

NUMBERS = ["UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"]
DATATYPE = {"enum": ["BOOL", *NUMBERS, "BYTES"]}
TEXT = {"type": "string", "minLength": 1}
PARAMETERS = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


def record(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    return {
        "type": "object",
        "properties": properties,
        "required": [*required],
        "additionalProperties": False,
    }


METADATA_TENSOR = record(
    {
        "name": TEXT,
        "datatype": DATATYPE,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": -1}},
    },
    {"parameters": {"type": "object"}},
)
SHAPE = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}
SERVER = record({"name": TEXT, "version": TEXT, "extensions": {"type": "array", "items": TEXT}})
MODEL = record(
    {
        "name": TEXT,
        "platform": TEXT,
        "inputs": {"type": "array", "items": METADATA_TENSOR, "minItems": 1},
        "outputs": {"type": "array", "items": METADATA_TENSOR, "minItems": 1},
    },
    {"versions": {"type": "array", "items": TEXT}, "parameters": PARAMETERS},
)
LIVE = record({"live": {"type": "boolean"}})
READY = record({"ready": {"type": "boolean"}}, {"live": {"type": "boolean"}})
MODEL_READY = record({"name": TEXT, "ready": {"type": "boolean"}}, {"version": TEXT})
ERROR = record({"error": TEXT})
OUTPUT = record(
    {"name": TEXT, "shape": SHAPE, "datatype": DATATYPE},
    {"data": {"type": "array"}, "parameters": PARAMETERS},
)
INFER = record(
    {"model_name": TEXT, "outputs": {"type": "array", "items": OUTPUT}},
    {"model_version": TEXT, "id": TEXT, "parameters": PARAMETERS},
)


def check(schema: dict[str, Any], value: Any) -> None:
    """Fail with every fault."""
    faults = [each.message for each in Draft202012Validator(schema).iter_errors(value)]
    assert faults == []
