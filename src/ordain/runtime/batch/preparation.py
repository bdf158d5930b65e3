"""What a graph does before its estimator: one column of numbers for each category, number and gap.

Converters write preparation as a dozen operators, and running them on text takes longer than most
estimators. Followed symbolically, column by column, they come down to three kinds of columns, which NumPy
fills from the codes of a dictionary without touching text again. The first operator that is none of them
takes the one matrix that the estimator sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ordain.runtime.graphread import Graph, Node

if TYPE_CHECKING:
    from ordain.runtime.batch.admitting import Admitted

FLOAT = 1


class Text(NamedTuple):
    """A raw text column."""

    feature: int


class Category(NamedTuple):
    """1 where a text column has this value, else 0."""

    feature: int
    value: str


class Number(NamedTuple):
    """A number: `(x - offset) * scale`, with `fill` in place of a missing one."""

    feature: int
    fill: float | None = None
    offset: float = 0.0
    scale: float = 1.0


class Gap(NamedTuple):
    """1 where a number is missing, else 0."""

    feature: int


Column = Text | Category | Number | Gap
Columns = tuple[Column, ...]


class Cut(NamedTuple):
    """A graph in two.

    Attributes:
        tensor: the matrix between them. columns: what it consists of.
        nodes: the operators that take it, and all after them.
    """

    tensor: str
    columns: Columns
    nodes: Sequence[Node]


def cut(graph: Graph, strings: int, floats: int) -> Cut | None:
    """Separate preparation from estimator.

    Args:
        graph: the release's. strings, floats: widths of its inputs.

    Returns:
        None when preparation does anything that has no place here, or a missing number would stay one.
    """
    known: dict[str, Columns] = {
        "strings": tuple(Text(place) for place in range(strings)),
        "floats": tuple(Number(place) for place in range(floats)),
    }
    rest: list[Node] = []
    for node in graph.nodes:
        made = _columns(node, known, graph) if not _leads_to(rest, node) else None
        if made is None:
            rest.append(node)
        else:
            known[node.outputs[0]] = made
    taken = {name for node in rest for name in node.inputs if name in known}
    if len(taken) != 1:
        return None
    (tensor,) = taken
    whole = all(not isinstance(each, Text) for each in known[tensor])
    whole &= all(each.fill is not None for each in known[tensor] if isinstance(each, Number))
    return Cut(tensor, known[tensor], rest) if whole else None


def _leads_to(rest: Sequence[Node], node: Node) -> bool:
    """Whether a node takes what the second part makes."""
    made = {name for each in rest for name in each.outputs}
    return any(name in made for name in node.inputs)


def _columns(node: Node, known: dict[str, Columns], graph: Graph) -> Columns | None:
    """The columns that a node makes of columns; None for an operator that makes something else."""
    follow = _FOLLOWED.get(node.op)
    if follow is None or len(node.outputs) != 1:
        return None
    given = [known.get(name) for name in node.inputs]
    places = next((graph.constants[name] for name in node.inputs if name in graph.constants), None)
    parts = [each for each in given if each is not None]
    if len(parts) + (places is not None) != len(given):
        return None
    return follow(node, parts, places)


def _select(node: Node, parts: Sequence[Columns], places: NDArray[np.int64] | None) -> Columns | None:
    axis = node.attributes["axis"].i if "axis" in node.attributes else 1
    if len(parts) != 1 or places is None or axis != 1:
        return None
    if not all(0 <= place < len(parts[0]) for place in places.tolist()):
        return None
    return tuple(parts[0][place] for place in places.tolist())


def _encode(node: Node, parts: Sequence[Columns], _: NDArray[np.int64] | None) -> Columns | None:
    if len(parts) != 1 or len(parts[0]) != 1 or "cats_strings" not in node.attributes:
        return None
    (column,) = parts[0]
    if not isinstance(column, Text) or node.attributes["zeros"].i != 1:
        return None
    names = [each.decode("utf-8") for each in node.attributes["cats_strings"].strings]
    return tuple(Category(column.feature, name) for name in names)


def _join(node: Node, parts: Sequence[Columns], places: NDArray[np.int64] | None) -> Columns | None:
    if places is not None or node.attributes["axis"].i not in {1, -1}:
        return None
    return tuple(column for part in parts for column in part)


def _reshape(_: Node, parts: Sequence[Columns], places: NDArray[np.int64] | None) -> Columns | None:
    if len(parts) != 1 or places is None or places.tolist() != [-1, len(parts[0])]:
        return None
    return parts[0]


def _same(node: Node, parts: Sequence[Columns], places: NDArray[np.int64] | None) -> Columns | None:
    to = node.attributes["to"].i if "to" in node.attributes else FLOAT
    return parts[0] if len(parts) == 1 and places is None and to == FLOAT else None


def _impute(node: Node, parts: Sequence[Columns], _: NDArray[np.int64] | None) -> Columns | None:
    replaced = node.attributes.get("replaced_value_float")
    fills = node.attributes["imputed_value_floats"].floats
    if replaced is None or replaced.f is None or not np.isnan(replaced.f) or not np.isfinite(fills).all():
        return None
    raw = [each for each in parts[0] if isinstance(each, Number) and each == Number(each.feature)]
    if len(raw) != len(parts[0]) or len(fills) not in {1, len(raw)}:
        return None
    values = np.broadcast_to(fills, len(raw)).tolist()
    return tuple(each._replace(fill=value) for each, value in zip(raw, values, strict=True))


def _scale(node: Node, parts: Sequence[Columns], _: NDArray[np.int64] | None) -> Columns | None:
    offsets, scales = node.attributes["offset"].floats, node.attributes["scale"].floats
    plain = [each for each in parts[0] if isinstance(each, Number) and (each.offset, each.scale) == (0, 1)]
    if len(plain) != len(parts[0]) or {len(offsets), len(scales)} - {1, len(plain)}:
        return None
    width = len(plain)
    pairs = zip(
        np.broadcast_to(offsets, width).tolist(), np.broadcast_to(scales, width).tolist(), strict=True
    )
    return tuple(
        each._replace(offset=offset, scale=scale) for each, (offset, scale) in zip(plain, pairs, strict=True)
    )


def _gaps(_: Node, parts: Sequence[Columns], __: NDArray[np.int64] | None) -> Columns | None:
    raw = [each for each in parts[0] if isinstance(each, Number) and each == Number(each.feature)]
    return tuple(Gap(each.feature) for each in raw) if len(raw) == len(parts[0]) else None


_FOLLOWED = {
    "Gather": _select,
    "ArrayFeatureExtractor": _select,
    "OneHotEncoder": _encode,
    "Concat": _join,
    "Reshape": _reshape,
    "Cast": _same,
    "Identity": _same,
    "Imputer": _impute,
    "Scaler": _scale,
    "IsNaN": _gaps,
}


class Preparation:
    """Fills the estimator's matrix.

    Args:
        columns: of `cut`.
    """

    def __init__(self, columns: Columns) -> None:
        self.width = len(columns)
        self._places: dict[int, dict[str, int]] = {}
        for place, each in enumerate(columns):
            if isinstance(each, Category):
                self._places.setdefault(each.feature, {})[each.value] = place
        numbers = [(place, each) for place, each in enumerate(columns) if isinstance(each, Number)]
        self._numbers = [place for place, _ in numbers]
        self._sources = [each.feature for _, each in numbers]
        self._fill = np.array([each.fill for _, each in numbers], dtype=np.float32)
        self._offset = np.array([each.offset for _, each in numbers], dtype=np.float32)
        self._scale = np.array([each.scale for _, each in numbers], dtype=np.float32)
        self._scaled = bool((self._offset != 0).any() or (self._scale != 1).any())
        self._gaps = [(place, each.feature) for place, each in enumerate(columns) if isinstance(each, Gap)]

    def __call__(self, admitted: Admitted) -> NDArray[np.float32]:
        """The matrix of judged rows, float32 [N, width]."""
        matrix = np.zeros((admitted.rows, self.width), dtype=np.float32)
        flat, starts = matrix.reshape(-1), np.arange(admitted.rows, dtype=np.int64) * self.width
        for feature, places in self._places.items():
            text = admitted.strings[feature]
            place = np.array([places.get(value, -1) for value in text.values], dtype=np.int64)[text.codes]
            ones = starts + place
            flat[ones if (place >= 0).all() else ones[place >= 0]] = 1.0
        if admitted.floats is not None and self._numbers:
            numbers = admitted.floats[:, self._sources]
            missing = np.isnan(numbers)
            if missing.any():
                numbers = np.where(missing, self._fill, numbers)
            matrix[:, self._numbers] = (numbers - self._offset) * self._scale if self._scaled else numbers
        if admitted.floats is not None:
            for to, feature in self._gaps:
                matrix[:, to] = np.isnan(admitted.floats[:, feature])
        return matrix
