"""Memory of big tensors without page faults.

A training step on CPUs makes and drops hundreds of tensors of many megabytes. The C library gives
each back to the system at once, and the system hands out zeroed pages of 4 kB anew: a tenth of the
time of a step. Kept, and in pages of 2 MB where the system has them, they cost nothing.
"""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Numbers of glibc's `mallopt`."""


def keep_memory() -> None:
    """Keep freed memory for the next tensor, for this process; to be called before torch's import.

    Memory of this process does not shrink any more. Elsewhere than on Linux with glibc nothing
    happens.
    """
    if not sys.platform.startswith("linux"):
        return
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
