# mypy: ignore-errors
"""In the clients' environment: everything that Triton's client can ask."""

from __future__ import annotations

import json
import sys

import ml_dtypes
import numpy as np
import tritonclient.http as triton

PORT, ROW = int(sys.argv[1]), json.loads(sys.argv[2])
NUMPY = {
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64, "INT8": np.int8,
    "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "FP16": np.float16, "FP32": np.float32,
    "BF16": ml_dtypes.bfloat16, "FP64": np.float64, "BOOL": np.bool_, "BYTES": np.object_,
}  # fmt: skip
client = triton.InferenceServerClient(f"127.0.0.1:{PORT}")


def inputs(amount: str, binary: bool) -> list[triton.InferInput]:
    """One row, its `amount` in the datatype given; every datatype but that is needed by another column."""
    kinds = {
        "plan": "BYTES",
        "town": "BYTES",
        "amount": amount,
        "visits": "INT64",
        "vip": "BOOL",
        "since": "BYTES",
    }
    made = []
    for name, kind in kinds.items():
        tensor = triton.InferInput(name, [1], kind)
        tensor.set_data_from_numpy(np.array([ROW[name]], dtype=NUMPY[kind]), binary_data=binary)
        made.append(tensor)
    return made


def ask(amount: str, binary: bool, **options: str) -> list[object]:
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "label")]
    answer = client.infer("toy", inputs(amount, binary), outputs=outputs, request_id="mine", **options)
    label = answer.as_numpy("label")[0]
    text = label.decode() if isinstance(label, bytes) else str(label)
    return [answer.as_numpy("probabilities").tolist(), text, answer.get_response()["id"]]


found = {
    f"{kind} {form}": ask(kind, form == "binary")
    for kind in NUMPY
    if kind not in {"BOOL", "BYTES"}
    for form in ("binary", "json")
    if (kind, form) != ("BF16", "json")  # this client refuses to
}
found["gzip"] = ask("FP32", True, request_compression_algorithm="gzip", response_compression_algorithm="gzip")
found["deflate"] = ask("FP32", False, request_compression_algorithm="deflate", model_version="7")
facts = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model": client.is_model_ready("toy") and client.is_model_ready("toy", "7"),
    "server": client.get_server_metadata()["name"],
    "versions": client.get_model_metadata("toy", "7")["versions"],
}
try:
    client.infer("toy", inputs("FP32", True)[1:])
except triton.InferenceServerException as error:
    facts["refused"] = [str(error.status()), error.message()]
print(json.dumps({"answers": found, "facts": facts}))
