"""The learning rate over a run, and when a run is over."""

import math
from dataclasses import dataclass

FLOOR = 0.01
"""Share of the peak at which the learning rate begins and ends."""


@dataclass(frozen=True)
class Schedule:
    """A schedule over the used share of the budget, so that steps and minutes work alike.

    Attributes:
        steps: The budget in steps, or None.
        minutes: The budget in minutes of training time, if `steps` is None.
        warmup: Share of the budget with linear warm-up; cosine decay follows.
    """

    steps: int | None
    minutes: float | None
    warmup: float

    def share(self, steps: int, seconds: float) -> float:
        """The share of the budget used after these steps and seconds; at 1 or more it is over."""
        if self.steps is not None:
            return steps / self.steps
        assert self.minutes is not None
        return seconds / (60 * self.minutes)

    def factor(self, share: float) -> float:
        """The learning rate as a share of its peak, in [FLOOR, 1]."""
        if share < self.warmup:
            rise = share / self.warmup
        else:
            through = min(1.0, (share - self.warmup) / (1 - self.warmup))
            rise = (1 + math.cos(math.pi * through)) / 2
        return FLOOR + (1 - FLOOR) * rise
