"""What a training command prints at the end."""

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
        """Steps done, including earlier sessions."""

    @property
    def seconds(self) -> float:
        """Their training time."""

    @property
    def checkpoint(self) -> Path | None:
        """The newest checkpoint."""

    @property
    def stopped(self) -> signal.Signals | None:
        """The signal that ended it early, if any."""


def tell(console: Console, outcome: Ended, more: str = "") -> int:
    """Print how long it took and where the result is, or how to resume.

    Args:
        console: Where to print.
        outcome: How the job ended.
        more: Text to add after the duration.

    Returns:
        The command's exit status: 128 plus the signal's number if it was stopped, else 0.
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
