"""A KServe custom model: `pipeline` with joblib and pandas, or `onnx` with ONNX Runtime."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer

FORM, FOLDER, PORT = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
NAMES = json.loads((FOLDER / "columns.json").read_bytes())


class Churn(Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__("churn")
        if FORM == "pipeline":
            import joblib

            self.pipeline = joblib.load(FOLDER / "model.joblib")
        else:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(
                FOLDER / "model.onnx", options, providers=["CPUExecutionProvider"]
            )
        self.ready = True

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        request: InferRequest = payload
        answers = self._by_pipeline(request) if FORM == "pipeline" else self._by_graph(request)
        output = InferOutput("probabilities", list(answers.shape), "FP32", answers.ravel().tolist())
        return InferResponse(request.id or "", "churn", [output])

    def _by_pipeline(self, request: InferRequest) -> Any:
        import pandas as pd

        return self.pipeline.predict_proba(pd.DataFrame({each.name: each.data for each in request.inputs}))

    def _by_graph(self, request: InferRequest) -> Any:
        import numpy as np

        data = {each.name: each.data for each in request.inputs}
        feed = {
            "strings": np.array([data[name] for name in NAMES["strings"]], dtype=object).T,
            "floats": np.array([data[name] for name in NAMES["floats"]], dtype=np.float32).T,
        }
        return self.session.run(["probabilities"], feed)[0]


ModelServer(http_port=PORT, enable_grpc=False, workers=1, access_log_format=None).start([Churn()])
