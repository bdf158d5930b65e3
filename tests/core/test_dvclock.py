"""A lock has the shape that DVC writes, or it is none."""

from __future__ import annotations

import pytest

from ordain.core.pipelines.dvclock import stages_of

LOCK = b"""schema: '2.0'
stages:
  ingest:
    cmd: python x
    deps:
    - path: ../../data/rows.csv
      hash: md5
      md5: ab
      size: 3
    params:
      params.yaml:
        model: churn
        label: No
"""


def test_what_dvc_writes_is_read() -> None:
    assert stages_of(LOCK) == {
        "ingest": {
            "cmd": "python x", "deps": [{"path": "../../data/rows.csv", "md5": "ab"}], "outs": [],
            "params": {"params.yaml": {"model": "churn", "label": "No"}},
        }
    }  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"stages: 1", b"stages: {a: 1}", b"stages: {a: {deps: [1]}}", b"stages: {a: {outs: {}}}",
     b"stages: {a: {outs: [{path: [x]}]}}", b"stages: {a: {params: [x]}}", b"stages: {1: {}}",
     b"\xff", b"[" * 10**5],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_lock(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        stages_of(data)
    assert "\n" not in str(caught.value)
