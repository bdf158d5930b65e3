"""The estimate without labels beside the truth, on the churn data: populations that move, labels kept aside.

Windows are drawn from the holdout, which the model never saw: customers with high, or low, monthly charges
or on monthly contracts become more frequent. What a bill means for leaving stays as it is. As in a monitor,
an estimate is given only where nothing speaks against it, and its interval allows for the calibration error
that the holdout shows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ordain.adapters.datasource import read_source
from ordain.adapters.files import read_state
from ordain.adapters.tables import read_frame, write_table
from ordain.core.artifacts.profile import Numbers, Profile
from ordain.core.artifacts.signature import Signature
from ordain.core.drift.refusal import CALIBRATED, Grounds, refusal
from ordain.core.gating.verdicts import Verdict
from ordain.core.specs.spec import Candidate
from ordain.core.state.instance import is_state_path, read_instance
from ordain.learn import coding
from ordain.learn.ingest import ingest
from ordain.learn.labels import encoded, labels_of
from ordain.learn.metrics import Answers, measure
from ordain.learn.packing import pack
from ordain.learn.pipeline import Recipe, predict
from ordain.learn.profile import profile
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


class World(NamedTuple):
    """The holdout's rows as tensors, the model's answers to them, and the reference."""

    bills: NDArray[np.float64]
    tensors: Mapping[str, NDArray[Any]]
    answers: Answers
    signature: Signature
    profile: Profile


def answered() -> World:
    """A model, and what it answers to customers that it never saw."""
    spec = read_instance(read_state(ROOT, is_state_path)).models.models["churn"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        write_table(path, ingest(read_source(ROOT, spec.data.source), spec.data))
        train, holdout = split(read_frame(path), Splitting(data=spec.data, split=spec.split), ["No", "Yes"])
    model = Model(name="churn", task=spec.task, data=spec.data, threshold=spec.threshold)
    signature = signature_of(train[spec.data.target], model)
    recipe = Recipe(signature=signature, candidate=CANDIDATE, seed=7)
    pipeline = fitted(recipe, rows_of(train, signature, spec.data.target), "the training side", set())
    known, target = (
        encoded(labels_of(side[spec.data.target]), signature.classes or ()) for side in (train, holdout)
    )
    tensors = pack(holdout, signature)
    output = predict(pipeline, tensors)
    return World(
        bills=holdout["monthly_charges"].to_numpy(dtype=float),
        tensors=tensors,
        answers=Answers(task="binary", target=target, output=output, threshold=spec.threshold),
        signature=signature,
        profile=profile(pack(train, signature), known, output, signature),
    )


def beyond(world: World, rows: NDArray[np.int64]) -> dict[str, float]:
    """The share of rows beyond the reference, by feature."""
    found = {}
    for each in world.signature.features:
        column, values = world.profile.features[each.name], world.tensors[each.tensor][rows, each.index]
        strange = (
            coding.outside(values, column)
            if isinstance(column, Numbers)
            else ~np.isin(values, [*column.categories, world.signature.missing_string])
        )
        found[each.name] = float(strange.mean())
    return found


def compared(draws: int = 1) -> Iterator[dict[str, Any]]:
    """For each population and metric: the truth, the estimate and its interval.

    Args:
        draws: windows of each population.
    """
    world = answered()
    score = (world.bills - world.bills.mean()) / world.bills.std()
    error = measure("calibration_error", world.answers)
    gate = Verdict(gate="calibration", outcome="pass", value=error, bound=CALIBRATED)
    for strength, seed in product(STRENGTHS, range(5, 5 + draws)):
        weights = np.exp(strength * score)
        drawn = np.random.default_rng(seed).choice(
            len(weights), ROWS, replace=False, p=weights / weights.sum()
        )
        some = world.answers.take(drawn)
        grounds = Grounds(gate=gate, seen=None, beyond=beyond(world, drawn))
        refused = refusal("binary", grounds, ())
        places = np.minimum((some.output[:, 1] * FINE).astype(int), FINE - 1)
        made = estimated(np.bincount(places, minlength=FINE), some.threshold, grounds.error)
        for name in METRICS:
            found = made.metrics[name]
            yield {
                "charges": float(world.bills[drawn].mean()), "metric": name, "truth": measure(name, some),
                "refused": refused, "estimate": found.value, "interval": found.interval,
            }  # fmt: skip


def coverage(draws: int) -> dict[str, float]:
    """Share of truths within their interval over many windows, by metric; refused ones are left out."""
    rows = [each for each in compared(draws) if not each["refused"]]
    inside = {
        name: [
            each["interval"][0] <= each["truth"] <= each["interval"][1]
            for each in rows
            if each["metric"] == name
        ]
        for name in METRICS
    }
    return {name: float(np.mean(each)) for name, each in inside.items()}


if __name__ == "__main__":
    print("| mean monthly charges | metric | truth | estimate | interval |\n|---:|---|---:|---:|---|")
    for row in compared():
        low, high = row["interval"]
        inside = "" if low <= row["truth"] <= high else " (truth outside)"
        said = f"refused: {row['refused']}" if row["refused"] else f"{low:.3f} to {high:.3f}{inside}"
        told = f"{row['truth']:.3f} | {row['estimate']:.3f} | {said}"
        print(f"| {row['charges']:.1f} | {row['metric']} | {told} |")
    print({name: round(share, 3) for name, share in coverage(40).items()})
