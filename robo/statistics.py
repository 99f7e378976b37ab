"""Confidence intervals for success rates."""

import math
from dataclasses import dataclass

Z_95 = 1.959963984540054
"""The 97.5% point of the normal distribution."""


@dataclass(frozen=True)
class Rate:
    """A success rate with its Wilson 95% interval.

    Attributes:
        successes: Number of successes.
        trials: Number of trials.
    """

    successes: int
    trials: int

    @property
    def value(self) -> float:
        """The proportion of successes; nan without trials."""
        return self.successes / self.trials if self.trials else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% score interval (Wilson 1927); (0, 1) without trials."""
        n, z = self.trials, Z_95
        if n == 0:
            return 0.0, 1.0
        p = self.successes / n
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)

    def as_dict(self) -> dict[str, object]:
        """As plain values for a result file."""
        low, high = self.interval
        return {
            "successes": self.successes,
            "trials": self.trials,
            "rate": round(self.value, 4) if self.trials else None,
            "wilson_95": [round(low, 4), round(high, 4)],
        }

    def __str__(self) -> str:
        """Text such as "84/101 (83%, 75–89)"."""
        if not self.trials:
            return "–"
        low, high = self.interval
        return (
            f"{self.successes}/{self.trials} ({self.value:.0%}, {100 * low:.0f}–{100 * high:.0f})"
        )
