"""Requests of many rows, in the fastest form of the model that has proven to agree with the gated graph."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ordain.runtime.admission import Rows
from ordain.runtime.agreement import agree
from ordain.runtime.batch.leafmasks import LeafMasks
from ordain.runtime.coalescer import Answers
from ordain.runtime.model import Model

MOST_BYTE = 255
PROOF = 4096  # rows that both forms answer before one of them is let go
logger = logging.getLogger("ordain.serve")


class Codes(dict[str, int]):
    """Where a column's values lie in a table: any that is not known lies behind those that are.

    Args:
        known: their places. categories: what else is to be expected, and is found without a detour.
    """

    def __init__(self, known: Mapping[str, int], categories: Iterable[str] = ()) -> None:
        self._unknown = len(known)
        super().__init__({**dict.fromkeys(categories, self._unknown), **known})

    def __missing__(self, _: str) -> int:
        return self._unknown

    def of(self, values: Sequence[str]) -> NDArray[np.integer[Any]]:
        """One column's places, by way of bytes where they fit: NumPy takes those as they are."""
        places = map(self.__getitem__, values)
        if self._unknown <= MOST_BYTE:
            return np.frombuffer(bytes(places), dtype=np.uint8)
        return np.fromiter(places, dtype=np.int64, count=len(values))


def numbers_of(values: Sequence[float | None]) -> NDArray[Any]:
    """One column of numbers, missing is NaN: booleans and small whole numbers by way of bytes too."""
    try:
        return np.frombuffer(bytes(values), dtype=np.uint8)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # a fraction or None; a number below 0 or above 255
        return np.array(values, dtype=np.float32)


class Large:
    """A model asked many rows at a time, in one thread.

    The graph answers until `LeafMasks` has answered the first rows of real requests as it did, and faster.
    From then on the graph is not asked. One answer apart, and the graph stays for good.

    Args:
        model: what was gated. masks: its trees in another form; None when it has none.
    """

    def __init__(self, model: Model, masks: LeafMasks | None) -> None:
        self._model, self._masks = model, masks
        features = model.signature.of("strings")
        texts = {} if masks is None else masks.texts
        self._texts = {each: Codes(known, features[each].categories or ()) for each, known in texts.items()}
        self._proven = 0
        self._seconds = {"graph": 0.0, "masks": 0.0}

    def run(self, job: Rows) -> Answers:
        """One list of answers a row."""
        if self._masks is None:
            return self._model.run([job])
        if self._proven < PROOF:
            return self._prove(self._masks, job)
        answers: Answers = self._asked(self._masks, job).tolist()
        return answers

    def _asked(self, masks: LeafMasks, job: Rows) -> NDArray[np.float32]:
        texts, numbers = job.texts, job.numbers
        codes = {feature: places.of(texts[feature]) for feature, places in self._texts.items()}
        floats = np.empty((job.rows, len(numbers)), dtype=np.float32, order="F")
        for place, each in enumerate(numbers):
            floats[:, place] = numbers_of(each)
        return masks(codes, floats, job.rows)

    def _prove(self, masks: LeafMasks, job: Rows) -> Answers:
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
