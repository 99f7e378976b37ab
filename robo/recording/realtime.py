"""Real-time priority: what else the machine does delays the recording loop no more."""

import os

from robo.errors import UserError

PRIORITY = 20
"""Of 99: before everything that has none, behind the system's own."""


def take_realtime_priority() -> None:
    """This process, and threads made from now on, go before all that have no such priority.

    Linux' SCHED_FIFO. On one core, a film that is being written would then hold off the loop:
    refused there.

    Raises:
        UserError: The system has no such thing, or refuses it.
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
