"""A loaded model: a verified artifact, its session, and who it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ordain.core.artifacts.signature import Signature
from ordain.core.reasons import Reason
from ordain.core.stamp import stamp
from ordain.errors import UserError
from ordain.runtime.admission import Packed, Rows
from ordain.runtime.artifact import Verified

ERRORS_ONLY = 3


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What the pod says about itself; all of it is optional except the names.

    Attributes:
        name: the model's, as clients call it.
        version: the release number, or the first 12 digits of the artifact digest without a release.
        intent, release, environment: as the rendered Deployment sets them.
    """

    name: str
    version: str
    artifact: str
    intent: str = ""
    release: str = ""
    environment: str = ""

    @property
    def stamp(self) -> str:
        """How every prediction's id begins, so that it leads to what made it (`ordain why`)."""
        return stamp(self.intent, self.artifact)


class Model:
    """A session and what it takes to ask it.

    Args:
        identity: who it is.
        verified: the artifact; `runtime.artifact.open_artifact` is the only way to one.
        threads: of ONNX Runtime, for one run. One is right for single rows.

    Raises:
        UserError: reason `release-invalid` when the graph does not load or contradicts its signature.
    """

    def __init__(self, identity: Identity, verified: Verified, threads: int = 1) -> None:
        self.identity = identity
        self.signature = verified.signature
        self._session = open_session(verified.model, threads)
        _check_interface(self._session, self.signature)
        self._outputs = [self.signature.graph.output]
        self._widths = {name: each.width for name, each in self.signature.graph.inputs.items()}
        self.run([_plausible_row(self.signature)])  # the first run allocates; no caller should wait for it

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what an inference answers."""
        return ("prediction",) if self.signature.classes is None else ("probabilities", "label")

    def run(self, jobs: Sequence[Rows]) -> list[list[float]]:
        """Score the rows of all jobs in one run.

        Returns:
            one list a row, in the order of the jobs: probabilities by class, or one prediction.
        """
        feed: dict[str, NDArray[Any]] = {}
        rows = sum(job.rows for job in jobs)
        if "strings" in self._widths:
            text = (
                list(chain.from_iterable([job.strings for job in jobs])) if len(jobs) > 1 else jobs[0].strings
            )
            feed["strings"] = np.array(text, dtype=object).reshape(rows, self._widths["strings"])
        if "floats" in self._widths:
            numbers = (
                list(chain.from_iterable([job.floats for job in jobs])) if len(jobs) > 1 else jobs[0].floats
            )
            feed["floats"] = np.array(numbers, dtype=np.float32).reshape(rows, self._widths["floats"])
        answers: list[list[float]] = self.answer(feed).tolist()
        return answers

    def answer(self, feed: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The graph's output for matrices that are packed already; float32 [N, width]."""
        answers: NDArray[np.float32] = self._session.run(self._outputs, feed)[0]
        return answers

    def labels(self, answers: Sequence[Sequence[float]]) -> list[str]:
        """The class of each row's probabilities: by the threshold for two, else the likeliest.

        Of a regression, nothing.
        """
        classes, threshold = self.signature.classes, self.signature.threshold
        if classes is None:
            return []
        if self.signature.task == "binary":
            return [classes[each[1] >= threshold] for each in answers]
        return [classes[each.index(max(each))] for each in answers]


def open_session(model: bytes, threads: int) -> Any:
    """An ONNX Runtime session from bytes, on the CPU; a graph from bytes cannot name other files."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    # Memory of a large request is given back instead of being kept for the next one.
    options.enable_cpu_mem_arena = False
    states = onnxruntime.capi.onnxruntime_pybind11_state
    refused = (states.Fail, states.InvalidGraph, states.InvalidProtobuf, states.NotImplemented)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except (*refused, RuntimeError, ValueError) as error:
        raise _unfit(f"ONNX Runtime cannot load it: {str(error).splitlines()[0][:300]}") from error


def _check_interface(session: Any, signature: Signature) -> None:
    """Hold the graph's inputs and output to the signature."""
    kinds = {"strings": "tensor(string)", "floats": "tensor(float)"}
    wanted = {(name, kinds[name], each.width) for name, each in signature.graph.inputs.items()}
    found = {
        (each.name, each.type, each.shape[-1] if len(each.shape) == 2 else -1)
        for each in session.get_inputs()
    }
    if found != wanted:
        raise _unfit("its inputs are not those of the signature")
    width = 1 if signature.classes is None else len(signature.classes)
    outputs = {(each.name, each.type, each.shape[-1]) for each in session.get_outputs()}
    if outputs != {(signature.graph.output, "tensor(float)", width)}:
        raise _unfit("its output is not that of the signature")


def _plausible_row(signature: Signature) -> Packed:
    text = [(each.categories or (signature.missing_string,))[0] for each in signature.of("strings")]
    return Packed(1, text, [each.min or 0.0 for each in signature.of("floats")])


def _unfit(what: str) -> UserError:
    return UserError(
        f"the graph is refused: {what}",
        where="model.onnx",
        fix="rebuild the artifact with `ordain run`",
        reason=Reason.RELEASE_INVALID,
    )
