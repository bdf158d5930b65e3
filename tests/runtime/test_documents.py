"""Every kind of answer, held against the documents that the protocol is published by."""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx
import pytest

from tests.runtime import documents, schemas
from tests.runtime.toy import ROW, tensors

NAMES = ("the protocol's", "MLServer's")
MODELS = ("/v2/models/toy", "/v2/models/toy/versions/7")
INPUTS = tensors(ROW)
BINARY = [{"name": "label", "parameters": {"binary_data": True}}, {"name": "probabilities"}]
HALF_BINARY = {"inputs": INPUTS, "outputs": BINARY}
# What is asked (method, path, body), and what comes (the status, our own schema of the answer).
ASKED: list[tuple[str, str, Any, int, dict[str, Any]]] = [
    ("get", "/v2", None, 200, schemas.SERVER),
    ("get", "/v2/health/live", None, 200, schemas.LIVE),
    ("get", "/v2/health/ready", None, 200, schemas.READY),
    *(("get", path, None, 200, schemas.MODEL) for path in MODELS),
    *(("get", f"{path}/ready", None, 200, schemas.MODEL_READY) for path in MODELS),
    *(("post", f"{path}/infer", {"inputs": INPUTS, "id": "a"}, 200, schemas.INFER) for path in MODELS),
    *(("post", f"{path}/infer", HALF_BINARY, 200, schemas.INFER) for path in MODELS),
    *(("post", f"{path}/infer", {"inputs": INPUTS[1:]}, 400, schemas.ERROR) for path in MODELS),
    *(("post", f"{path}/infer", {"inputs": tensors(*[ROW] * 51)}, 413, schemas.ERROR) for path in MODELS),
    ("get", "/v2/models/none", None, 404, schemas.ERROR),
    ("get", "/v2/models/toy/versions/6/ready", None, 404, schemas.ERROR),
    ("post", "/v2/models/none/infer", {"inputs": INPUTS}, 404, schemas.ERROR),
    ("get", "/v2/models/toy/infer", None, 405, schemas.ERROR),
]  # fmt: skip


def described(path: str) -> str:
    """The path as the mended documents have it."""
    parts = path.split("/")
    for before, name in (("models", "{model_name}"), ("versions", "{model_version}")):
        if before in parts:
            parts[parts.index(before) + 1] = name
    return "/".join(parts)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: f"{asked[0]} {asked[1]} {asked[3]}")
def test_answers_are_as_the_published_documents_say(
    client: httpx.Client, name: str, asked: tuple[str, str, Any, int, dict[str, Any]]
) -> None:
    method, path, body, status, own = asked
    document = documents.mended(name)
    response = client.request(method, path, json=body)
    assert response.status_code == status, response.text
    size = response.headers.get("Inference-Header-Content-Length")
    assert (size is not None) == (body is HALF_BINARY)
    answer = json.loads(response.content[: int(size)] if size else response.content)
    schemas.check(own, answer)
    place = described(path)
    verb = method if method in document["paths"][place] else "post"
    assert documents.faults(document, verb, place, status, answer) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_patch_mends_something(name: str) -> None:
    """One that changes nothing is no longer needed: the document has been mended where it is published."""
    document, patches = documents.published(name)
    for title, patch in patches.items():
        if title == "a request that is none":
            assert documents.example_faults(document) != []
        before = copy.deepcopy(document)
        patch.mend(document)
        assert document != before, title
        assert patch.reason
    assert documents.example_faults(document) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        ("/v2/health/ready", 200, {"ready": True}),
        ("/v2/models/{model_name}/ready", 200, {"ready": True}),
        ("/v2/models/{model_name}", 200, {"name": "toy", "platform": "p"}),
        ("/v2/models/{model_name}", 404, {"message": "none"}),
    ],
)
def test_mended_documents_refuse_what_the_prose_forbids(
    name: str, path: str, status: int, answer: Any
) -> None:
    assert documents.faults(documents.mended(name), "get", path, status, answer) != []
