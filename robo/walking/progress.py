"""Progress of a walker's training: values for its log, and a line on the terminal."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.humanoid import rewards
from robo.training.display import TrainingDisplay, duration


class Tally:
    """Statistics of the robots, between two lines of the log and over the last episodes.

    Args:
        copies: Robots, and how many of the last episodes count.
        control_hz: Steps per second.
        longest: Steps of the longest episode.
    """

    def __init__(self, copies: int, control_hz: float, longest: int) -> None:
        self._copies, self._hz, self._longest = copies, control_hz, longest
        self.shares: deque[float] = deque(maxlen=copies)
        self.returns: deque[float] = deque(maxlen=copies)
        self._clear()

    def _clear(self) -> None:
        self._steps, self._falls, self._unstable = 0, 0, 0
        self._errors = np.zeros(3)
        self._rewards = np.zeros(len(rewards.TERMS))

    def add(self, info: Mapping[str, Any]) -> None:
        """Add a step's `info`."""
        state, ended = info["state"], info["episode"]
        velocity = np.column_stack((state.velocity[:, :2], state.gyro[:, 2]))
        self._errors += np.abs(velocity - state.command).mean(axis=0)
        self._rewards += info["rewards"].mean(axis=0)
        self._steps += 1
        self._falls += int(ended["fell"].sum())
        self._unstable += int(info["unstable"].sum())
        self.shares.extend((ended["length"] / self._longest).tolist())
        self.returns.extend(ended["return"].tolist())

    def line(self) -> dict[str, float]:
        """Means since the last call.

        return and length (s) are those of the last episodes, absent before the first has ended;
        error/<axis> is the mean absolute error of the velocity (m/s, rad/s); falls and unstable
        are per robot-minute; reward/<term> is per second.
        """
        steps, minutes = max(self._steps, 1), self._steps * self._copies / self._hz / 60
        line: dict[str, float] = {}
        if self.returns:
            line["return"] = float(np.mean(self.returns))
            line["length"] = self.mean_share * self._longest / self._hz
        for axis, error in zip(("forward", "sideways", "turning"), self._errors, strict=True):
            line[f"error/{axis}"] = float(error) / steps
        line["falls"] = self._falls / max(minutes, 1e-9)
        line["unstable"] = self._unstable / max(minutes, 1e-9)
        for name, value in zip(rewards.names(), self._rewards, strict=True):
            line[f"reward/{name}"] = float(value) / steps * self._hz
        self._clear()
        return line

    @property
    def mean_share(self) -> float:
        """Mean length of the last episodes over the longest; 0 before the first has ended."""
        return float(np.mean(self.shares)) if self.shares else 0.0


class WalkDisplay(TrainingDisplay):
    """A progress bar with the time left and how well it walks."""

    def show(self, step: int, share: float, seconds_left: float, line: Mapping[str, float]) -> None:
        """Show the state of the run."""
        if self._progress is None:
            return
        text = (
            f"{duration(seconds_left)} left  {step / 1e6:.2f}M steps  "
            f"{line['steps_per_second']:.0f} steps/s  {summary(line)}"
        )
        self._progress.update(self._task, completed=min(share, 1.0), description=text)


def summary(line: Mapping[str, float]) -> str:
    """A line of the log in a few words."""
    if "loss/action" in line:
        return f"action {line['loss/action']:.4f}  observation {line['loss/observation']:.4f}"
    before = f"return {line['return']:.1f}  {line['length']:.1f} s  " if "return" in line else ""
    errors = " ".join(f"{line[f'error/{axis}']:.2f}" for axis in ("forward", "sideways", "turning"))
    return f"{before}errors {errors}  {line['falls']:.1f} falls/min"
