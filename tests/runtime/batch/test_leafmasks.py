"""Trees as masks: against a walk through the same trees, node by node."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ordain.runtime.batch.forest import Forest
from ordain.runtime.batch.leafmasks import (
    BLOCK,
    MERGED_BYTES,
    MOST_LEAVES,
    LeafMasks,
    Rules,
    Table,
    merged,
    rules_of,
    table_bytes,
)
from ordain.runtime.batch.preparation import Category, Column, Gap, Number

COLUMNS: tuple[Column, ...] = (
    Category(0, "x"),
    Category(0, "y"),
    Number(0, fill=0.5),
    Category(1, "x"),
    Gap(0),
    Number(1, fill=-1.0, offset=2.0, scale=0.25),
    Gap(1),
    Category(1, "y"),
    Category(1, "other"),
)
TEXTS = ("x", "y", "other", "")
THRESHOLDS = st.sampled_from([-1.0, -0.25, 0.0, 0.5, 1.0, 1.5])


def grow(draw: st.DrawFn, leaves: int) -> list[tuple[int, int, float, float]]:
    """One tree as (feature, child, threshold, value), siblings side by side, a leaf its own child."""
    nodes: list[list[Any]] = [[0, 0, np.inf, 1.0]]
    ends = [0]
    while len(ends) < leaves:
        at = ends.pop(0)  # the nearest to the root first, so that a node comes before its children
        nodes[at] = [draw(st.integers(0, len(COLUMNS) - 1)), len(nodes), draw(THRESHOLDS), 0.0]
        for _ in range(2):
            ends.append(len(nodes))
            nodes.append([0, len(nodes), np.inf, draw(st.floats(-2, 2, width=32))])
    return [tuple(each) for each in nodes]


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    trees = [grow(draw, draw(st.integers(1, 12))) for _ in range(draw(st.integers(1, 5)))]
    starts = np.cumsum([0, *map(len, trees)])
    feature, child, threshold, value = (
        np.array(each) for each in zip(*chain.from_iterable(trees), strict=True)
    )
    return Forest(
        starts, np.zeros(len(trees), dtype=np.int64), feature, child, threshold.astype(np.float32),
        np.column_stack([value, -value]), np.zeros(2), lambda sums: sums,
    )  # fmt: skip


def walked(forest: Forest, row: NDArray[np.float32]) -> NDArray[np.float64]:
    total = forest.base.copy()
    for start in forest.starts[:-1].tolist():
        at = 0
        while forest.child[start + at] != at:
            here = start + at
            at = int(forest.child[here] + (row[forest.feature[here]] >= forest.threshold[here]))
        total += forest.value[start + at]
    return total


def matrix(texts: list[tuple[str, str]], floats: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the trees take, one value after the other."""
    made = np.zeros((len(texts), len(COLUMNS)), dtype=np.float32)
    for at, each in enumerate(COLUMNS):
        for row in range(len(texts)):
            number = floats[row, each.feature]
            if isinstance(each, Category):
                made[row, at] = texts[row][each.feature] == each.value
            elif isinstance(each, Gap):
                made[row, at] = np.isnan(number)
            elif isinstance(each, Number):
                made[row, at] = (
                    (each.fill or 0.0 if np.isnan(number) else number) - each.offset
                ) * each.scale
    return made


ROW = st.tuples(
    st.sampled_from(TEXTS), st.sampled_from(TEXTS), THRESHOLDS | st.just(np.nan), THRESHOLDS | st.just(np.nan)
)


@settings(max_examples=150, deadline=None)
@given(forests(), st.lists(ROW, min_size=1, max_size=8))
def test_every_row_ends_in_the_leaves_that_a_walk_ends_in(forest: Forest, rows: list[Any]) -> None:
    rules = rules_of(forest)
    assert rules is not None
    masks = LeafMasks(rules, COLUMNS, lambda sums: sums)
    texts = [row[:2] for row in rows]
    floats = np.array([row[2:] for row in rows], dtype=np.float32)
    codes = {
        feature: np.array([places.get(text[feature], len(places)) for text in texts])
        for feature, places in masks.texts.items()
    }
    wanted = [walked(forest, row) for row in matrix(texts, floats)]
    np.testing.assert_allclose(masks(codes, floats, len(rows)), wanted, rtol=0, atol=1e-5)


def staircase(leaves: int) -> Forest:
    """One tree that goes right at each threshold: 0, 1, 2, …"""
    feature = np.zeros(2 * leaves - 1, dtype=np.int64)
    child = np.arange(2 * leaves - 1)
    threshold = np.full(2 * leaves - 1, np.inf, dtype=np.float32)
    value = np.zeros((2 * leaves - 1, 1))
    at = 0
    for step in range(leaves - 1):
        child[at], threshold[at] = 2 * step + 1, step
        value[2 * step + 1] = step
        at = 2 * step + 2
    value[at] = leaves - 1
    base = np.array([0.5])
    return Forest(np.array([0, len(child)]), np.array([leaves]), feature, child, threshold, value, base, abs)


@pytest.mark.parametrize("leaves", [1, 2, 8, 9, 16, 17, 32, 33, MOST_LEAVES])
def test_masks_of_every_size(leaves: int) -> None:
    """More rows than a block, each on or beside a threshold; and the first and the last leaf."""
    rules = rules_of(staircase(leaves))
    assert rules is not None
    assert 8 * rules.left.dtype.itemsize >= leaves
    masks = LeafMasks(rules, (Number(0, fill=0.0),), lambda sums: sums)
    numbers = np.tile(np.arange(-1, leaves + 1, 0.5, dtype=np.float32), BLOCK)[: BLOCK + 77]
    wanted = np.clip(np.floor(numbers) + 1, 0, leaves - 1)
    assert masks({}, numbers[:, None], len(numbers))[:, 0].tolist() == wanted.tolist()


def test_trees_with_more_leaves_than_bits_have_none() -> None:
    assert rules_of(staircase(MOST_LEAVES + 1)) is None


@settings(deadline=None)
@given(forests())
def test_tables_take_no_more_than_is_said(forest: Forest) -> None:
    rules = rules_of(forest)
    assert rules is not None
    masks = LeafMasks(rules, COLUMNS, lambda sums: sums)
    assert sum(table.masks.nbytes for table in masks.tables) <= table_bytes(rules, len(COLUMNS))


def test_trees_that_share_thresholds_share_rows() -> None:
    """As many nodes as tables of 20 MiB would have, and 64 thresholds: 100 KiB."""
    one = rules_of(staircase(MOST_LEAVES))
    assert one is not None
    many = Rules(
        np.tile(one.column, 200), np.tile(one.threshold, 200), np.arange(200).repeat(MOST_LEAVES - 1),
        np.tile(one.left, 200), np.tile(one.value, (200, 1, 1)),
    )  # fmt: skip
    assert table_bytes(many, 1) == 200 * 8 * (MOST_LEAVES - 1 + 2)


def test_small_tables_become_one_and_large_ones_stay() -> None:
    rules = rules_of(staircase(9))
    assert rules is not None
    wide = (MERGED_BYTES // rules.left.itemsize // 2,)
    small = [Table((), np.full((rows, *wide), 3, rules.left.dtype)) for rows in (2, 1)]
    assert [table.masks.shape for table in merged(small)] == [(2, *wide)]
    assert [table.masks.shape for table in merged([*small, small[0]])] == [(2, *wide), (2, *wide)]
