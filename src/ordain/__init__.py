"""Ordain: Git as the control plane of machine learning."""

import os

# ONNX Runtime sends events to its vendor and keeps an id of the machine unless this is set before it is first
# imported. What a model scores, and where, is nobody else's business; whoever wants it may set it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
