"""Measure one candidate on its out-of-fold predictions.

Reads: candidates/<candidate>/oof.parquet. Writes beside it: metrics.json and the points of its curves.
"""

from __future__ import annotations

import msgspec

from ordain.adapters.stage import Stage, run
from ordain.adapters.tables import read_frame, write_rows
from ordain.core.artifacts.signature import Task
from ordain.core.specs.spec import Data
from ordain.learn.curves import curve_files
from ordain.learn.evaluate import evaluate
from ordain.learn.rows import Model, signature_of


class Params(msgspec.Struct, frozen=True):
    """What of params.yaml decides this stage."""

    task: Task
    seed: int
    threshold: float
    data: Data


def main(stage: Stage) -> None:
    """Out-of-fold predictions to metrics and curves."""
    params, folder = stage.params(Params), f"candidates/{stage.candidate}"
    oof = read_frame(stage.path(f"{folder}/oof.parquet"))
    model = Model(name=stage.model, task=params.task, data=params.data, threshold=params.threshold)
    signature = signature_of(oof["target"], model)
    report, answers = evaluate(signature, oof, params.seed)
    stage.write_json(f"{folder}/metrics.json", report)
    for name, points in curve_files(answers, signature.classes).items():
        write_rows(stage.path(f"{folder}/{name}"), points.rows, points.columns)


if __name__ == "__main__":
    run("evaluate", main)
