"""Judge the packaged graph on the holdout: the only stage that reads holdout labels.

Reads: package.json, export/{model.onnx,signature.json,reference.parquet}, data/holdout.parquet.
Writes: gates.json and the points of the holdout's curves.
"""

from __future__ import annotations

import msgspec

from ordain.adapters.files import read_bytes
from ordain.adapters.stage import Stage, run
from ordain.adapters.tables import read_frame, write_rows
from ordain.core.artifacts.signature import decode
from ordain.core.canonical import bytes_digest
from ordain.core.specs.spec import Data, Gates
from ordain.learn.gate import Judged, check_packaged, judge
from ordain.runtime.batch.forms import forms_of


class Params(msgspec.Struct, frozen=True):
    """What of params.yaml decides this stage."""

    seed: int
    data: Data
    gates: Gates


def main(stage: Stage) -> None:
    """Graph and holdout to verdicts."""
    params, package = stage.params(Params), stage.read_json("package.json")
    files = {name: read_bytes(stage.path(f"export/{name}")) for name in ("model.onnx", "signature.json")}
    check_packaged(files, package["files"])
    holdout = read_frame(stage.path("data/holdout.parquet"))
    signature = decode(files["signature.json"])
    judged = Judged(
        model=files["model.onnx"],
        signature=signature,
        size=package["bytes"],
        holdout=holdout,
        reference=read_frame(stage.path("export/reference.parquet")),
        data=params.data,
        gates=params.gates,
        seed=params.seed,
        forms=forms_of(files["model.onnx"], signature),
    )
    report, curves = judge(judged)
    digest = bytes_digest(read_bytes(stage.path("data/holdout.parquet")))
    stage.write_json("gates.json", {**report, "holdout": {"digest": digest, "rows": len(holdout)}})
    for name, points in curves.items():
        write_rows(stage.path(f"holdout/{name}"), points.rows, points.columns)


if __name__ == "__main__":
    run("gate", main)
