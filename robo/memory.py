"""Memory for large tensors without page faults.

A training step on CPUs allocates and frees hundreds of tensors of many megabytes. The C library
returns each to the system at once, and the system then hands out freshly zeroed 4 kB pages, which
takes a tenth of a step. If they are kept, in 2 MB pages where available, this cost goes away.
"""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Parameter numbers of glibc's `mallopt`."""


def keep_memory() -> None:
    """Make this process reuse freed memory for the next tensor; call before importing torch.

    The process's memory no longer shrinks. Does nothing without Linux and glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
