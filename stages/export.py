"""Refit the champion on the whole training side and turn it into one graph, with evidence for the gates.

Reads: champion.json, data/train.parquet, data/holdout.parquet (features only: no label is read).
Writes: export/model.onnx, signature.json, profile.json and reference.parquet.
"""

from __future__ import annotations

import msgspec

from ordain.adapters.files import write_atomic
from ordain.adapters.stage import Stage, run
from ordain.adapters.tables import read_frame, write_frame
from ordain.core.artifacts import profile
from ordain.core.artifacts.signature import encode
from ordain.core.specs.spec import Candidate
from ordain.learn.export import export
from ordain.learn.pipeline import Recipe
from ordain.learn.rows import Model, rows_of, signature_of


class Params(Model, frozen=True, kw_only=True):
    """What of params.yaml decides this stage."""

    seed: int


def main(stage: Stage) -> None:
    """Champion's recipe to what ships."""
    params = stage.params(Params)
    train = read_frame(stage.path("data/train.parquet"))
    target = params.data.target
    signature = signature_of(train[target], params)
    names = [each.name for each in signature.features]
    holdout = read_frame(stage.path("data/holdout.parquet"), names)
    candidate = msgspec.convert(stage.read_json("champion.json")["recipe"], Candidate)
    recipe = Recipe(signature=signature, candidate=candidate, seed=params.seed)
    made = export(recipe, rows_of(train, signature, target), holdout)
    write_atomic(stage.path("export/model.onnx"), made.model)
    write_atomic(stage.path("export/signature.json"), encode(signature))
    write_atomic(stage.path("export/profile.json"), profile.encode(made.profile))
    write_frame(stage.path("export/reference.parquet"), made.reference)


if __name__ == "__main__":
    run("export", main)
