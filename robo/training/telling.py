"""What a training command says in the end."""

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Protocol

from rich.console import Console

from robo.training.display import duration


class Ended(Protocol):
    """How a job ended; see `job.Outcome` and `robo.walking.run.Outcome`."""

    @property
    def steps(self) -> int:
        """Steps done, in this session and before."""

    @property
    def seconds(self) -> float:
        """Training time of them."""

    @property
    def checkpoint(self) -> Path | None:
        """The newest one."""

    @property
    def stopped(self) -> signal.Signals | None:
        """The signal that ended it before its time."""


def tell(console: Console, outcome: Ended, more: str = "") -> int:
    """Say how long it was and where the result is, or how to go on.

    Args:
        console: Where.
        outcome: How the job ended.
        more: Behind how long it was.

    Returns:
        The command's exit status: 128 and the signal's number when it was stopped.
    """
    done = f"{outcome.steps} steps, {duration(outcome.seconds)}"
    if outcome.stopped is None:
        console.print(f"{done}{more}: {outcome.checkpoint}", markup=False, soft_wrap=True)
        return 0
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    again = "robo " + shlex.join([*arguments, "--resume"])
    if "RANK" in os.environ:
        again = "the same command and --resume"
    text = f"stopped and saved after {done}; go on with: {again}"
    console.print(text, markup=False, soft_wrap=True)
    return 128 + outcome.stopped
