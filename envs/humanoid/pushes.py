"""Pushes: now and then the horizontal velocity of a base changes at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.streams import Streams

Floats = NDArray[np.float64]

EVERY: Final = (5.0, 10.0)
"""From one push to the next, drawn uniformly (s)."""


class Pushes:
    """When each of n copies is pushed next.

    Args:
        streams: of random numbers.
        copies: n.
        seconds: from one draw to the next.

    Attributes:
        last: what came in the last action, world frame (m/s) [n, 2]; zero without a push.
        left: until the next (s) [n].
    """

    def __init__(self, streams: Streams, copies: int, seconds: float) -> None:
        self._streams, self._seconds = streams, seconds
        self.last = np.zeros((copies, 2))
        self.left = np.zeros(copies)

    def draw(self, speed: Floats, counter: NDArray[np.int64]) -> Floats:
        """Time passes, and some copies are due.

        Args:
            speed: of each copy's pushes (m/s) [n]; none where it is zero.
            counter: per copy, of the draws [n].

        Returns:
            `last`.
        """
        self.left -= self._seconds
        self.last[:] = 0.0
        due = np.flatnonzero((self.left <= 0.0) & (speed > 0.0))
        if due.size:
            drawn = self._streams.uniform("push", counter[due], 2, due)
            angle = 2.0 * np.pi * drawn[:, 0]
            self.last[due] = speed[due, None] * np.stack((np.cos(angle), np.sin(angle)), axis=1)
            self._wait(due, drawn[:, 1])
        return self.last

    def begin(self, rows: NDArray[np.int64], share: Floats) -> None:
        """An episode begins: numbers in [0, 1), `share` [k], say when its first push comes."""
        self.last[rows] = 0.0
        self._wait(rows, share)

    def _wait(self, rows: NDArray[np.int64], share: Floats) -> None:
        low, high = EVERY
        self.left[rows] = low + share * (high - low)


__all__ = ["EVERY", "Pushes"]
