"""A clock that ticks at a fixed rate and counts missed deadlines."""

import gc
import time
from collections import deque

SPIN_SECONDS = 0.0005
"""Sleeping overshoots by up to this much; the rest of a wait is spent spinning."""


class Pacer:
    """Waits for the next tick of a fixed rate.

    A deadline is missed when the work of a tick ends after the next tick should have begun; work of
    three and a half periods misses three. The next tick then begins at once, and later ones follow
    a period apart: no burst to catch up.

    Args:
        fps: Ticks per second.

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
        """Ticks per second over the last second or so; 0 before the second tick."""
        if len(self._ticks) < 2:
            return 0.0
        return (len(self._ticks) - 1) / (self._ticks[-1] - self._ticks[0])

    def reset(self) -> None:
        """Restart counting; the next tick comes at once."""
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
    """Collect garbage now, and later only among objects created from now on.

    Scanning everything that the libraries have created takes several ticks, at any moment.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
