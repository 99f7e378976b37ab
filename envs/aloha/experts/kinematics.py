"""Inverse kinematics of one arm."""

from typing import Final

import mink
import numpy as np
from numpy.typing import NDArray

from envs.aloha.model import START_POSE, arm_model

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

ROUNDS: Final = 2
"""Newton steps per pose: successive poses are close, so each starts near its solution."""

SEARCH_ROUNDS: Final = 20
"""Calls of `solve` when the search starts far from the solution."""

POSTURE_COST: Final = 1e-3
DAMPING: Final = 1e-4


class ArmKinematics:
    """Forward and inverse kinematics of one arm.

    Args:
        side: "left" or "right".
    """

    def __init__(self, side: str) -> None:
        self._configuration = mink.Configuration(arm_model(side))
        self._tool = mink.FrameTask(
            "tool", "site", position_cost=1.0, orientation_cost=0.3, lm_damping=1e-6
        )
        self._posture = mink.PostureTask(self._configuration.model, cost=POSTURE_COST)
        self._posture.set_target(np.array(START_POSE[:6]))
        self._limits = [mink.ConfigurationLimit(self._configuration.model)]

    def reset(self, joints: Vector) -> None:
        """Start from joint positions, shape (6,), rad."""
        self._configuration.update(np.asarray(joints, dtype=np.float64))

    def tool_pose(self, joints: Vector) -> tuple[Vector, Matrix]:
        """Position (3,) and rotation (3, 3) of the tool, world frame, for joint positions."""
        kept = self._configuration.q.copy()
        self._configuration.update(np.asarray(joints, dtype=np.float64))
        pose = self._configuration.get_transform_frame_to_world("tool", "site")
        self._configuration.update(kept)
        return pose.translation(), pose.rotation().as_matrix()

    def joints_at(self, position: Vector, rotation: Matrix, wrist_angle: float) -> Vector:
        """Joint positions, shape (6,), for a tool pose (world frame), wrist bent to one side.

        Every pose can be reached with the wrist bent either way. A straight wrist is singular:
        forearm and fingers then turn about one axis, and a line through there makes them spin.

        Args:
            position: shape (3,), m.
            rotation: shape (3, 3).
            wrist_angle: at which the search starts (rad).
        """
        kept = self._configuration.q.copy()
        self.reset(np.array([0.0, *START_POSE[1:3], 0.0, wrist_angle, 0.0]))
        for _ in range(SEARCH_ROUNDS):
            found = self.solve(position, rotation)
        self.reset(kept)
        return found

    def solve(self, position: Vector, rotation: Matrix) -> Vector:
        """Joint positions, shape (6,), that bring the tool near a pose (world frame).

        Args:
            position: shape (3,), m.
            rotation: shape (3, 3).
        """
        self._tool.set_target(
            mink.SE3.from_rotation_and_translation(mink.SO3.from_matrix(rotation), position)
        )
        for _ in range(ROUNDS):
            velocity = mink.solve_ik(
                self._configuration,
                [self._tool, self._posture],
                1.0,
                "daqp",
                damping=DAMPING,
                limits=self._limits,
            )
            self._configuration.integrate_inplace(velocity, 1.0)
        return self._configuration.q.copy()
