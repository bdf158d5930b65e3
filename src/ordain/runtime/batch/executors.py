"""The forms in which a release can be asked in bulk, and the choice between them by measurement.

All are derived from the one graph that was gated, and each has to agree with it before it may be used:

- `graph`: the graph itself in ONNX Runtime, text included;
- `prepared`: NumPy prepares, the rest of the graph runs in ONNX Runtime;
- `trees`: NumPy prepares, the graph's trees run as compiled code;
- `masks`: the graph's trees, when they are small, in NumPy; the server takes it for large requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ordain.errors import UserError
from ordain.runtime.agreement import agree
from ordain.runtime.artifact import Verified
from ordain.runtime.batch.admitting import Admitted
from ordain.runtime.batch.forest import Walker, compiled, forest_of
from ordain.runtime.batch.leafmasks import leaf_masks
from ordain.runtime.batch.preparation import Preparation, cut
from ordain.runtime.batch.scoring import Executor, graph_executor
from ordain.runtime.graphcheck import check_graph
from ordain.runtime.graphcut import second_part
from ordain.runtime.graphread import read_graph
from ordain.runtime.model import Model, open_session

GRAPH, PREPARED, TREES, MASKS = "graph", "prepared", "trees", "masks"
PROBE, ROUNDS = 2048, 3
WORTH_COMPILING = 5.0
"""Seconds that a batch must take before compiling can pay."""
UNKNOWN_ROWS = 1_000_000


class Choice(NamedTuple):
    """The executor of a batch."""

    name: str
    execute: Executor


class Executors:
    """What a release offers.

    Args:
        model: loaded. verified: the artifact that it was loaded from.
    """

    def __init__(self, model: Model, verified: Verified) -> None:
        self._graph = graph_executor(model.answer)
        self._signature, self._data, self._verified = verified.signature, verified.model, verified
        widths = verified.signature.graph.inputs
        self._read = read_graph(verified.model)
        wide = {name: widths[name].width if name in widths else 0 for name in ("strings", "floats")}
        self._cut = cut(self._read, wide["strings"], wide["floats"])

    def choose(self, name: str, probe: Admitted | None, rows: int | None, threads: int) -> Choice:
        """The executor of that name, or the fastest on some rows.

        Args:
            name: one of them, or `auto`.
            probe: rows to measure with; None when there are none.
            rows: how many there are, when that is known. threads: that will work on them.

        Raises:
            UserError: the release does not offer that executor, or it disagrees with the graph.
        """
        if name == GRAPH or probe is None:
            return Choice(GRAPH, self._graph)
        some = first(probe, PROBE)
        wanted = self._graph(some)
        if name != "auto":
            return self._named(name, some, wanted)
        best, seconds = Choice(GRAPH, self._graph), measured(self._graph, some)
        for other, make in self._others():
            left = seconds / some.rows * (rows or UNKNOWN_ROWS) / threads
            if other == TREES and left < WORTH_COMPILING:
                continue
            execute = make()
            if execute is None or not agree(execute(some), wanted, self._signature):
                continue
            taken = measured(execute, some)
            if taken < seconds:
                best, seconds = Choice(other, execute), taken
        return best

    def every(self) -> dict[str, Executor]:
        """All forms that the release offers, measured against nothing: the gate does that."""
        made = {name: make() for name, make in self._others()}
        return {GRAPH: self._graph, **{name: each for name, each in made.items() if each is not None}}

    def _named(self, name: str, some: Admitted, wanted: NDArray[np.float32]) -> Choice:
        make = dict(self._others()).get(name)
        execute = make() if make else None
        if execute is None:
            raise UserError(f"this model cannot be run as `{name}`", fix="leave out --executor")
        if not agree(execute(some), wanted, self._signature):
            raise UserError(
                f"`{name}` does not agree with the graph on the first rows", fix="leave out --executor"
            )
        return Choice(name, execute)

    def _others(self) -> Iterator[tuple[str, Callable[[], Executor | None]]]:
        if self._cut is not None:
            yield PREPARED, self._prepared
            yield MASKS, self._masks
            yield TREES, self._trees  # last, because the compiler takes 120 MB even where it does not win

    def _prepared(self) -> Executor | None:
        if self._cut is None:
            return None
        tensor, columns, nodes = self._cut
        data = second_part(self._data, self._read, nodes, (tensor, len(columns)))
        try:
            check_graph(data)
        except UserError:  # serving refuses such a graph whole; here it is only not offered
            return None
        session, output = open_session(data, 1), [self._signature.graph.output]
        prepare = Preparation(columns)

        def execute(admitted: Admitted) -> NDArray[np.float32]:
            answers: NDArray[np.float32] = session.run(output, {tensor: prepare(admitted)})[0]
            return answers

        return execute

    def _trees(self) -> Executor | None:
        if self._cut is None:
            return None
        _, columns, nodes = self._cut
        forest = forest_of(nodes, len(columns), self._signature.graph.output)
        if forest is None:
            return None
        try:
            walker = Walker(forest, compiled())
        except ImportError:  # a small image without numba does without
            return None
        prepare = Preparation(columns)
        return lambda admitted: walker(prepare(admitted))

    def _masks(self) -> Executor | None:
        masks = leaf_masks(self._verified)
        if masks is None:
            return None

        def execute(admitted: Admitted) -> NDArray[np.float32]:
            codes = {
                feature: np.array([places.get(each, len(places)) for each in text.values])[text.codes]
                for feature, places in masks.texts.items()
                for text in (admitted.strings[feature],)
            }
            floats = np.empty((admitted.rows, 0), np.float32) if admitted.floats is None else admitted.floats
            return masks(codes, floats, admitted.rows)

        return execute


def first(admitted: Admitted, rows: int) -> Admitted:
    """The first rows of a judged chunk."""
    cut_off: Any = [
        each._replace(codes=each.codes[:rows], kinds=each.kinds[:rows]) for each in admitted.strings
    ]
    floats = None if admitted.floats is None else admitted.floats[:rows]
    refused = admitted.refused[:rows]
    return admitted._replace(rows=len(refused), strings=cut_off, floats=floats, refused=refused)


def measured(execute: Executor, some: Admitted) -> float:
    """Processor seconds that some rows take on one thread, in the calmest of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        execute(some)
        times.append(time.thread_time() - began)
    return min(times)
