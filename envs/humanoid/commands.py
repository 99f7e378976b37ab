"""Velocity commands: forward, sideways and turning speed, in the level frame of the base."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.streams import Streams

STANDING = 0.05
"""Commands below this norm mean standing."""


@dataclass(frozen=True)
class CommandRanges:
    """Ranges from which commands are drawn, uniformly.

    Attributes:
        forward: vx (m/s).
        sideways: vy, positive to the left (m/s).
        turning: yaw rate, positive to the left (rad/s).
        stand: share of commands to stand.
        single: share of the others along one axis alone, so that each also occurs by itself.
        hold: how long a command lasts (s).
    """

    forward: tuple[float, float] = (-1.0, 1.0)
    sideways: tuple[float, float] = (-0.5, 0.5)
    turning: tuple[float, float] = (-1.0, 1.0)
    stand: float = 0.15
    single: float = 0.3
    hold: tuple[float, float] = (4.0, 8.0)


def draw_commands(
    streams: Streams,
    counter: NDArray[np.int64],
    rows: NDArray[np.int64],
    ranges: CommandRanges,
    scale: float = 1.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw new commands.

    Args:
        streams: random streams.
        counter: draw counter per row.
        rows: copies that get a command.
        ranges: to draw from.
        scale: factor on the ranges, 0 to 1 (the command curriculum).

    Returns:
        Commands [k, 3] and how long they last (s) [k].
    """
    ends = np.array([ranges.forward, ranges.sideways, ranges.turning]) * scale
    drawn = streams.uniform("command", counter, 7, rows)
    commands = ends[:, 0] + drawn[:, :3] * (ends[:, 1] - ends[:, 0])
    single = drawn[:, 3] < ranges.single
    axis = (drawn[:, 4] * 3).astype(np.int64)
    commands[single] *= np.eye(3)[axis[single]]
    commands[drawn[:, 5] < ranges.stand] = 0.0
    low, high = ranges.hold
    return commands, low + drawn[:, 6] * (high - low)


def moving(commands: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each command, [n, 3], is to walk or turn."""
    return np.asarray(np.linalg.norm(commands, axis=1) >= STANDING)


__all__ = ["STANDING", "CommandRanges", "draw_commands", "moving"]
