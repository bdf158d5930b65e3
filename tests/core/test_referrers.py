from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.core.artifacts.artifact import blob_path, build_layout
from ordain.core.artifacts.referrers import (
    EMPTY_BYTES,
    ReferrerError,
    attachment,
    content_of,
    extended,
    fallback_tag,
    listed,
)
from ordain.core.canonical import bytes_digest

KIND = "application/vnd.example.note"
LAYOUT = build_layout({"model.onnx": b"g", "profile.json": b"{}", "signature.json": b"{}"})
SUBJECT = LAYOUT.manifest_digest
ADDED = attachment(LAYOUT.blobs[blob_path(SUBJECT)], KIND, b"note")


def test_an_attachment_refers_to_its_subject_and_names_its_content() -> None:
    content = json.loads(ADDED.manifest)
    assert content["subject"]["digest"] == SUBJECT
    assert content["artifactType"] == KIND
    assert set(ADDED.blobs.values()) == {b"note", EMPTY_BYTES}
    assert content_of(ADDED.manifest, SUBJECT, KIND).digest == bytes_digest(b"note")
    assert fallback_tag(SUBJECT) == "sha256-" + SUBJECT[7:]


def test_a_list_grows_by_what_is_not_in_it_and_keeps_the_rest() -> None:
    first = extended(None, ADDED)
    assert first is not None
    assert listed(first, KIND) == (ADDED.digest,)
    assert extended(first, ADDED) is None
    strange = json.loads(first)
    strange["manifests"].append(
        {"mediaType": "x", "digest": "sha256:no", "size": 1, "artifactType": KIND, "annotations": {"a": "b"}}
    )
    other = attachment(LAYOUT.blobs[blob_path(SUBJECT)], "application/vnd.other", b"other")
    second = extended(json.dumps(strange).encode(), other)
    assert second is not None
    assert json.loads(second)["manifests"][1]["annotations"] == {"a": "b"}
    assert listed(second, KIND) == (ADDED.digest,)
    assert listed(second, "application/vnd.other") == (other.digest,)


def changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(ADDED.manifest), **changes}).encode()


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"", "not what the spec"),
        (b"[" * 100_000, "not what the spec"),
        (changed(layers=[]), "not hold one document"),
        (changed(layers=[{"mediaType": "other", "digest": SUBJECT, "size": 1}]), "not hold one document"),
        (changed(layers=[{"mediaType": KIND, "digest": "../x", "size": 1}]), "not hold one document"),
        (changed(subject={"mediaType": KIND, "digest": "sha256:" + "0" * 64, "size": 1}), "another artifact"),
    ],
)  # fmt: skip
def test_manifests_that_do_not_attach_it(manifest: bytes, said: str) -> None:
    with pytest.raises(ReferrerError, match=said):
        content_of(manifest, SUBJECT, KIND)


@given(st.binary(max_size=100))
def test_no_bytes_are_too_strange(data: bytes) -> None:
    for read in (lambda: listed(data, KIND), lambda: content_of(data, SUBJECT, KIND)):
        with pytest.raises(ReferrerError):
            read()
