"""Hand-written runtimes inside MLServer: ONNX Runtime, and XGBoost alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Onnx(MLModel):  # type: ignore[misc]
    async def load(self) -> bool:
        folder = Path(self.settings.parameters.uri)
        self.columns = json.loads((folder / "columns.json").read_bytes())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        data = {each.name: each.data.root for each in payload.inputs}
        feed = {
            "strings": np.array([data[name] for name in self.columns["strings"]], dtype=object).T,
            "floats": np.array([data[name] for name in self.columns["floats"]], dtype=np.float32).T,
        }
        answers = self.session.run(["probabilities"], feed)[0]
        output = ResponseOutput(
            name="probabilities", shape=list(answers.shape), datatype="FP32", data=answers.ravel().tolist()
        )
        return InferenceResponse(model_name=self.name, outputs=[output])


class Trees(MLModel):  # type: ignore[misc]
    """XGBoost's own predictor over numbers that somebody else has encoded: no text, no preparation."""

    async def load(self) -> bool:
        import xgboost

        self.booster = xgboost.Booster({"nthread": 1})
        self.booster.load_model(Path(self.settings.parameters.uri) / "trees.json")
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensor = payload.inputs[0]
        matrix = np.array(tensor.data.root, dtype=np.float32).reshape(tensor.shape)
        positive = self.booster.inplace_predict(matrix)
        answers = np.column_stack([1 - positive, positive])
        output = ResponseOutput(
            name="probabilities", shape=list(answers.shape), datatype="FP32", data=answers.ravel().tolist()
        )
        return InferenceResponse(model_name=self.name, outputs=[output])
