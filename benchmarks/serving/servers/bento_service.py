"""A BentoML service around the stock pipeline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bentoml


@bentoml.service(workers=1)
class Churn:
    def __init__(self) -> None:
        import joblib

        self.pipeline = joblib.load(Path(os.environ["BENCH_FOLDER"]) / "model.joblib")

    @bentoml.api
    def predict(self, rows: list[dict[str, Any]]) -> list[list[float]]:
        import pandas as pd

        answers: list[list[float]] = self.pipeline.predict_proba(pd.DataFrame(rows)).tolist()
        return answers
