"""Real-time priority: other programs no longer delay the recording loop."""

import os

from robo.errors import UserError

PRIORITY = 20
"""Of 99: ahead of all normal programs, behind the system's own."""


def take_realtime_priority() -> None:
    """Run this process, and threads started from now on, ahead of all normal programs.

    Uses Linux's SCHED_FIFO. Refused on a single core, where encoding video would then delay the
    loop.

    Raises:
        UserError: The system does not support it, or refuses it.
    """
    if not hasattr(os, "sched_setscheduler"):
        raise UserError("this system has no real-time priority for Python; leave out --realtime")
    if len(os.sched_getaffinity(0)) < 2:
        raise UserError("real-time priority needs two cores; leave out --realtime")
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError:
        raise UserError(
            "the system refuses real-time priority; allow it (rtprio 20 in "
            "/etc/security/limits.conf, then log in again) or leave out --realtime"
        ) from None
