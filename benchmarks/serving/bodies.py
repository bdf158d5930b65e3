"""The same rows in the form that each peer takes, and the probabilities in each peer's answer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from ordain.core.artifacts.signature import Signature
from ordain.runtime.protocol import INPUT_DATATYPES


class Sample(NamedTuple):
    """Rows of the holdout.

    Attributes:
        signature: of the model.
        rows: JSON values by column, none of them null (not every peer takes that).
        encoded: the same as the trees see them, after all preparation.
        expected: the training pipeline's probability of the second class.
    """

    signature: Signature
    rows: list[dict[str, Any]]
    encoded: list[list[float]]
    expected: list[float]

    def part(self, start: int, end: int) -> Sample:
        """Some of the rows."""
        return Sample(self.signature, self.rows[start:end], self.encoded[start:end], self.expected[start:end])


def as_columns(sample: Sample) -> dict[str, Any]:
    """Open Inference Protocol: one tensor a column."""
    return {
        "inputs": [
            {
                "name": each.name,
                "shape": [len(sample.rows)],
                "datatype": INPUT_DATATYPES[each.type],
                "data": [row[each.name] for row in sample.rows],
            }
            for each in sample.signature.features
        ]
    }


def as_frame(sample: Sample) -> dict[str, Any]:
    """The same with what MLServer wants to know to make a data frame and give probabilities."""
    body = as_columns(sample)
    for tensor in body["inputs"]:
        tensor["shape"] = [len(sample.rows), 1]
        if tensor["datatype"] == "BYTES":
            tensor["parameters"] = {"content_type": "str"}
    return {**body, "parameters": {"content_type": "pd"}, "outputs": [{"name": "predict_proba"}]}


def as_packed(sample: Sample) -> dict[str, Any]:
    """Open Inference Protocol: one matrix of strings, one of numbers."""
    tensors = []
    for name, datatype in (("strings", "BYTES"), ("floats", "FP32")):
        names = [each.name for each in sample.signature.of("strings" if name == "strings" else "floats")]
        flat = [row[each] for row in sample.rows for each in names]
        data = flat if name == "strings" else [float(each) for each in flat]
        tensors.append(
            {"name": name, "shape": [len(sample.rows), len(names)], "datatype": datatype, "data": data}
        )
    return {"inputs": tensors}


def as_encoded(sample: Sample) -> dict[str, Any]:
    """Numbers that need no preparation."""
    shape = [len(sample.encoded), len(sample.encoded[0])]
    data = list(itertools.chain.from_iterable(sample.encoded))
    return {"inputs": [{"name": "x", "shape": shape, "datatype": "FP32", "data": data}]}


FORMS: dict[str, Callable[[Sample], Any]] = {
    "columns": as_columns,
    "frame": as_frame,
    "packed": as_packed,
    "encoded": as_encoded,
    "row": lambda sample: sample.rows[0],
    "rows": lambda sample: sample.rows,
    "named": lambda sample: {"rows": sample.rows},
    "records": lambda sample: {"dataframe_records": sample.rows},
}


def probabilities(answer: Any) -> list[float]:
    """The probability of the second class, a row, from any of the peers' answers."""
    if isinstance(answer, dict) and "outputs" in answer:
        answer = answer["outputs"][0]["data"]
    elif isinstance(answer, dict):
        answer = answer.get("predictions", answer.get("probabilities"))
    if isinstance(answer[0], dict):
        return [each["probabilities"]["Yes"] for each in answer]
    flat = itertools.chain.from_iterable(answer) if isinstance(answer[0], list) else answer
    return list(flat)[1::2]
