"""Run a packaged graph on rows, exactly as serving does: one thread, packed tensors, one output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ordain.core.artifacts.signature import Signature
from ordain.errors import UserError
from ordain.learn.packing import pack

BATCH = 4096
ERRORS_ONLY = 3


def session(model: bytes) -> Any:
    """An ONNX Runtime session on one thread, from bytes (a graph from bytes cannot name other files).

    Raises:
        UserError: when the bytes are not a graph that ONNX Runtime can load.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except (RuntimeError, ValueError, OSError, onnxruntime.capi.onnxruntime_pybind11_state.Fail) as error:
        raise UserError(
            f"ONNX Runtime cannot load the graph: {str(error).splitlines()[0]}",
            where="model.onnx",
            fix="rebuild it with `ordain run`",
        ) from error


def run_graph(loaded: Any, tensors: Mapping[str, NDArray[Any]], output: str) -> NDArray[np.float32]:
    """The output for packed rows, in batches that keep memory flat; float32 [N, width]."""
    rows = len(next(iter(tensors.values())))
    parts = []
    for start in range(0, rows, BATCH):
        part = {name: matrix[start : start + BATCH] for name, matrix in tensors.items()}
        parts.append(loaded.run([output], part)[0])
    return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)


def score(model: bytes, signature: Signature, frame: pd.DataFrame) -> NDArray[np.float32]:
    """What the graph answers to a frame that has every feature.

    Args:
        model: bytes of `model.onnx`.
        signature: the artifact's own.
        frame: one column a feature (others are ignored).

    Returns:
        probabilities [N, classes] in the signature's order, or predictions [N, 1].

    Raises:
        UserError: for a graph that does not load, or rows that cannot be packed.
    """
    return run_graph(session(model), pack(frame, signature), signature.graph.output)
