"""A clock that calls at a fixed rate and counts the calls that came too late."""

import gc
import time
from collections import deque

SPIN_SECONDS = 0.0005
"""The system wakes a sleeper this much late or less; the rest is waited for awake."""


class Pacer:
    """Waits for the next tick of a fixed rate.

    A deadline is missed when the work of a tick ends after the next tick should have begun; work of
    three and a half periods misses three. The next tick then begins at once and the following ones
    a period apart from it: no burst to catch up.

    Args:
        fps: Ticks a second.

    Attributes:
        missed: Deadlines missed since `reset`.
    """

    def __init__(self, fps: float) -> None:
        self.period = 1.0 / fps
        self.missed = 0
        self._next: float | None = None
        self._ticks: deque[float] = deque(maxlen=max(2, round(fps) + 1))

    @property
    def rate(self) -> float:
        """Ticks a second over the last second or so; 0 before the second tick."""
        if len(self._ticks) < 2:
            return 0.0
        return (len(self._ticks) - 1) / (self._ticks[-1] - self._ticks[0])

    def reset(self) -> None:
        """Begin to count anew; the next tick comes at once."""
        self.missed = 0
        self._next = None
        self._ticks.clear()

    def wait(self) -> None:
        """Wait for the next tick."""
        if self._next is None:
            _set_garbage_aside()
        now = time.perf_counter()
        if self._next is None:
            self._next = now
        elif now > self._next:
            self.missed += 1 + int((now - self._next) / self.period)
            self._next = now
        else:
            if self._next - now > SPIN_SECONDS:
                time.sleep(self._next - now - SPIN_SECONDS)
            while (now := time.perf_counter()) < self._next:
                pass
        self._ticks.append(now)
        self._next += self.period


def _set_garbage_aside() -> None:
    """Look for garbage now, and later only among what is made from now on.

    A search through all that the libraries have made takes several ticks, and comes at any time.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
