"""FastAPI by hand: `pipeline` with joblib and pandas, or `onnx` with ONNX Runtime."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import uvicorn
from fastapi import FastAPI

FORM, FOLDER, PORT = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
NAMES = msgspec.json.decode((FOLDER / "columns.json").read_bytes())
FIELDS: dict[str, Any] = dict.fromkeys(NAMES["strings"], (str, ...))
FIELDS |= dict.fromkeys(NAMES["floats"], (float, ...))
Row = pydantic.create_model("Row", **FIELDS)
app = FastAPI()

if FORM == "pipeline":
    import joblib
    import pandas as pd

    pipeline = joblib.load(FOLDER / "model.joblib")

    def score(rows: list[Any]) -> list[list[float]]:
        frame = pd.DataFrame([each.model_dump() for each in rows])
        found: list[list[float]] = pipeline.predict_proba(frame).tolist()
        return found

else:
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(FOLDER / "model.onnx", options, providers=["CPUExecutionProvider"])

    def score(rows: list[Any]) -> list[list[float]]:
        feed = {
            "strings": np.array(
                [[getattr(row, name) for name in NAMES["strings"]] for row in rows], dtype=object
            ),
            "floats": np.array(
                [[getattr(row, name) for name in NAMES["floats"]] for row in rows], dtype=np.float32
            ),
        }
        found: list[list[float]] = session.run(["probabilities"], feed)[0].tolist()
        return found


@app.get("/ready")
async def ready() -> dict[str, bool]:
    return {"ready": True}


@app.post("/predict")
async def predict(row: Row) -> dict[str, list[list[float]]]:  # type: ignore[valid-type]
    return {"probabilities": score([row])}


@app.post("/many")
async def many(rows: list[Row]) -> dict[str, list[list[float]]]:  # type: ignore[valid-type]
    return {"probabilities": score(rows)}


uvicorn.run(app, port=PORT, loop="uvloop", http="httptools", access_log=False, log_level="warning")
