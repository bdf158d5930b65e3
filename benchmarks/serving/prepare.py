"""One fitted churn model in every form that a peer loads, and the requests that all of them answer.

The model is the repository's own `xgboost` candidate. Ordain gets its artifact; a peer with ONNX Runtime gets
the graph of that artifact; a stock peer gets a scikit-learn pipeline over named columns, of stock parts only,
that is fitted with the same recipe and answers the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import joblib
import msgspec
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from benchmarks.serving.bodies import Sample
from benchmarks.serving.peers import PORTS
from ordain.adapters.datasource import read_source
from ordain.adapters.files import read_state
from ordain.adapters.tables import read_frame, write_table
from ordain.core.artifacts.artifact import build_layout
from ordain.core.artifacts.profile import encode as encode_profile
from ordain.core.artifacts.signature import Signature, encode
from ordain.core.state.instance import is_state_path, read_instance
from ordain.learn.estimators import build
from ordain.learn.export import export
from ordain.learn.ingest import ingest
from ordain.learn.pipeline import Recipe, categories
from ordain.learn.reference import KIND, reference_answers
from ordain.learn.rows import Model, Rows, rows_of, signature_of
from ordain.learn.split import Splitting, split

ROOT = Path(__file__).parents[2]
MODEL, CANDIDATE = "churn", "xgboost"
MLSERVER = {
    "mlserver": "mlserver_sklearn.SKLearnModel",
    "mlserver-onnx": "mlserver_models.Onnx",
    "mlserver-native": "mlserver_models.Trees",
}


class Prepared(NamedTuple):
    """Files, and what every peer is asked.

    Attributes:
        folder: where the files are.
        digest: of Ordain's artifact.
        sample: the rows.
    """

    folder: Path
    digest: str
    sample: Sample


def prepare(folder: Path) -> Prepared:
    """Fit, convert, write every form."""
    folder.mkdir(parents=True, exist_ok=True)
    instance = read_instance(read_state(ROOT, is_state_path))
    spec = instance.models.models[MODEL]
    write_table(folder / "rows.parquet", ingest(read_source(ROOT, spec.data.source), spec.data))
    splitting = Splitting(data=spec.data, split=spec.split)
    train, holdout = split(read_frame(folder / "rows.parquet"), splitting, ["No", "Yes"])
    model = Model(name=MODEL, task=spec.task, data=spec.data, threshold=spec.threshold)
    signature = signature_of(train[spec.data.target], model)
    fitted_on = rows_of(train, signature, spec.data.target)
    candidate = instance.params.candidates[MODEL][CANDIDATE]
    recipe = Recipe(signature=signature, candidate=candidate, seed=instance.params.seed)
    exported = export(recipe, fitted_on, holdout)
    layout = build_layout(
        {
            "model.onnx": exported.model,
            "signature.json": encode(signature),
            "profile.json": encode_profile(exported.profile),
        }
    )
    for name, data in {**layout.blobs, "../model.onnx": exported.model}.items():
        path = folder / "artifact" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    reference = exported.reference[exported.reference[KIND] == "holdout"]
    reference = reference[reference[columns(signature)["floats"]].notna().all(axis=1)]
    pipeline = _fit_stock(recipe, train, fitted_on)
    joblib.dump(pipeline, folder / "model.joblib")
    pipeline["estimator"].get_booster().save_model(folder / "trees.json")
    (folder / "columns.json").write_bytes(msgspec.json.encode(columns(signature)))
    for name, implementation in MLSERVER.items():
        _write_mlserver(folder, name, implementation)
    encoded = pipeline[:-1].transform(_frame(reference, signature))
    expected = reference_answers(reference, signature)[:, 1].tolist()
    rows = json_rows(reference, signature)
    sample = Sample(signature, rows, np.asarray(encoded, np.float32).tolist(), expected)
    return Prepared(folder, layout.manifest_digest, sample)


def json_rows(frame: pd.DataFrame, signature: Signature) -> list[dict[str, Any]]:
    """Rows as a client sends them: text, numbers and booleans by column."""
    names = [each.name for each in signature.features]
    records = frame[names].astype(object).where(frame[names].notna(), None).to_dict(orient="records")
    return [{str(name): value for name, value in row.items()} for row in records]


def columns(signature: Signature) -> dict[str, list[str]]:
    """Names of the text and of the number columns, in the order of the graph's tensors."""
    return {
        "strings": [each.name for each in signature.of("strings")],
        "floats": [each.name for each in signature.of("floats")],
    }


def _frame(frame: pd.DataFrame, signature: Signature) -> pd.DataFrame:
    """The columns as a stock pipeline takes them: text as objects, everything else as 32-bit numbers."""
    names = columns(signature)
    kinds: dict[str, Any] = {
        **dict.fromkeys(names["strings"], object),
        **dict.fromkeys(names["floats"], np.float32),
    }
    return frame[list(kinds)].astype(kinds)


def _fit_stock(recipe: Recipe, train: pd.DataFrame, rows: Rows) -> Pipeline:
    """The same model of stock parts over named columns."""
    names = columns(recipe.signature)
    encoder = OneHotEncoder(
        categories=categories(recipe.signature, rows.tensors),
        handle_unknown="ignore",
        sparse_output=False,
        dtype=np.float32,
    )
    numbers = SimpleImputer(strategy="median", add_indicator=True)
    steps = [("categories", encoder, names["strings"]), ("numbers", numbers, names["floats"])]
    estimator = build(recipe.candidate, recipe.signature.task, recipe.seed)
    pipeline = Pipeline([("prepare", ColumnTransformer(steps, sparse_threshold=0)), ("estimator", estimator)])
    return pipeline.fit(_frame(train, recipe.signature), rows.target)


def _write_mlserver(folder: Path, name: str, implementation: str) -> None:
    """What MLServer reads; it runs in one process, as every peer does."""
    uri = str(folder / "model.joblib") if name == "mlserver" else str(folder)
    port = PORTS[name]
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": port + 100, "metrics_port": port + 200}
    model = {"name": MODEL, "implementation": implementation, "parameters": {"uri": uri}}
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "settings.json").write_bytes(
        msgspec.json.encode({**settings, "parallel_workers": 0, "debug": False})
    )
    (folder / name / "model-settings.json").write_bytes(msgspec.json.encode(model))
