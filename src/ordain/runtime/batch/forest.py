"""A graph's trees laid out for bulk: all of a graph's tree ensemble as arrays, walked by compiled code.

A tree costs a branch a level, and processors guess every other one wrong. Here a level is arithmetic: the two
children of a node lie side by side, so the next node is `child + (x >= threshold)`; a leaf leads to itself.
Eight rows go down one tree at once, because each of them waits for memory most of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ordain.runtime.graphread import Attribute, Node

LANES = 8
BLOCK = 1024  # rows that stay in the processor's cache while all trees pass over them
LEAF, LESS, AT_MOST = b"LEAF", b"BRANCH_LT", b"BRANCH_LEQ"
_KINDS = {"TreeEnsembleClassifier": "class", "TreeEnsembleRegressor": "target"}
Link = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Forest(NamedTuple):
    """Trees one after the other, each from its root down, level by level.

    Attributes:
        starts: int64 [T + 1], where each tree begins. depths: int64 [T].
        feature: int64 [N]; child: int64 [N], within the tree; threshold: float32 [N], infinite in a leaf.
        value: float64 [N, W], what a leaf adds.
        base: float64 [W]. link: from sums to answers [rows, width].
    """

    starts: NDArray[np.int64]
    depths: NDArray[np.int64]
    feature: NDArray[np.int64]
    child: NDArray[np.int64]
    threshold: NDArray[np.float32]
    value: NDArray[np.float64]
    base: NDArray[np.float64]
    link: Link


def forest_of(nodes: Sequence[Node], width: int, output: str) -> Forest | None:
    """The trees of a graph's second part.

    Args:
        nodes: of `preparation.cut`. width: of the matrix that they take. output: the graph's.

    Returns:
        None unless they are one ensemble whose numbers make trees, summed up as they are here.
    """
    if len(nodes) != 1 or nodes[0].op not in _KINDS or output not in nodes[0].outputs:
        return None
    node, kind = nodes[0], _KINDS[nodes[0].op]
    given = node.attributes
    layout = _layout(given, width)
    rule = given.get("aggregate_function")
    if layout is None or (rule is not None and rule.s != b"SUM"):
        return None
    starts, depths, order, child = layout
    value = _values(given, kind, starts, order)
    if value is None:
        return None
    modes = _modes(given["nodes_modes"].strings)[order]
    threshold = given["nodes_values"].floats[order]
    # x <= t is x < the next number after t.
    threshold = np.where(modes == AT_MOST, np.nextafter(threshold, np.float32(np.inf)), threshold)
    threshold[modes == LEAF] = np.inf
    base, link = _ending(given, kind, value.shape[1])
    if link is None:
        return None
    feature = np.where(modes == LEAF, 0, given["nodes_featureids"].ints[order])
    return Forest(starts, depths, feature, child, threshold.astype(np.float32), value, base, link)


def _modes(strings: Sequence[bytes]) -> NDArray[np.bytes_]:
    return np.array(strings, dtype="S16")


Layout = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def _layout(given: Mapping[str, Attribute], width: int) -> Layout | None:
    """Starts, depths, the old place of each node and its child; None for what are no trees."""
    lists = ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids")
    if not {*lists, "nodes_modes", "nodes_values"} <= given.keys():
        return None
    trees, ids, features, yes, no = (given[name].ints for name in lists)
    modes = _modes(given["nodes_modes"].strings)
    count = len(trees)
    same = {len(ids), len(features), len(yes), len(no), len(modes), len(given["nodes_values"].floats)} == {
        count
    }
    if not same or not count or not np.isin(modes, (LEAF, LESS, AT_MOST)).all():
        return None
    if trees[0] != 0 or not np.isin(np.diff(trees), (0, 1)).all():
        return None
    starts = np.append(np.flatnonzero(np.diff(trees, prepend=-1)), count)
    sizes = np.diff(starts)
    inner = modes != LEAF
    bounds = sizes[trees]
    fine = (ids == np.arange(count) - starts[trees]).all() and (
        np.isfinite(given["nodes_values"].floats)
    ).all()
    for side in (yes, no):
        fine = fine and bool(((side[inner] > 0) & (side[inner] < bounds[inner])).all())
    if not fine or not ((features[inner] >= 0) & (features[inner] < width)).all():
        return None
    return _by_level(starts, inner, starts[trees] + yes, starts[trees] + no)


def _by_level(
    starts: NDArray[np.int64], inner: NDArray[np.bool_], yes: NDArray[np.int64], no: NDArray[np.int64]
) -> Layout | None:
    """Renumber all trees at once, so that siblings are neighbours; None when a node has two parents."""
    count, roots = len(inner), starts[:-1]
    levels, owners, level = [roots], [np.arange(len(roots))], 0
    depths = np.zeros(len(roots), dtype=np.int64)
    while True:
        parents = inner[levels[-1]]
        if not parents.any():
            break
        above, owner = levels[-1][parents], owners[-1][parents]
        level += 1
        depths[owner] = level
        levels.append(np.column_stack([yes[above], no[above]]).reshape(-1))
        owners.append(np.repeat(owner, 2))
        if sum(map(len, levels)) > count:
            return None
    every, owner = np.concatenate(levels), np.concatenate(owners)
    if len(every) != count or len(np.unique(every)) != count:
        return None
    order = every[np.argsort(owner, kind="stable")]
    new = np.empty(count, dtype=np.int64)
    new[order] = np.arange(count)
    own = new - np.repeat(starts[:-1], np.diff(starts))[order.argsort()]
    child = np.where(inner, own[np.where(inner, yes, 0)], own)[order]
    return starts, depths, order, child


def _values(
    given: Mapping[str, Attribute], kind: str, starts: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """What each node adds to each answer."""
    names = [f"{kind}_{each}" for each in ("treeids", "nodeids", "ids")]
    if not {*names, f"{kind}_weights"} <= given.keys():
        return None
    trees, ids, answers = (given[name].ints for name in names)
    weights = given[f"{kind}_weights"].floats
    fine = (
        len(trees) == len(ids) == len(answers) == len(weights) > 0 and answers.min() >= 0 and trees.min() >= 0
    )
    if not fine or trees.max() >= len(starts) - 1 or answers.max() > 1000 or ids.min() < 0:
        return None
    if (ids >= np.diff(starts)[trees]).any():
        return None
    value = np.zeros((len(order), int(answers.max()) + 1))
    np.add.at(value, (starts[trees] + ids, answers), weights.astype(np.float64))
    return value[order]


def _ending(given: Mapping[str, Attribute], kind: str, sums: int) -> tuple[NDArray[np.float64], Link | None]:
    """What is added to the sums, and how they become answers."""
    base = given["base_values"].floats.astype(np.float64) if "base_values" in given else np.zeros(sums)
    after = given["post_transform"].s if "post_transform" in given else b"NONE"
    if len(base) != sums:
        return base, None
    if kind == "target":
        return base, _as_is if after == b"NONE" else None
    classes = len(given["classlabels_int64s"].ints) if "classlabels_int64s" in given else 0
    if classes == 2 and sums == 1:
        return base, {b"NONE": _complement, b"LOGISTIC": _logistic}.get(after)
    return base, {b"NONE": _as_is, b"SOFTMAX": _softmax}.get(after) if classes == sums else None


def _as_is(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums


def _complement(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([1 - sums, sums])


def _logistic(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return _complement(1 / (1 + np.exp(-sums)))


def _softmax(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.exp(sums - sums.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def compiled() -> Callable[..., None]:
    """The walk through a forest as machine code, which several threads may run at once.

    Numba's cache on disk is a pickle, so it stays off and compiling is paid once a process.

    Raises:
        ImportError: where numba is not installed.
    """
    import numba

    @numba.njit(nogil=True, inline="always")
    def step(row: Any, node: Any, feature: Any, threshold: Any, child: Any) -> Any:
        return child[node] + (row[feature[node]] >= threshold[node])

    @numba.njit(nogil=True)
    def walk(rows: Any, trees: Any, sums: Any) -> None:
        starts, depths, feature, child, threshold, value = trees
        for tree in range(len(depths)):
            here = slice(starts[tree], starts[tree + 1])
            f, c, t, v = feature[here], child[here], threshold[here], value[here]
            for r in range(0, len(rows), LANES):
                n0 = n1 = n2 = n3 = n4 = n5 = n6 = n7 = 0
                for _ in range(depths[tree]):
                    n0 = step(rows[r], n0, f, t, c)
                    n1 = step(rows[r + 1], n1, f, t, c)
                    n2 = step(rows[r + 2], n2, f, t, c)
                    n3 = step(rows[r + 3], n3, f, t, c)
                    n4 = step(rows[r + 4], n4, f, t, c)
                    n5 = step(rows[r + 5], n5, f, t, c)
                    n6 = step(rows[r + 6], n6, f, t, c)
                    n7 = step(rows[r + 7], n7, f, t, c)
                for lane, node in enumerate((n0, n1, n2, n3, n4, n5, n6, n7)):
                    sums[r + lane, 0] += v[node, 0]  # most models add up one number
                    for answer in range(1, v.shape[1]):
                        sums[r + lane, answer] += v[node, answer]

    walker: Callable[..., None] = walk
    return walker


class Walker:
    """A forest that answers matrices.

    Args:
        forest: its arrays. walk: `compiled()`.
    """

    def __init__(self, forest: Forest, walk: Callable[..., None]) -> None:
        self._forest, self._walk, self._trees = forest, walk, tuple(forest[:6])

    def __call__(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answers of rows, float32 [N, width]."""
        rows = len(matrix)
        whole = -(-rows // LANES) * LANES
        if whole != rows:
            matrix = np.concatenate([matrix, np.zeros((whole - rows, matrix.shape[1]), dtype=np.float32)])
        sums = np.tile(self._forest.base, (whole, 1))
        for start in range(0, whole, BLOCK):
            some = slice(start, start + BLOCK)
            self._walk(matrix[some], self._trees, sums[some])
        answers: NDArray[np.float32] = self._forest.link(sums[:rows]).astype(np.float32)
        return answers
