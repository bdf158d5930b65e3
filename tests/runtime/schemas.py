"""JSON Schemas of the Open Inference Protocol's answers, written from its prose.

Stricter than the published documents (`documents`): nothing optional is required here, what the prose gives
a type has it, and there is nothing else. Comments name the section of `inference_rest.md` in
kserve/open-inference-protocol that each is from.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

# Tensor Data Types.
NUMBERS = ["UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"]
DATATYPE = {"enum": ["BOOL", *NUMBERS, "BYTES"]}
TEXT = {"type": "string", "minLength": 1}
# Parameters.
PARAMETERS = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


def record(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    return {
        "type": "object",
        "properties": properties,
        "required": [*required],
        "additionalProperties": False,
    }


# Model Metadata: $metadata_tensor.
METADATA_TENSOR = record(
    {
        "name": TEXT,
        "datatype": DATATYPE,
        "shape": {"type": "array", "items": {"type": "integer", "minimum": -1}},
    },
    {"parameters": {"type": "object"}},
)
SHAPE = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}
# Server Metadata Response JSON Object.
SERVER = record({"name": TEXT, "version": TEXT, "extensions": {"type": "array", "items": TEXT}})
# Model Metadata Response JSON Object.
MODEL = record(
    {
        "name": TEXT,
        "platform": TEXT,
        "inputs": {"type": "array", "items": METADATA_TENSOR, "minItems": 1},
        "outputs": {"type": "array", "items": METADATA_TENSOR, "minItems": 1},
    },
    {"versions": {"type": "array", "items": TEXT}, "parameters": PARAMETERS},
)
# Server Live Response JSON Object.
LIVE = record({"live": {"type": "boolean"}})
# Server Ready: its body says `live`; KServe and its client look for `ready`.
READY = record({"ready": {"type": "boolean"}}, {"live": {"type": "boolean"}})
# Model Ready Response JSON Object.
MODEL_READY = record({"name": TEXT, "ready": {"type": "boolean"}}, {"version": TEXT})
# … Response JSON Error Object, the same for every call.
ERROR = record({"error": TEXT})
# Response Output; data may follow in binary.
OUTPUT = record(
    {"name": TEXT, "shape": SHAPE, "datatype": DATATYPE},
    {"data": {"type": "array"}, "parameters": PARAMETERS},
)
# Inference Response JSON Object.
INFER = record(
    {"model_name": TEXT, "outputs": {"type": "array", "items": OUTPUT}},
    {"model_version": TEXT, "id": TEXT, "parameters": PARAMETERS},
)


def check(schema: dict[str, Any], value: Any) -> None:
    """Fail with every fault."""
    faults = [each.message for each in Draft202012Validator(schema).iter_errors(value)]
    assert faults == []
