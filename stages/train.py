"""Train one candidate by cross-validation on the training side.

Reads: data/train.parquet. Writes: candidates/<candidate>/oof.parquet and training.json.
"""

from __future__ import annotations

import msgspec

from ordain.adapters.stage import Stage, run
from ordain.adapters.tables import read_frame, write_frame
from ordain.core.artifacts.signature import Task
from ordain.core.specs.spec import Candidate, Data, Selection
from ordain.learn.pipeline import Recipe
from ordain.learn.rows import Model, rows_of, signature_of
from ordain.learn.train import cross_validate


class Params(msgspec.Struct, frozen=True):
    """What of params.yaml decides this stage."""

    task: Task
    seed: int
    data: Data
    selection: Selection
    candidates: dict[str, Candidate]


def main(stage: Stage) -> None:
    """Training side to out-of-fold predictions."""
    params = stage.params(Params)
    frame = read_frame(stage.path("data/train.parquet"))
    target = params.data.target
    signature = signature_of(frame[target], Model(name=stage.model, task=params.task, data=params.data))
    recipe = Recipe(signature=signature, candidate=params.candidates[stage.candidate], seed=params.seed)
    oof, report = cross_validate(recipe, rows_of(frame, signature, target), params.selection)
    write_frame(stage.path(f"candidates/{stage.candidate}/oof.parquet"), oof)
    stage.write_json(f"candidates/{stage.candidate}/training.json", report)


if __name__ == "__main__":
    run("train", main)
