# mypy: ignore-errors
"""In the clients' environment: everything that KServe's client can ask."""

from __future__ import annotations

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.errors import InferenceError, InvalidInput
from kserve.protocol.infer_type import RequestedOutput

PORT, ROW = int(sys.argv[1]), json.loads(sys.argv[2])
URL = f"http://127.0.0.1:{PORT}"
NUMPY = {
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64, "INT8": np.int8,
    "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "FP16": np.float16, "FP32": np.float32,
    "FP64": np.float64, "BF16": np.float32, "BOOL": np.bool_, "BYTES": np.object_,
}  # fmt: skip


def request(amount: str, binary: bool) -> InferRequest:
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
        tensor = InferInput(name, [1], kind)
        tensor.set_data_from_numpy(np.array([ROW[name]], dtype=NUMPY[kind]), binary_data=binary)
        made.append(tensor)
    wanted = [RequestedOutput(name, {"binary_data": binary}) for name in ("probabilities", "label")]
    return InferRequest("toy", made, request_id="mine", request_outputs=wanted)


async def ask(client: InferenceRESTClient, amount: str, binary: bool) -> list[object]:
    return await answered(client, request(amount, binary))


async def answered(client: InferenceRESTClient, sent: InferRequest) -> list[object]:
    answer = await client.infer(URL, sent, model_name="toy")
    outputs = {each.name: each.as_numpy() for each in answer.outputs}
    label = outputs["label"][0]
    text = label.decode() if isinstance(label, bytes) else str(label)
    return [outputs["probabilities"].tolist(), text, answer.id]


async def ask_brain(client: InferenceRESTClient) -> list[object]:
    """BF16, for which that client has no NumPy type: numbers as JSON are the one way that it has."""
    sent = request("FP32", binary=False)
    sent.inputs = [each for each in sent.inputs if each.name != "amount"]
    sent.inputs.append(InferInput("amount", [1], "BF16", data=[float(ROW["amount"])]))
    return await answered(client, sent)


def refused(kind: str) -> str:
    """What that client says to an array that it does not send."""
    try:
        request(kind, binary=False).to_rest()
    except (InferenceError, InvalidInput) as error:
        return str(error)
    return ""


async def main() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    found = {
        f"{kind} {form}": await ask(client, kind, form == "binary")
        for kind in NUMPY
        if kind not in {"BF16", "BOOL", "BYTES"}
        for form in ("binary", "json")
        if (kind, form) != ("FP16", "json")  # that client refuses to send it
    }
    found["BF16 json"] = await ask_brain(client)
    facts = {
        "live": await client.is_server_live(URL),
        "ready": await client.is_server_ready(URL),
        "model": await client.is_model_ready(URL, "toy"),
        "refused": {kind: refused(kind) for kind in ("FP16", "BF16")},
    }
    print(json.dumps({"answers": found, "facts": facts}))


asyncio.run(main())
