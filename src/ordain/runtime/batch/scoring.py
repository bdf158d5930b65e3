"""A chunk of rows to its scores: judged, answered, labelled."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ordain.core.artifacts.signature import Signature
from ordain.errors import UserError
from ordain.runtime.batch.admitting import Admission, Admitted, Chunk

Executor = Callable[[Admitted], NDArray[np.float32]]
"""Answers for judged rows, float32 [N, width]; safe to call from several threads at once."""
LABEL = "label"
TEXT_BYTES = 64 * 2**20
T = TypeVar("T")
R = TypeVar("R")


class Scored(NamedTuple):
    """A chunk that is done.

    Attributes:
        batch: one row a row, in order; a refused row has nulls.
    """

    batch: Any
    rejects: bytes
    rejected: int
    counts: Counter[tuple[str, str, str]]


def output_schema(kept: pa.Schema, signature: Signature) -> pa.Schema:
    """The columns of the output: what is kept, `p_<class>` each and `label`, or `prediction`.

    Raises:
        UserError: when a kept column has the name of an answer.
    """
    answers = [pa.field(name, pa.float32()) for name in signature.answer_columns]
    if signature.classes is not None:
        answers.append(pa.field(LABEL, pa.dictionary(pa.int16(), pa.string())))
    clash = sorted({each.name for each in answers} & set(kept.names))
    if clash:
        raise UserError(
            f"the output has a column `{clash[0]}` of its own", fix=f"leave out --keep {clash[0]}"
        )
    return pa.schema([*kept, *answers])


class Scorer:
    """What turns chunks into scores; one for all threads."""

    def __init__(self, admission: Admission, executor: Executor, schema: pa.Schema) -> None:
        self._admission, self._executor, self._schema = admission, executor, schema

    def __call__(self, chunk: Chunk) -> Scored:
        """Score one chunk."""
        admitted = self._admission(chunk)
        answers = self._executor(admitted)
        columns = [*chunk.kept.values(), *self._answers(answers, admitted.refused)]
        batch = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        rejected = int(np.count_nonzero(admitted.refused))
        return Scored(batch, admitted.rejects, rejected, admitted.counts)

    def _answers(self, answers: NDArray[np.float32], refused: NDArray[np.bool_]) -> Iterator[Any]:
        mask = refused if refused.any() else None
        for place in range(answers.shape[1]):
            yield pa.array(np.ascontiguousarray(answers[:, place]), mask=mask)
        classes = self._admission.signature.classes
        if classes is not None:
            codes = pa.array(labels(answers, self._admission.signature), mask=mask)
            yield pa.DictionaryArray.from_arrays(codes, pa.array(classes))


def labels(answers: NDArray[np.float32], signature: Signature) -> NDArray[np.int16]:
    """Places in `classes`: by the threshold for two, else the likeliest; as `runtime.model.Model.label`."""
    binary = signature.task == "binary"
    chosen = answers[:, 1].astype(np.float64) >= signature.threshold if binary else answers.argmax(axis=1)
    places: NDArray[np.int16] = chosen.astype(np.int16)
    return places


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Results in the order of the items, from several threads, with few items in flight."""
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="score") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def graph_executor(answer: Callable[[dict[str, Any]], NDArray[np.float32]]) -> Executor:
    """The release's own graph in ONNX Runtime, text included."""

    def execute(admitted: Admitted) -> NDArray[np.float32]:
        step = _rows_at_once(admitted)
        parts = [answer(_feed(admitted, slice(row, row + step))) for row in range(0, admitted.rows, step)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    return execute


def _rows_at_once(admitted: Admitted) -> int:
    """All rows, unless text is so long that the copies which the runtime makes would not be small."""
    longest = sum(max(map(len, each.values), default=0) for each in admitted.strings)
    return max(1, min(max(admitted.rows, 1), TEXT_BYTES // max(longest, 1)))


def _feed(admitted: Admitted, some: slice) -> dict[str, Any]:
    feed: dict[str, Any] = {}
    if admitted.strings:
        columns = [np.array(each.values, dtype=object)[each.codes[some]] for each in admitted.strings]
        feed["strings"] = np.column_stack(columns)
    if admitted.floats is not None:
        feed["floats"] = admitted.floats[some]
    return feed
