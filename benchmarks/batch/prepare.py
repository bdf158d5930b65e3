"""What both sides are given: the repository's own churn model with every candidate, and a table of any size.

The table repeats the rows that the model was trained on, with numbers of their own, so that neither side
gains from few distinct values. The rival gets the same fitted steps under the names of the columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from ordain.adapters.datasource import read_source
from ordain.adapters.files import read_state
from ordain.adapters.tables import read_frame, write_table
from ordain.core.artifacts import profile
from ordain.core.artifacts.artifact import build_layout
from ordain.core.artifacts.signature import encode
from ordain.core.state.instance import is_state_path, read_instance
from ordain.learn.export import export
from ordain.learn.ingest import ingest
from ordain.learn.pipeline import Recipe, assemble, joined
from ordain.learn.rows import Model, rows_of, signature_of
from ordain.learn.split import Splitting, split

ROOT = Path(__file__).parents[2]
GROUP = 250_000


class Sides(NamedTuple):
    """One candidate, twice."""

    artifact: Path
    pipeline: Path


def prepare(folder: Path, names: list[str], threads: int) -> dict[str, Sides]:
    """Train candidates on the whole training side; an artifact and a pickled pipeline each."""
    instance = read_instance(read_state(ROOT, is_state_path))
    spec = instance.models.models["churn"]
    write_table(folder / "rows.parquet", ingest(read_source(ROOT, spec.data.source), spec.data))
    splitting = Splitting(data=spec.data, split=spec.split)
    train, holdout = split(read_frame(folder / "rows.parquet"), splitting, ["No", "Yes"])
    model = Model(name="churn", task=spec.task, data=spec.data, threshold=spec.threshold)
    signature = signature_of(train[spec.data.target], model)
    rows = rows_of(train, signature, spec.data.target)
    made = {}
    for name in names:
        recipe = Recipe(signature=signature, candidate=instance.params.candidates["churn"][name], seed=7)
        exported = export(recipe, rows, holdout)
        files = {
            "model.onnx": exported.model,
            "signature.json": encode(signature),
            "profile.json": profile.encode(exported.profile),
        }
        made[name] = Sides(folder / name / "artifact", folder / name / "pipeline.joblib")
        for path, data in build_layout(files).blobs.items():
            (made[name].artifact / path).parent.mkdir(parents=True, exist_ok=True)
            (made[name].artifact / path).write_bytes(data)
        joblib.dump(_named(recipe, rows, threads), made[name].pipeline)
    return made


def _named(recipe, rows, threads):
    """The same steps, fitted on a frame with the columns' own names."""
    names = [each.name for tensor in ("strings", "floats") for each in recipe.signature.of(tensor)]
    pipeline = assemble(recipe, rows.tensors)
    chooser = pipeline.named_steps["prepare"]
    chooser.transformers = [
        (key, step, [names[place] for place in places]) for key, step, places in chooser.transformers
    ]
    pipeline.fit(joined(rows.tensors).set_axis(names, axis=1), rows.target)
    if "n_jobs" in pipeline.named_steps["estimator"].get_params():
        pipeline.named_steps["estimator"].set_params(n_jobs=threads)
    return pipeline


def make_table(folder: Path, count: int) -> Path:
    """A Parquet file of `count` rows within the contract, with the columns of the model."""
    source = parquet.read_table(folder / "rows.parquet").drop_columns(["_id", "churn"])
    chance = np.random.default_rng(5)
    path = folder / f"table-{count}.parquet"
    with parquet.ParquetWriter(path, source.schema) as writer:
        for start in range(0, count, GROUP):
            size = min(GROUP, count - start)
            table = source.take(chance.integers(0, len(source), size))
            for name, most in (("monthly_charges", 120.0), ("total_charges", 8000.0)):
                place = table.column_names.index(name)
                numbers = pa.array(chance.random(size) * most, mask=table.column(name).is_null().to_numpy())
                table = table.set_column(place, name, numbers)
            writer.write_table(table)
    return path
