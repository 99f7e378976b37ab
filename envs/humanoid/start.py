"""Initial states of the walker's episodes: upright on its ground, with a random heading."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.domain import Parameters
from envs.humanoid.physics import Physics, standing
from envs.humanoid.robots import RobotConfig
from envs.humanoid.state import level
from envs.humanoid.terrain import Terrain

Floats = NDArray[np.float64]

_SPREAD: Final = 7.9
"""Side of the square of uneven ground on which a copy may begin (m)."""
_DROP: Final = 0.002
"""Height from which the feet drop onto the ground (m)."""
_NEAR: Final = np.array([(x, y) for x in (-0.15, 0.0, 0.15) for y in (-0.2, 0.0, 0.2)])
"""Points around a copy (m); it stands on the highest, so that no foot starts inside a step."""


class Start:
    """Puts copies into their initial states.

    Args:
        robot: of all copies.
        physics: of the copies, their models still nominal.
    """

    def __init__(self, robot: RobotConfig, physics: Physics) -> None:
        self._physics = physics
        self._pose = np.array(robot.default_pose)
        self._low, self._high = np.array(robot.limits).T
        self._height, self._feet = standing(physics.models[0])

    def place(
        self, rows: NDArray[np.int64], terrain: Terrain, parameters: Parameters, share: Floats
    ) -> None:
        """Place copies.

        Args:
            rows: indices of k copies.
            terrain: of all copies.
            parameters: of all copies.
            share: numbers in [0, 1) that set position (2) and heading (1) [k, 3].
        """
        physics = self._physics
        uneven = terrain.uneven[rows]
        place = np.where(uneven[:, None], (share[:, :2] - 0.5) * _SPREAD, 0.0)
        yaw = (2.0 * share[:, 2] - 1.0) * np.pi
        look = np.stack((np.cos(yaw), np.sin(yaw)), axis=1)
        ground = terrain.height(rows, place[:, :1] + _NEAR[:, 0], place[:, 1:] + _NEAR[:, 1])
        state = np.zeros((len(rows), physics.state.shape[1]))
        state[:, 1:3] = place
        state[:, 3] = ground.max(axis=1) + self._height * parameters.size[rows] + _DROP
        state[:, 4], state[:, 7] = np.cos(yaw / 2.0), np.sin(yaw / 2.0)
        pose = self._pose + parameters.start_pose[rows]
        state[:, physics.angles] = np.clip(pose, self._low, self._high)
        state[:, physics.velocities.start : physics.speeds.start] = parameters.start_velocity[rows]
        offset = level(np.repeat(self._feet[None], len(rows), 0), look * (1.0, -1.0))
        feet = place[:, None] + offset[:, :, :2]
        under = terrain.height(rows, feet[:, :, 0], feet[:, :, 1])
        physics.place(rows, state, np.concatenate((feet, under[:, :, None]), axis=2))


__all__ = ["Start"]
