"""Whether another form of a release answers as its gated graph does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ordain.core.artifacts.signature import Signature

MOST = 1e-5
"""How far another form may be from the graph, measured as the parity gate measures (`learn.reference`)."""


def agree(ours: NDArray[np.float32], wanted: NDArray[np.float32], signature: Signature) -> bool:
    """Whether answers are the graph's, within what the parity gate allows everywhere."""
    gap = np.abs(ours.astype(np.float64) - wanted)
    if signature.task == "regression":
        gap /= np.maximum(np.maximum(np.abs(wanted), wanted.std()), np.finfo(np.float32).tiny)
    return bool(ours.shape == wanted.shape and np.isfinite(ours).all() and (gap <= MOST).all())
