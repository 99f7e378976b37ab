"""Whether two success rates differ: exact tests and intervals for paired and unpaired counts."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robo.statistics import Z_95, Rate

GRID = 2000
"""Grid points of the nuisance parameter in the search for Boschloo's p-value."""

ROUNDING = 1e-7
"""Probabilities within this relative difference are equal."""


def mcnemar_p(first_only: int, second_only: int) -> float:
    """Exact two-sided p-value of McNemar's test: the discordant pairs against a fair coin.

    Args:
        first_only: Pairs in which only the first succeeded.
        second_only: Pairs in which only the second succeeded.
    """
    n, least = first_only + second_only, min(first_only, second_only)
    tail = sum(math.comb(n, k) for k in range(least + 1))
    return min(1.0, tail / 2 ** (n - 1)) if n else 1.0


def paired_interval(first_only: int, second_only: int, pairs: int) -> tuple[float, float]:
    """95% score interval of the difference of paired rates, second minus first (Tango 1998).

    Args:
        first_only: Pairs in which only the first succeeded.
        second_only: Pairs in which only the second succeeded.
        pairs: Number of pairs.
    """
    estimate = (second_only - first_only) / pairs

    def away(difference: float) -> float:
        return _tango_z(second_only, first_only, pairs, difference)

    return (
        _root(lambda d: away(d) - Z_95, -1.0, estimate),
        _root(lambda d: away(d) + Z_95, estimate, 1.0),
    )


def _tango_z(b: int, c: int, n: int, difference: float) -> float:
    """Tango's statistic for (b - c) / n = difference; its square at 0 is McNemar's."""
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    root = math.sqrt(max(0.0, linear * linear - 8 * n * constant))
    share = (root - linear) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    gap = b - c - n * difference
    if variance <= 1e-12:
        return 0.0 if abs(gap) < 1e-9 else math.copysign(math.inf, gap)
    return gap / math.sqrt(variance)


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a decreasing function crosses 0, by bisection; an end of the range if it does not."""
    if falling(high) > 0:
        return high
    if falling(low) < 0:
        return low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def unpaired_interval(first: Rate, second: Rate) -> tuple[float, float]:
    """95% interval of the difference of independent rates, second minus first.

    From both Wilson intervals (Newcombe 1998, method 10).
    """
    one, two = first.value, second.value
    (low_one, high_one), (low_two, high_two) = first.interval, second.interval
    difference = two - one
    return (
        difference - math.hypot(two - low_two, high_one - one),
        difference + math.hypot(high_two - two, one - low_one),
    )


def fisher_p(first: Rate, second: Rate) -> float:
    """Two-sided p-value of Fisher's exact test: same-margin tables no likelier than ours."""
    p = _fisher_table(first.trials, second.trials, first.successes + second.successes)
    return float(p[first.successes])


def boschloo_p(first: Rate, second: Rate) -> float:
    """Two-sided p-value of Boschloo's unconditional exact test (1970).

    The largest probability, over the common rate, of a table whose Fisher p-value is at most ours:
    never above Fisher's own, which is conservative because it fixes the margins.
    """
    m, n = first.trials, second.trials
    bound = fisher_p(first, second) * (1 + ROUNDING)
    logs = np.full(m + n + 1, -np.inf)
    for total in range(m + n + 1):
        extreme = _fisher_table(m, n, total) <= bound
        if extreme.any():
            weights = _log_choose(m)[: total + 1], _log_choose(n)
            rows = np.arange(max(0, total - n), min(m, total) + 1)
            rows = rows[extreme[rows]]
            logs[total] = np.logaddexp.reduce(weights[0][rows] + weights[1][total - rows])
    totals = np.arange(m + n + 1)

    def probability(rates: NDArray[np.float64]) -> NDArray[np.float64]:
        chances = np.outer(np.log(rates), totals) + np.outer(np.log1p(-rates), m + n - totals)
        return np.asarray(np.exp(chances + logs).sum(1))

    rates = np.linspace(0, 1, GRID + 1)[1:-1]
    best = rates[int(probability(rates).argmax())]
    near = np.linspace(max(best - 1 / GRID, 1e-9), min(best + 1 / GRID, 1 - 1e-9), 201)
    return min(1.0, float(probability(near).max()))


def _fisher_table(m: int, n: int, total: int) -> NDArray[np.float64]:
    """Fisher's p-value for each number of first successes (m + 1,); above 1 if impossible."""
    result = np.full(m + 1, 2.0)
    rows = np.arange(max(0, total - n), min(m, total) + 1)
    logs = _log_choose(m)[rows] + _log_choose(n)[total - rows]
    chances = np.exp(logs - np.logaddexp.reduce(logs))
    order = np.argsort(chances)
    reached = np.cumsum(chances[order])
    last = np.searchsorted(chances[order], chances * (1 + ROUNDING), side="right") - 1
    result[rows] = np.minimum(reached[last], 1.0)
    return result


def _log_choose(n: int) -> NDArray[np.float64]:
    """Log of n choose k, for k from 0 to n (n + 1,)."""
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    return np.asarray(factorials[n] - factorials - factorials[::-1])
