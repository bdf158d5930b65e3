"""The input signature of an artifact: which raw columns the graph takes, in which tensor, at which place.

A graph has at most two inputs, one matrix of strings and one of 32-bit floats, because one call with two
tensors is what serves fastest. The signature says how a row of named values becomes those two rows and
what the numbers that come back mean, so serving needs nothing else from training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ordain.core.specs.parts import Column, Part
from ordain.core.specs.spec import ColumnContract, Data
from ordain.errors import UserError

FILE = "signature.json"
MISSING_STRING = ""
FLOAT_MAX = 3.4028234663852886e38  # the largest finite number of `floats`, of 32 bits

Tensor = Literal["strings", "floats"]
Task = Literal["binary", "multiclass", "regression"]


class Feature(Part, frozen=True, kw_only=True, omit_defaults=True):
    """One raw column that the graph takes, and its contract.

    Attributes:
        tensor, index: the matrix that the value goes into, and its place in a row of that matrix.
        min, max, categories: the contract's limits, where it has them.
        personal: hashed or left out of prediction logs.
    """

    name: Column
    type: Literal["string", "integer", "number", "boolean", "date"]
    tensor: Tensor
    index: Annotated[int, Meta(ge=0)]
    nullable: bool
    personal: bool
    min: float | None = None
    max: float | None = None
    categories: tuple[str, ...] | None = None


class Width(Part, frozen=True, kw_only=True):
    """How many columns one input has."""

    width: Annotated[int, Meta(ge=1)]


class Graph(Part, frozen=True, kw_only=True):
    """The graph's file, inputs (one of width 0 is absent) and only output.

    `probabilities` is float32 [N, classes]; `prediction` is float32 [N, 1].
    """

    file: Literal["model.onnx"] = "model.onnx"
    inputs: dict[Tensor, Width]
    output: Literal["probabilities", "prediction"]


class Signature(Part, frozen=True, kw_only=True, omit_defaults=True):
    """All that turns a named row into the graph's tensors, and its output into an answer.

    Attributes:
        classes: labels in the order of the output's columns; None for regression. Of two classes the
            positive one comes last.
        positive: the label that `threshold` gives; None unless the task is binary.
        missing_string: what stands for a missing string in the tensor. (A missing number is NaN.)
    """

    version: Literal[1]
    model: str
    task: Task
    features: tuple[Feature, ...]
    graph: Graph
    threshold: float
    missing_string: str
    classes: tuple[str, ...] | None = None
    positive: str | None = None

    def of(self, tensor: Tensor) -> tuple[Feature, ...]:
        """The features of one tensor, by index."""
        chosen = [each for each in self.features if each.tensor == tensor]
        return tuple(sorted(chosen, key=lambda each: each.index))

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """Names of the output's columns in a table: `p_<class>` each, or `prediction`."""
        return ("prediction",) if self.classes is None else tuple(f"p_{each}" for each in self.classes)


def feature_columns(data: Data) -> dict[str, ColumnContract]:
    """What the model sees, in the contract's order: neither the target nor the id, nor what is left out."""
    hidden = {data.target, data.id} if isinstance(data.id, str) else {data.target}
    return {name: each for name, each in data.columns.items() if each.feature and name not in hidden}


def build(name: str, task: Task, data: Data, classes: Sequence[str] | None, threshold: float) -> Signature:
    """The signature of a model, from its contract.

    Args:
        name: the model's name.
        task: its task.
        data: its data contract.
        classes: labels in the order of the output's columns, of two the positive one last; None for
            regression.
        threshold: probability from which the positive label is given (used for two classes only).

    Raises:
        UserError: when the contract leaves no feature.
    """
    counts: dict[Tensor, int] = {"strings": 0, "floats": 0}
    features = []
    for column, contract in feature_columns(data).items():
        tensor: Tensor = "strings" if contract.type == "string" else "floats"
        features.append(_feature(column, contract, tensor, counts[tensor]))
        counts[tensor] += 1
    if not features:
        raise _featureless(name)
    return Signature(
        version=1,
        model=name,
        task=task,
        features=tuple(features),
        graph=Graph(
            inputs={tensor: Width(width=count) for tensor, count in counts.items() if count},
            output="prediction" if task == "regression" else "probabilities",
        ),
        threshold=threshold,
        missing_string=MISSING_STRING,
        classes=None if classes is None else tuple(classes),
        positive=classes[-1] if task == "binary" and classes else None,
    )


def _featureless(name: str) -> UserError:
    return UserError(
        f"model `{name}` has no feature: every column is the target, the id or `feature: false`",
        where=f"models.yaml: models.{name}.data.columns",
        fix="leave `feature` out of at least one column",
        reason="state-invalid",
    )


def _feature(name: str, contract: ColumnContract, tensor: Tensor, index: int) -> Feature:
    return Feature(
        name=name,
        type=contract.type,
        tensor=tensor,
        index=index,
        nullable=contract.nullable,
        personal=contract.personal,
        min=contract.min,
        max=contract.max,
        categories=contract.categories,
    )


def encode(signature: Signature) -> bytes:
    """The bytes of `signature.json`: sorted keys, two spaces, a final newline."""
    plain = msgspec.to_builtins(signature)
    return msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=2) + b"\n"


def decode(data: bytes) -> Signature:
    """Read `signature.json` and hold it to everything that serving relies on.

    Raises:
        UserError: when it isn't one, or contradicts itself.
    """
    try:
        signature = msgspec.json.decode(data, type=Signature)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _refused(str(error)) from error
    fault = _fault(signature)
    if fault:
        raise _refused(fault)
    return signature


def _fault(signature: Signature) -> str:
    """The first contradiction, or an empty string."""
    names = [each.name for each in signature.features]
    if len(set(names)) != len(names):
        return "a feature is named twice"
    if any((each.type == "string") != (each.tensor == "strings") for each in signature.features):
        return "a feature lies in a tensor of another type"
    tensors: tuple[Tensor, ...] = ("strings", "floats")
    for tensor in tensors:
        chosen = signature.of(tensor)
        if [each.index for each in chosen] != list(range(len(chosen))):
            return f"the places in `{tensor}` are not 0, 1, 2, …"
        width = signature.graph.inputs[tensor].width if tensor in signature.graph.inputs else 0
        if width != len(chosen):
            return f"`{tensor}` is {width} wide but {len(chosen)} features lie in it"
    return _answer_fault(signature) if names else "there is no feature"


def _answer_fault(signature: Signature) -> str:
    classes: Any = signature.classes
    if signature.task == "regression":
        wrong = classes is not None or signature.graph.output != "prediction"
        return "a regression has no classes and one `prediction`" if wrong else ""
    if signature.graph.output != "probabilities" or classes is None or len(set(classes)) != len(classes):
        return "a classifier needs `probabilities` and different classes"
    if signature.task == "binary" and (len(classes) != 2 or signature.positive not in classes):
        return "a binary model needs two classes and a positive one among them"
    return "" if len(classes) >= 2 else "a classifier needs at least two classes"


def _refused(why: str) -> UserError:
    return UserError(
        f"not a signature that Ordain wrote: {why}",
        where=FILE,
        fix="take the artifact again, or rebuild it with `ordain run`",
        reason="release-invalid",
    )
