"""Requests of many rows, in the fastest form of the model that has proven to agree with the gated graph."""

from __future__ import annotations

import logging
import time

import numpy as np
from numpy.typing import NDArray

from ordain.runtime.admission import Packed
from ordain.runtime.agreement import agree
from ordain.runtime.batch.leafmasks import LeafMasks
from ordain.runtime.coalescer import Answers
from ordain.runtime.model import Model

PROOF = 4096  # rows that both forms answer before one of them is let go
logger = logging.getLogger("ordain.serve")


class Codes(dict[str, int]):
    """The places of known values; any other has the place of the unknown."""

    def __missing__(self, _: str) -> int:
        return -1


class Large:
    """A model asked many rows at a time, in one thread.

    The graph answers until `LeafMasks` has answered the first rows of real requests as it did, and faster.
    From then on the graph is not asked. One answer apart, and the graph stays for good.

    Args:
        model: what was gated. masks: its trees in another form; None when it has none.
    """

    def __init__(self, model: Model, masks: LeafMasks | None) -> None:
        self._model, self._masks = model, masks
        self._texts = {} if masks is None else {each: Codes(codes) for each, codes in masks.texts.items()}
        widths = model.signature.graph.inputs
        self._widths = [widths[name].width if name in widths else 0 for name in ("strings", "floats")]
        self._proven = 0
        self._seconds = {"graph": 0.0, "masks": 0.0}

    def run(self, job: Packed) -> Answers:
        """One list of answers a row."""
        if self._masks is None:
            return self._model.run([job])
        if self._proven < PROOF:
            return self._prove(self._masks, job)
        answers: Answers = self._asked(self._masks, job).tolist()
        return answers

    def _asked(self, masks: LeafMasks, job: Packed) -> NDArray[np.float32]:
        text, numbers = self._widths
        codes = {
            feature: np.fromiter(map(places.__getitem__, job.strings[feature::text]), np.int64, job.rows)
            for feature, places in self._texts.items()
        }
        floats = np.array(job.floats, dtype=np.float32).reshape(job.rows, numbers) if numbers else None
        return masks(codes, floats, job.rows)

    def _prove(self, masks: LeafMasks, job: Packed) -> Answers:
        """Ask both; the graph's answer counts."""
        began = time.thread_time()
        wanted = self._model.run([job])
        between = time.thread_time()
        ours = self._asked(masks, job)
        self._seconds["graph"] += between - began
        self._seconds["masks"] += time.thread_time() - between
        self._proven += job.rows
        same = agree(ours, np.array(wanted, dtype=np.float32), self._model.signature)
        if not same:
            logger.error("another form of the model does not agree with its graph, which goes on alone")
        if not same or (self._proven >= PROOF and self._seconds["masks"] > self._seconds["graph"]):
            self._masks = None
        return wanted
