"""Tail probabilities in closed or series form: no tables, no sampling, the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

_PRECISION = 1e-14
_TINY = 1e-300


def normal_two_sided(z: float) -> float:
    """Chance that a standard normal variable is further from 0 than `z`."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_below(z: float) -> float:
    """Chance that a standard normal variable is at most `z`."""
    return math.erfc(-z / math.sqrt(2)) / 2


def chi_square_above(x: float, degrees: int) -> float:
    """Chance that a chi-square variable is above `x`: the regularised upper incomplete gamma function.

    Below its mean by the power series, else by the continued fraction (DLMF 8.7.1 and 8.9.2), the latter
    evaluated by Lentz's method.

    Args:
        x: at least 0. degrees: of freedom, at least 1.
    """
    a, half = degrees / 2, x / 2
    if half <= 0:
        return 1.0
    scale = math.exp(a * math.log(half) - half - math.lgamma(a))
    return 1 - scale * _series(a, half) if half < a + 1 else scale * _fraction(a, half)


def _series(a: float, x: float) -> float:
    """The sum over n of x^n / (a (a+1) … (a+n))."""
    term = total = 1 / a
    step = a
    while term > total * _PRECISION:
        step += 1
        term *= x / step
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    """1/(x+1-a- 1(1-a)/(x+3-a- 2(2-a)/(x+5-a- …)))."""
    b = x + 1 - a
    front, back = 1 / _TINY, 1 / b
    value, change, n = back, 0.0, 0
    while abs(change - 1) > _PRECISION:
        n += 1
        numerator = n * (a - n)
        b += 2
        back = 1 / _away(numerator * back + b)
        front = _away(b + numerator / front)
        change = back * front
        value *= change
    return value


def _away(value: float) -> float:
    """The value, or one just beside 0, by which may be divided."""
    return value if abs(value) > _TINY else _TINY


class Draw(NamedTuple):
    """`hits` of `total` rows on one side of a comparison."""

    hits: int
    total: int

    @property
    def share(self) -> float:
        """Hits of all; 0 of nothing."""
        return self.hits / self.total if self.total else 0.0


def hypergeometric_above(drawn: Draw, rest: Draw) -> float:
    """Fisher's exact test, one-sided: chance of at least so many hits among the drawn, were all rows alike.

    Args:
        drawn, rest: the two samples; their totals at least 1.
    """
    hits, rows = drawn.hits + rest.hits, drawn.total + rest.total
    low, high = max(0, hits - rest.total), min(hits, drawn.total)
    if drawn.hits <= low:
        return 1.0
    whole = _log_choose(rows, drawn.total)

    def chance(k: int) -> float:
        return math.exp(_log_choose(hits, k) + _log_choose(rows - hits, drawn.total - k) - whole)

    if drawn.hits * rows < hits * drawn.total:  # below the mean, the other tail has fewer terms
        return max(0.0, 1 - _sum(chance, range(drawn.hits - 1, low - 1, -1)))
    return min(1.0, _sum(chance, range(drawn.hits, high + 1)))


def _sum(chance: Callable[[int], float], places: range) -> float:
    """Terms that fall from the first on, until they add nothing."""
    total = 0.0
    for place in places:
        term = chance(place)
        total += term
        if term <= total * _PRECISION:
            break
    return total


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
