"""The estimate without labels beside the truth, on the churn data: populations that move, labels kept aside.

Windows are drawn from the holdout, which the model never saw: customers with high, or low, monthly charges
or on monthly contracts become more frequent. What a bill means for leaving stays as it is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ordain.adapters.datasource import read_source
from ordain.adapters.files import read_state
from ordain.adapters.tables import read_frame, write_table
from ordain.core.specs.spec import Candidate
from ordain.core.state.instance import is_state_path, read_instance
from ordain.learn.ingest import ingest
from ordain.learn.labels import encoded, labels_of
from ordain.learn.metrics import Answers, measure
from ordain.learn.packing import pack
from ordain.learn.pipeline import Recipe, predict
from ordain.learn.rows import Model, rows_of, signature_of
from ordain.learn.split import Splitting, split
from ordain.learn.train import fitted
from ordain.watch.estimate import METRICS, estimated
from ordain.watch.tally import FINE

ROOT = Path(__file__).parents[2]
CANDIDATE = Candidate(
    estimator="xgboost.XGBClassifier",
    parameters={"n_estimators": 200, "max_depth": 3, "learning_rate": 0.06, "subsample": 0.8},
)
ROWS = 500
STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)


def answered() -> tuple[pd.DataFrame, Answers]:
    """The holdout's rows, and what the model answers to them."""
    spec = read_instance(read_state(ROOT, is_state_path)).models.models["churn"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        write_table(path, ingest(read_source(ROOT, spec.data.source), spec.data))
        train, holdout = split(read_frame(path), Splitting(data=spec.data, split=spec.split), ["No", "Yes"])
    model = Model(name="churn", task=spec.task, data=spec.data, threshold=spec.threshold)
    signature = signature_of(train[spec.data.target], model)
    recipe = Recipe(signature=signature, candidate=CANDIDATE, seed=7)
    pipeline = fitted(recipe, rows_of(train, signature, spec.data.target), "the training side", set())
    target = encoded(labels_of(holdout[spec.data.target]), signature.classes or ())
    output = predict(pipeline, pack(holdout, signature))
    return holdout, Answers(task="binary", target=target, output=output, threshold=spec.threshold)


def compared() -> Iterator[dict[str, Any]]:
    """For each population and metric: the truth, the estimate and its interval."""
    holdout, answers = answered()
    charges = holdout["monthly_charges"].to_numpy(dtype=float)
    score = (charges - charges.mean()) / charges.std()
    for strength in STRENGTHS:
        weights = np.exp(strength * score)
        drawn = np.random.default_rng(5).choice(len(weights), ROWS, replace=False, p=weights / weights.sum())
        some = answers.take(drawn)
        places = np.minimum((some.output[:, 1] * FINE).astype(int), FINE - 1)
        made = estimated(np.bincount(places, minlength=FINE), answers.threshold)
        for name in METRICS:
            found = made.metrics[name]
            yield {
                "charges": float(charges[drawn].mean()), "metric": name, "truth": measure(name, some),
                "estimate": found.value, "interval": found.interval,
            }  # fmt: skip


if __name__ == "__main__":
    print("| mean monthly charges | metric | truth | estimate | interval |\n|---:|---|---:|---:|---|")
    for row in compared():
        low, high = row["interval"]
        inside = "" if low <= row["truth"] <= high else " (truth outside)"
        print(
            f"| {row['charges']:.1f} | {row['metric']} | {row['truth']:.3f} | {row['estimate']:.3f}"
            f" | {low:.3f} to {high:.3f}{inside} |"
        )
