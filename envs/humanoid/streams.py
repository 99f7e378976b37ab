"""Random numbers for many copies at once: each depends only on seed, copy, use and counter.

So copy k draws the same numbers on its own and in a batch of any size, whatever the others do. The
generator is splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
2014), started from a hash of seed, copy, use and counter.
"""

from functools import cache
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


class Streams:
    """Independent streams of uniform numbers.

    Args:
        seed: random seed.
        copies: number of copies.
        first: number of the first copy.
    """

    def __init__(self, seed: int, copies: int, first: int = 0) -> None:
        numbers = np.arange(first, first + copies, dtype=np.uint64)
        self._keys = _mix(_mix(np.uint64(seed % 2**64)) + numbers * _GOLDEN)

    def uniform(
        self, use: str, counter: NDArray[np.int64], width: int, rows: Any = slice(None)
    ) -> NDArray[np.float64]:
        """Numbers in [0, 1), shape [rows, width].

        Args:
            use: what the numbers are for.
            counter: draw counter per row, for this use.
            width: numbers per row.
            rows: which copies draw.
        """
        start = _mix(self._keys[rows] ^ _use(use)) + counter.astype(np.uint64) * _GOLDEN
        steps = np.arange(1, width + 1, dtype=np.uint64) * _GOLDEN
        words = _mix(_mix(start)[:, None] + steps)
        return np.asarray((words >> np.uint64(11)) * 2.0**-53)


@cache
def _use(name: str) -> np.uint64:
    return np.uint64(crc32(name.encode()) * 0x100000001 % 2**64)


def _mix(words: Any) -> Any:
    """The finaliser of splitmix64; sums and products wrap around."""
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(30))) * _FIRST
        words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))


__all__ = ["Streams"]
