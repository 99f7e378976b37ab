"""A robot's sensor readings: delayed, off by the encoders' offsets, and noisy."""

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.domain import Parameters
from envs.humanoid.physics import Physics
from envs.humanoid.state import Floats, Sensed, down


def sense(
    physics: Physics, parameters: Parameters, rows: NDArray[np.int64], noise: Floats | None
) -> Sensed:
    """Read the sensors of k copies with m joints.

    Args:
        physics: of all copies; its `sensed` includes the delay.
        parameters: of all copies.
        rows: indices of the copies.
        noise: to add to gyro, gravity, joint positions and joint velocities [k, 6 + 2 m].
    """
    sensed, m = physics.sensed[rows], physics.joints
    values = np.concatenate(
        (
            sensed[:, physics.turning],
            down(sensed[:, 4:8]),
            sensed[:, physics.angles] + parameters.joint_offset[rows],
            sensed[:, physics.speeds],
        ),
        axis=1,
    )
    if noise is not None:
        values += noise
    return Sensed(values[:, :3], values[:, 3:6], values[:, 6 : 6 + m], values[:, 6 + m :])


__all__ = ["sense"]
