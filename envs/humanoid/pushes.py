"""Pushes: occasional instantaneous changes of a base's horizontal velocity."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.streams import Streams

Floats = NDArray[np.float64]

EVERY: Final = (5.0, 10.0)
"""Time between pushes, drawn uniformly (s)."""

OFTEN: Final = (2.0, 6.0)
"""The same in training, where twice as many teach twice as much."""


class Pushes:
    """Schedules the pushes of n copies.

    Args:
        streams: random streams.
        copies: n.
        seconds: from one draw to the next.

    Attributes:
        last: push in the last action, world frame (m/s) [n, 2]; zero without one.
        left: time to the next push (s) [n].
    """

    def __init__(self, streams: Streams, copies: int, seconds: float) -> None:
        self._streams, self._seconds = streams, seconds
        self.last = np.zeros((copies, 2))
        self.left = np.zeros(copies)

    def draw(self, speed: Floats, counter: NDArray[np.int64], every: tuple[float, float]) -> Floats:
        """Advance time and push the copies that are due.

        Args:
            speed: of each copy's pushes (m/s) [n]; no pushes where it is zero.
            counter: draw counter per copy [n].
            every: from a push drawn now to the next, at least and at most (s).

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
            self._wait(due, drawn[:, 1], every)
        return self.last

    def begin(self, rows: NDArray[np.int64], share: Floats, every: tuple[float, float]) -> None:
        """Begin episodes: numbers in [0, 1), `share` [k], set the time of the first push."""
        self.last[rows] = 0.0
        self._wait(rows, share, every)

    def _wait(self, rows: NDArray[np.int64], share: Floats, every: tuple[float, float]) -> None:
        low, high = every
        self.left[rows] = low + share * (high - low)


__all__ = ["EVERY", "OFTEN", "Pushes"]
