"""Two samples by their counts: is the difference more than chance, and how large is it?

Both questions are asked of the same counts, because either alone misleads. A test alone flags any
difference, however small, once there are rows enough; a distance alone is above any fixed threshold when
there are few (without any drift the population stability index of 50 rows in ten bins is above 0.1 nine
times in ten). So the test's null is that of the two sample sizes at hand, and what chance alone adds to a
squared distance is taken off before it is called an effect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ordain.core.drift.tails import Draw, chi_square_above, hypergeometric_above, normal_two_sided

FEWEST_EXPECTED = 5.0  # rows in a cell below which the chi-square approximation is not to be trusted


class Measured(NamedTuple):
    """One comparison.

    Attributes:
        p: chance of so large a difference between two samples of these sizes from one population.
        effect: size of the difference, 0 to 2, free of the sample sizes; for a small shift of a normal
            variable, the shift in standard deviations.
    """

    p: float
    effect: float


def distribution(reference: Sequence[int], current: Sequence[int], *, ordered: bool) -> Measured | None:
    """Any difference between two samples over the same cells: Pearson's chi-square of homogeneity.

    Args:
        reference, current: rows by cell, both of one length.
        ordered: whether neighbouring cells belong together; a cell in which too few rows are expected is
            pooled with its neighbour then, else with the other such cells.

    Returns:
        None when a side is empty or fewer than two cells are left: there is nothing to compare.
    """
    if not sum(reference) or not sum(current):
        return None
    pooled = _pooled(list(zip(reference, current, strict=True)), ordered=ordered)
    if len(pooled) < 2:
        return None
    first, second = (list(side) for side in zip(*pooled, strict=True))
    n, m = sum(first), sum(second)
    up, down = math.sqrt(m / n), math.sqrt(n / m)
    statistic = math.fsum((a * up - b * down) ** 2 / (a + b) for a, b in pooled)
    return Measured(chi_square_above(statistic, len(pooled) - 1), distance(first, second))


def distance(reference: Sequence[int], current: Sequence[int]) -> float:
    """The symmetric chi-square distance of two samples, without what chance alone adds to it.

    The root of the sum over the cells of (p-q)² / ((p+q)/2), after its expectation under no difference,
    (cells - 1)(1/n + 1/m), was subtracted; 0 where that leaves nothing. (For small differences its square
    is the population stability index.)

    Args:
        reference, current: rows by cell; neither side empty.
    """
    n, m = sum(reference), sum(current)
    cells = [(a / n, b / m) for a, b in zip(reference, current, strict=True) if a + b]
    squared = math.fsum((p - q) ** 2 / ((p + q) / 2) for p, q in cells)
    return math.sqrt(max(0.0, squared - (len(cells) - 1) * (1 / n + 1 / m)))


def location(reference: Sequence[int], current: Sequence[int]) -> Measured | None:
    """Whether one sample lies higher than the other over ordered cells: Wilcoxon's rank sum with ties.

    Far more sensitive to a shift than a test of any difference. The effect is the difference of mean
    ranks in standard deviations of a rank.

    Returns:
        None when a side is empty or all rows share one cell.
    """
    n, m = sum(reference), sum(current)
    if not n or not m:
        return None
    below, ranks = 0, []
    for a, b in zip(reference, current, strict=True):
        ranks.append(below + (a + b) / 2)
        below += a + b
    centre = (n + m) / 2
    spread = math.fsum((a + b) * (rank - centre) ** 2 for a, b, rank in _rows(reference, current, ranks))
    if not spread:
        return None
    high = math.fsum(b * (rank - centre) for _, b, rank in _rows(reference, current, ranks)) / m
    low = math.fsum(a * (rank - centre) for a, _, rank in _rows(reference, current, ranks)) / n
    effect = (high - low) / math.sqrt(spread / (n + m))
    z = effect / math.sqrt(1 / n + 1 / m)
    return Measured(normal_two_sided(z), min(2.0, abs(effect)))


def share(reference: Draw, current: Draw, *, rise: bool) -> Measured | None:
    """Whether a share of rows differs: Fisher's exact test.

    Args:
        reference, current: hits of totals.
        rise: whether only a rise counts (a category that was never seen can't be seen less often).

    Returns:
        None when a side is empty, or nothing was hit on either.
    """
    if not reference.total or not current.total or not reference.hits + current.hits:
        return None
    more = hypergeometric_above(current, reference)
    p = more if rise else min(1.0, 2 * min(more, hypergeometric_above(reference, current)))
    counts = [(each.hits, each.total - each.hits) for each in (reference, current)]
    return Measured(p, distance(*counts))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Each p-value made larger, so that flagging those at most `level` keeps false discoveries below it.

    Benjamini and Yekutieli (2001): right under any dependence, and columns of one table do depend on each
    other. Where nothing drifted, the chance of any flag at all is at most the level.
    """
    count = len(p_values)
    penalty = math.fsum(1 / each for each in range(1, count + 1)) * count
    order = sorted(range(count), key=lambda place: p_values[place], reverse=True)
    found, least = [1.0] * count, 1.0
    for rank, place in zip(range(count, 0, -1), order, strict=True):
        least = min(least, p_values[place] * penalty / rank)
        found[place] = least
    return found


def _rows(
    reference: Sequence[int], current: Sequence[int], ranks: Sequence[float]
) -> list[tuple[int, int, float]]:
    return list(zip(reference, current, ranks, strict=True))


def _pooled(cells: list[tuple[int, int]], *, ordered: bool) -> list[tuple[int, int]]:
    """Cells with enough rows expected on either side."""
    n, m = (sum(side) for side in zip(*cells, strict=True))
    fewest = FEWEST_EXPECTED * (n + m) / min(n, m)
    if ordered:
        return _neighbours(cells, fewest)
    large = [cell for cell in cells if sum(cell) >= fewest]
    small = [cell for cell in cells if 0 < sum(cell) < fewest]
    return _neighbours([*large, (sum(a for a, _ in small), sum(b for _, b in small))], fewest)


def _neighbours(cells: list[tuple[int, int]], fewest: float) -> list[tuple[int, int]]:
    """Cells joined from the left until each has enough rows; what is left at the end joins the last."""
    joined: list[tuple[int, int]] = []
    a = b = 0
    for first, second in cells:
        a, b = a + first, b + second
        if a + b >= fewest:
            joined.append((a, b))
            a = b = 0
    if a + b and joined:
        last = joined.pop()
        joined.append((last[0] + a, last[1] + b))
    return joined
