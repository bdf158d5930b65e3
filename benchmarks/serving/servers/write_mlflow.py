"""The stock pipeline as an MLflow model folder."""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
import mlflow

folder = Path(sys.argv[1])
if not (folder / "mlflow").exists():
    mlflow.sklearn.save_model(
        joblib.load(folder / "model.joblib"),
        folder / "mlflow",
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
        pip_requirements=[],
    )
