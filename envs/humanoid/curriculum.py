"""Curricula: difficulty that follows performance.

Randomisation has a factor per copy, adapted by the batch itself. Penalties and commands have one
factor for all, which the training sets on the batch: `batch.penalties = curriculum.update(...)`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RandomizationCurriculum:
    """Raises a copy's factor after episodes walked to the end, lowers it after falls.

    Staying upright is not enough: a robot that only steps on the spot survives more and more, and
    never learns to follow commands as the ground gets harder.

    Attributes:
        start: initial factor of every copy.
        rise: after an episode that ran to its end and followed its commands.
        drop: after a fall; by default such that the factor settles where one episode in three is
            walked.
        floor: lowest factor.
        follows: largest error of an episode that counts as following its commands, as a share of
            the error on the spot.
    """

    start: float = 0.0
    rise: float = 0.1
    drop: float = 0.05
    floor: float = 0.0
    follows: float = 0.7

    def update(self, factor: Floats, upright: NDArray[np.bool_], error: Floats) -> Floats:
        """New factors of k copies.

        Args:
            factor: old factors [k].
            upright: whether the episode ran to its end [k].
            error: the episode's `rewards.error` over its `rewards.error_on_the_spot` [k].
        """
        walked = upright & (error < self.follows)
        change = np.where(walked, self.rise, np.where(upright, 0.0, -self.drop))
        return np.clip(factor + change, self.floor, 1.0)


@dataclass
class EpisodeCurriculum:
    """One factor that follows the mean episode length; for penalties and for commands.

    Attributes:
        factor: current value.
        lowest: lower bound.
        rise: change per update, up while episodes are long and down while they are short.
        grow_above: mean share of the longest duration above which it rises.
        shrink_below: and below which it falls.
    """

    factor: float = 0.1
    lowest: float = 0.1
    rise: float = 0.01
    grow_above: float = 0.6
    shrink_below: float = 0.25

    def update(self, mean_share: float) -> float:
        """The new factor, given the mean episode length as a share of the longest duration."""
        if mean_share > self.grow_above:
            self.factor = min(1.0, self.factor + self.rise)
        elif mean_share < self.shrink_below:
            self.factor = max(self.lowest, self.factor - self.rise)
        return self.factor


__all__ = ["EpisodeCurriculum", "RandomizationCurriculum"]
