"""What the server says about itself and its models, in the protocol's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ordain._version import __version__
from ordain.core.artifacts.signature import Feature
from ordain.runtime.model import Model
from ordain.runtime.protocol import INPUT_DATATYPES

PLATFORM = "onnxruntime_onnx"
EXTENSIONS = ("binary_tensor_data",)


def server_metadata() -> dict[str, Any]:
    """`GET /v2`."""
    return {"name": "ordain", "version": __version__, "extensions": EXTENSIONS}


def model_metadata(model: Model, versions: Sequence[str]) -> dict[str, Any]:
    """`GET /v2/models/{name}`: one input a raw column, with its contract as parameters."""
    identity = model.identity
    known = {"artifact": identity.artifact, "release": identity.release, "intent": identity.intent}
    return {
        "name": identity.name,
        "versions": list(versions),
        "platform": PLATFORM,
        "inputs": [
            {
                "name": each.name,
                "datatype": INPUT_DATATYPES[each.type],
                "shape": [-1],
                "parameters": _contract(each),
            }
            for each in model.signature.features
        ],
        "outputs": _outputs(model),
        "parameters": {name: value for name, value in known.items() if value},
    }


def _contract(feature: Feature) -> dict[str, Any]:
    contract: dict[str, Any] = {"type": feature.type, "nullable": feature.nullable}
    for name in ("min", "max", "categories"):
        value = getattr(feature, name)
        if value is not None:
            contract[name] = value
    return contract


def _outputs(model: Model) -> list[dict[str, Any]]:
    classes = model.signature.classes
    if classes is None:
        return [{"name": "prediction", "datatype": "FP32", "shape": [-1, 1]}]
    probabilities = {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(classes)]}
    parameters: dict[str, Any] = {"classes": classes}
    if model.signature.task == "binary":
        parameters |= {"positive": model.signature.positive, "threshold": model.signature.threshold}
    return [
        {**probabilities, "parameters": parameters},
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
    ]
