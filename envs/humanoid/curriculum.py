"""Curricula: how hard it is, from how well it goes.

Randomisation has a factor per copy, which the batch itself moves. Penalties and commands have one
factor for all, which a training sets on the batch: `batch.penalties = curriculum.update(...)`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RandomizationCurriculum:
    """A copy's factor rises after episodes that it walks to their end and sinks after falls.

    To stay upright is not enough: a robot that only steps on the spot survives more and more, and
    never learns to follow commands on ever harder ground.

    Attributes:
        start: of every copy.
        rise: after an episode that lasted to its end and followed its commands.
        drop: after a fall; by so much that it stays where one of three episodes is walked.
        floor: lowest factor.
        follows: error of an episode below which its commands were followed, as a share of what it
            would have been on the spot.
    """

    start: float = 0.0
    rise: float = 0.1
    drop: float = 0.05
    floor: float = 0.0
    follows: float = 0.7

    def update(self, factor: Floats, upright: NDArray[np.bool_], error: Floats) -> Floats:
        """New factors of k copies.

        Args:
            factor: old ones [k].
            upright: whether the episode lasted to its end [k].
            error: `rewards.error` of the episode, over `rewards.error_on_the_spot` [k].
        """
        walked = upright & (error < self.follows)
        change = np.where(walked, self.rise, np.where(upright, 0.0, -self.drop))
        return np.clip(factor + change, self.floor, 1.0)


@dataclass
class EpisodeCurriculum:
    """One factor that follows the mean length of episodes; for penalties and for commands.

    Attributes:
        factor: now.
        lowest: where it starts, and its lower end.
        rise: per update while episodes are long.
        grow_above: mean share of the longest duration above which it rises.
        shrink_below: and below which it sinks.
    """

    factor: float = 0.1
    lowest: float = 0.1
    rise: float = 0.01
    grow_above: float = 0.6
    shrink_below: float = 0.25

    def update(self, mean_share: float) -> float:
        """The new factor, given the mean share of the longest duration that episodes lasted."""
        if mean_share > self.grow_above:
            self.factor = min(1.0, self.factor + self.rise)
        elif mean_share < self.shrink_below:
            self.factor = max(self.lowest, self.factor - self.rise)
        return self.factor


__all__ = ["EpisodeCurriculum", "RandomizationCurriculum"]
