"""Small trees for many rows at once, in NumPy: which leaf of each tree no column rules out.

A node of a tree rules out the leaves on its left where `x >= threshold`. With a bit for each leaf, what one
column rules out of all trees is a row of a table: by category, or by where a number lies among the column's
thresholds. The rows of all columns, and-ed, leave in each tree the leaves that the row of input may still
reach; the leftmost of them is the one that it does reach. No branch depends on data, text is looked up once,
and a thousand rows take a few dozen calls.

Source: Lucchese and others, QuickScorer, SIGIR 2015; there a row at a time, here a column at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ordain.runtime.artifact import Verified
from ordain.runtime.batch.forest import Forest, forest_of
from ordain.runtime.batch.preparation import Category, Columns, Gap, Number, cut
from ordain.runtime.graphread import read_graph

SIZES = (np.uint8, np.uint16, np.uint32, np.uint64)
MOST_LEAVES = 64
MOST_BYTES = 16 * 2**20  # of all tables; trees with more thresholds are left to the graph
MERGED_BYTES = 64 * 2**10  # of a table for all combinations of several columns' rows
BLOCK = 512  # rows whose masks stay in the processor's cache
Masks = NDArray[Any]
Codes = Mapping[int, NDArray[np.integer[Any]]]
Look = Callable[[Codes, NDArray[np.float32]], NDArray[np.intp]]  # from a chunk to rows of a table


class Rules(NamedTuple):
    """Every inner node: where `x >= threshold`, only the leaves of `left` stay.

    Attributes:
        column: int64 [M]. threshold: float32 [M]. tree: int64 [M]. left: unsigned [M], a bit a leaf.
        value: float64 [T, L, W], what each leaf of each tree adds.
    """

    column: NDArray[np.int64]
    threshold: NDArray[np.float32]
    tree: NDArray[np.int64]
    left: Masks
    value: NDArray[np.float64]


def rules_of(forest: Forest) -> Rules | None:
    """A forest's nodes as rules; None when a tree has more leaves than a mask has bits."""
    nodes: list[int] = []
    kept: list[int] = []
    owners: list[int] = []
    leaves: list[list[int]] = []
    for tree, (start, end) in enumerate(pairwise(forest.starts.tolist())):
        child = forest.child[start:end].tolist()
        inner = [place for place in range(end - start) if child[place] != place]
        under = [1] * (end - start)
        for place in reversed(inner):  # a node comes before its children
            under[place] = under[child[place]] + under[child[place] + 1]
        if under[0] > MOST_LEAVES:
            return None
        first = [0] * (end - start)
        for place in inner:
            first[child[place]] = first[place]
            first[child[place] + 1] = first[place] + under[child[place]]
            nodes.append(start + place)
            owners.append(tree)
            kept.append(2**MOST_LEAVES - 1 ^ ((1 << under[child[place]]) - 1) << first[place])
        ends = sorted(set(range(end - start)) - set(inner), key=first.__getitem__)
        leaves.append([start + place for place in ends])
    most = max(map(len, leaves))
    size = next(each for each in SIZES if most <= 8 * np.dtype(each).itemsize)
    value = np.zeros((len(leaves), most, forest.value.shape[1]))
    for tree, ends in enumerate(leaves):
        value[tree, : len(ends)] = forest.value[ends]
    left = np.array(kept, dtype=np.uint64).astype(size)
    return Rules(
        forest.feature[nodes], forest.threshold[nodes], np.array(owners, dtype=np.int64), left, value
    )


class Table(NamedTuple):
    """What some columns rule out.

    Attributes:
        looks: where each column's value lies, and how many rows apart its values are.
        masks: the leaves that stay, unsigned [rows, T].
    """

    looks: tuple[tuple[Look, int], ...]
    masks: Masks

    def places(self, codes: Codes, floats: NDArray[np.float32]) -> NDArray[np.intp]:
        """Which row of the table each row of input takes; intp [N]."""
        (first, step), *others = self.looks
        found = first(codes, floats) * step
        for look, step in others:
            found += look(codes, floats) * step
        return found

    def and_(self, other: Table) -> Table:
        """Both in one: a row for every pair of rows."""
        masks = (self.masks[:, None] & other.masks).reshape(-1, self.masks.shape[1])
        looks = ((look, step * len(other.masks)) for look, step in self.looks)
        return Table((*looks, *other.looks), masks)


def merged(tables: Sequence[Table]) -> list[Table]:
    """Fewer tables that say the same: to take a row of each costs more than to say which row it is."""
    found: list[Table] = []
    for each in sorted(tables, key=lambda table: len(table.masks)):
        if found and len(found[-1].masks) * each.masks.nbytes <= MERGED_BYTES:
            found[-1] = found[-1].and_(each)
        else:
            found.append(each)
    return found


