"""A domain classifier without the other domain's rows: can this window be told from the reference?

Fisher's linear rule over coded columns and their products, trained on one half of either side and tested
on the other: a classifier two-sample test (Lopez-Paz and Oquab 2017; Kim et al. 2021 for the linear rule).
Products see what no single column shows, such as two columns that no longer rise together. It needs of
the reference only means, which the profile has for two halves. Because the halves are independent, what
separates the first by chance does not separate the second, and the test's level is right however many
products there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ordain.core.artifacts.profile import Dimension, Fold, Profile, pairs
from ordain.core.canonical import rounded
from ordain.core.drift.counts import Joint
from ordain.core.drift.evidence import Moved
from ordain.core.drift.tails import normal_below
from ordain.learn import coding

Floats = NDArray[np.float64]
FEWEST = 400  # rows of a window
CHOSEN = 12  # terms of the rule, those that separate best; the rest is noise (Fan and Fan 2008)
DOMINANT = 50  # a row's share of a term's squares above 1/50 of all makes its mean far from normal
SHOWN = 6
TELLING = 0.1  # of the best term's separation, below which a term is not worth naming


class _Rule(Struct, frozen=True):
    """A weighted sum of products of dimensions (the last dimension is 1, so single ones are products too).

    Attributes:
        terms: [T, 2]. weights: [T]. told: which terms tell most, [T].
    """

    terms: NDArray[np.int64]
    weights: Floats
    told: NDArray[np.bool_]


def joint(profile: Profile, codes: Mapping[str, coding.Codes]) -> Joint | None:
    """Test a window's sample against the profile.

    Args:
        codes: of the columns that the profile's dimensions name, in an order that has no meaning.

    Returns:
        None with too few rows, or fewer than two dimensions.
    """
    dimensions = profile.dimensions
    rows = coding.coded(codes, dimensions)
    if min(len(rows), *(each.rows for each in profile.joint)) < FEWEST or len(dimensions) < 2:
        return None
    halves = rows[0::2], rows[1::2]
    one, two = profile.joint
    tested = [_tested((one, halves[0]), (two, halves[1])), _tested((two, halves[1]), (one, halves[0]))]
    found = [each for each in tested if each is not None]
    if not found:
        return None
    p, effect, rule = min(found, key=lambda each: each[0])
    return Joint(
        p=min(1.0, 2 * p),
        effect=effect,
        columns=_columns(rule, dimensions),
        moved=_moved(rule, (one, two), rows, dimensions),
    )


def _tested(train: tuple[Fold, Floats], test: tuple[Fold, Floats]) -> tuple[float, float, _Rule] | None:
    """One-sided p and effect of the rule that one half gives, on the other half."""
    rule = _trained(*train)
    if rule is None:
        return None
    fold, rows = test
    scores = _terms(rows, rule.terms) @ rule.weights
    gap = float(scores.mean() - _expected(fold, rule.terms) @ rule.weights)
    deviation = float(scores.std())
    if not deviation:
        return None
    effect = gap / deviation
    z = effect / float(np.sqrt(1 / len(rows) + 1 / fold.rows))
    return normal_below(-z), max(0.0, effect), rule


def _trained(fold: Fold, rows: Floats) -> _Rule | None:
    """Weights of the terms whose means differ most, each by its own variance (the independence rule)."""
    count = rows.shape[1]
    terms = np.array([*((each, count) for each in range(count)), *pairs(count)], dtype=np.int64)
    products = rows.T @ rows / len(rows)
    squares = (rows**2).T @ (rows**2) / len(rows)
    upper = tuple(np.array(pairs(count)).T)
    means = np.concatenate([rows.mean(axis=0), products[upper]])
    variances = np.concatenate([products.diagonal(), squares[upper]]) - means**2
    largest = np.abs(rows).max(axis=0)
    peaks = np.concatenate([largest, np.outer(largest, largest)[upper]]) ** 2
    usable = (variances > 0) & (peaks * DOMINANT <= np.maximum(variances, 0) * len(rows))
    if not usable.any():
        return None
    gaps = np.where(usable, means - _expected(fold, terms), 0.0)
    scaled = np.where(usable, gaps**2 / np.where(usable, variances, 1.0), 0.0)
    best = np.argsort(-scaled, kind="stable")[:CHOSEN]
    best = best[scaled[best] > 0]
    if not len(best):
        return None
    return _Rule(terms[best], gaps[best] / variances[best], scaled[best] >= TELLING * scaled[best[0]])


def _terms(rows: Floats, terms: NDArray[np.int64]) -> Floats:
    wide = np.column_stack([rows, np.ones(len(rows))])
    product: Floats = wide[:, terms[:, 0]] * wide[:, terms[:, 1]]
    return product


def _expected(fold: Fold, terms: NDArray[np.int64]) -> Floats:
    count = len(fold.means)
    matrix = np.ones((count + 1, count + 1))
    upper = tuple(np.array(pairs(count)).T)
    matrix[upper] = fold.products
    matrix[:count, count] = fold.means
    found: Floats = matrix[terms[:, 0], terms[:, 1]]
    return found


def _columns(rule: _Rule, dimensions: Sequence[Dimension]) -> tuple[str, ...]:
    named = [
        dimensions[place].column
        for pair in rule.terms[rule.told]
        for place in pair
        if place < len(dimensions)
    ]
    return tuple(dict.fromkeys(named))[:SHOWN]


def _moved(
    rule: _Rule, folds: tuple[Fold, Fold], rows: Floats, dimensions: Sequence[Dimension]
) -> tuple[Moved, ...]:
    """Means of the telling terms, over both halves of the reference and over all rows."""
    terms = rule.terms[rule.told][:SHOWN]
    weights = np.array([each.rows for each in folds], dtype=np.float64)
    before = np.average([_expected(each, terms) for each in folds], axis=0, weights=weights)
    now = _terms(rows, terms).mean(axis=0)
    made = []
    for pair, was, is_ in zip(terms, before.tolist(), now.tolist(), strict=True):
        named = [dimensions[place] for place in pair if place < len(dimensions)]
        made.append(
            Moved(
                columns=tuple(each.column for each in named),
                of=tuple(each.of for each in named),
                reference=rounded(was, 4),
                current=rounded(is_, 4),
            )
        )
    return tuple(made)