class LeafMasks:
    """A forest over raw columns.

    Args:
        rules: its nodes. columns: what the matrix consists of that they look at.
        ending: from sums, float64 [N, W], to answers.
    """

    def __init__(
        self,
        rules: Rules,
        columns: Columns,
        ending: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    ) -> None:
        self._rules, self._ending = rules, ending
        self._trees, most, width = rules.value.shape
        self._values = [np.ascontiguousarray(rules.value[:, :, each].reshape(-1)) for each in range(width)]
        # As few bytes as hold them: NumPy adds short numbers faster.
        self._offsets = (np.arange(self._trees) * most).astype(np.min_scalar_type(self._trees * most))
        self._every = np.iinfo(rules.left.dtype).max  # the mask of all leaves
        self.texts: dict[int, dict[str, int]] = {}
        tables: list[Table] = []
        categories: dict[int, dict[str, list[int]]] = {}
        used = set(rules.column.tolist())
        for place, each in enumerate(columns):
            if place not in used:
                continue
            if isinstance(each, Category):
                categories.setdefault(each.feature, {}).setdefault(each.value, []).append(place)
            elif isinstance(each, Number):
                ends = np.unique(rules.threshold[rules.column == place])
                masks = self._masks([place], (-np.inf, *ends.tolist()))
                tables.append(Table(((partial(_by_number, each, ends), 1),), masks))
            elif isinstance(each, Gap):
                masks = self._masks([place], (0.0, 1.0))
                tables.append(Table(((partial(_by_gap, each.feature), 1),), masks))
        for feature, places in categories.items():
            self.texts[feature] = {value: code for code, value in enumerate(places)}
            tables.append(Table(((partial(_by_text, feature), 1),), self._one_of(list(places.values()))))
        self.tables = merged(tables)

    def _masks(self, columns: Sequence[int], numbers: Sequence[float]) -> Masks:
        """The leaves that stay when these columns are a number; a row for each, [len(numbers), T]."""
        rules = self._rules
        masks = np.full((len(numbers), self._trees), self._every, dtype=rules.left.dtype)
        theirs = np.isin(rules.column, columns)
        for row, number in zip(masks, numbers, strict=True):
            holds = theirs & (rules.threshold <= number)
            np.bitwise_and.at(row, rules.tree[holds], rules.left[holds])
        return masks

    def _one_of(self, values: Sequence[Sequence[int]]) -> Masks:
        """The leaves that each value of a text leaves, and last any other; [len(values) + 1, T].

        Args:
            values: for each its columns, which are 1 where the text has it and 0 elsewhere.
        """
        absent, present = np.stack([self._masks(each, (0.0, 1.0)) for each in values], axis=1)
        every = np.full((1, self._trees), self._every, dtype=absent.dtype)
        before = np.bitwise_and.accumulate(np.concatenate([every, absent]))
        after = np.bitwise_and.accumulate(np.concatenate([every, absent[::-1]]))[::-1]
        return np.concatenate([before[:-1] & present & after[1:], before[-1:]])

    def __call__(self, codes: Codes, floats: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
        """Answers, float32 [N, width].

        Args:
            codes: by text feature, its values' places in `texts`, and of any other value how many places
                there are; whole numbers [N] each.
            floats: of the signature, float32 [N, F], missing is NaN. rows: N.
        """
        chosen = [(each.masks, each.places(codes, floats)) for each in self.tables]
        sums = np.empty((rows, len(self._values)))
        for start in range(0, rows, BLOCK):
            some = slice(start, min(start + BLOCK, rows))
            left = np.full((some.stop - start, self._trees), self._every, dtype=self._rules.left.dtype)
            for table, places in chosen:
                left &= table.take(places[some], axis=0, mode="clip")
            leaf = np.bitwise_count((left & -left) - left.dtype.type(1)) + self._offsets
            for answer, values in enumerate(self._values):
                sums[some, answer] = values.take(leaf).sum(axis=1)
        return self._ending(sums).astype(np.float32)


def _by_text(feature: int, codes: Codes, _: NDArray[np.float32]) -> NDArray[np.intp]:
    return codes[feature].astype(np.intp)


def _by_number(
    number: Number, ends: NDArray[np.float32], _: Codes, floats: NDArray[np.float32]
) -> NDArray[np.intp]:
    return np.searchsorted(ends, _prepared(floats, number), side="right")


def _by_gap(feature: int, _: Codes, floats: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.isnan(floats[:, feature]).astype(np.intp)


def _prepared(floats: NDArray[np.float32], number: Number) -> NDArray[np.float32]:
    """One column of numbers as the trees see it, by the same operations as `preparation.Preparation`."""
    values = floats[:, number.feature]
    filled = np.where(np.isnan(values), np.float32(number.fill or 0.0), values)
    if (number.offset, number.scale) == (0, 1):
        return filled
    scaled: NDArray[np.float32] = (filled - np.float32(number.offset)) * np.float32(number.scale)
    return scaled


def table_bytes(rules: Rules, columns: int) -> int:
    """At most so many bytes do the tables take: a mask a tree for each threshold, category and gap.

    Nodes share thresholds, within a tree and between trees, so nodes are no measure. What is merged is two
    columns or more.
    """
    thresholds = len(set(zip(rules.column.tolist(), rules.threshold.tolist(), strict=True)))
    return len(rules.value) * rules.left.itemsize * (thresholds + 2 * columns) + columns // 2 * MERGED_BYTES


def leaf_masks(verified: Verified) -> LeafMasks | None:
    """The masks of an artifact's graph; None unless it is preparation that is known, then small trees."""
    widths = verified.signature.graph.inputs
    wide = {name: widths[name].width if name in widths else 0 for name in ("strings", "floats")}
    parts = cut(read_graph(verified.model), wide["strings"], wide["floats"])
    if parts is None:
        return None
    forest = forest_of(parts.nodes, len(parts.columns), verified.signature.graph.output)
    rules = None if forest is None else rules_of(forest)
    if forest is None or rules is None:
        return None
    if table_bytes(rules, len(parts.columns)) > MOST_BYTES:
        return None
    return LeafMasks(rules, parts.columns, lambda sums: forest.link(sums + forest.base))
