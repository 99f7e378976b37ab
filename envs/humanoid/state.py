"""What observations and rewards read: the state of k copies after an action."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.domain import Parameters
from envs.humanoid.robots import RobotConfig

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STANCE = 0.55
"""Share of a gait cycle in which a foot is on the ground."""

CARRIED = 0.2
"""Above this speed (m/s) a robot that is told to stand has to step."""


@dataclass(frozen=True)
class Sensed:
    """Sensor readings of k copies with m joints; possibly delayed, offset and noisy.

    Attributes:
        gyro: angular velocity, base frame (rad/s) [k, 3].
        gravity: unit vector downwards, base frame [k, 3].
        joint_position: rad [k, m].
        joint_velocity: rad/s [k, m].
    """

    gyro: Floats
    gravity: Floats
    joint_position: Floats
    joint_velocity: Floats


@dataclass(frozen=True)
class State:
    """True state of k copies with m joints, and their commands.

    Attributes:
        robot: of all copies.
        rows: indices of the copies in their batch [k].
        parameters: of all copies of the batch, indexed by `rows`; once a copy has begun its next
            episode, they are that episode's.
        sensed: what the controller sees.
        gyro: angular velocity, base frame (rad/s) [k, 3].
        gravity: unit vector downwards, base frame [k, 3].
        velocity: of the base, level frame with the base's heading (m/s) [k, 3].
        height: of the base above the ground under the feet (m) [k].
        joint_position: rad [k, m].
        joint_velocity: rad/s [k, m].
        joint_acceleration: mean over the last physics step (rad/s²) [k, m].
        torque: root mean square motor torque over the action (Nm) [k, m].
        power: mean mechanical power of the motors, braking counted as zero (W) [k].
        foot_height: of the sole centres above the ground (m) [k, 2].
        foot_position: of the sole centres relative to the base, level frame (m) [k, 2, 3].
        foot_velocity: world frame (m/s) [k, 2, 3].
        foot_force: from the ground (N) [k, 2].
        contact: whether each foot is on the ground [k, 2].
        landed: which feet touched down in this action [k, 2].
        air_time: how long each foot has been in the air; at touch-down the whole swing (s) [k, 2].
        action: the last one [k, m].
        action_before: the one before it [k, m].
        action_earlier: the one before that [k, m].
        command: vx, vy (m/s), yaw rate (rad/s) [k, 3].
        moving: whether the command is to walk or turn [k].
        astray: velocity and yaw rate minus the command, exponential mean over `ASTRAY_TIME`: within
            a step the base sways by more than its mean error [k, 3].
        phase: gait phase of the left foot, 0 to 1; the right foot is half a cycle off. It keeps
            running when the command is to stand [k].
        push: what a push added to the velocity in this action, level frame (m/s) [k, 2].
        ground: ground heights around, relative to that under the base (m) [k, 21].
        fallen: whether it has fallen [k].
    """

    robot: RobotConfig
    rows: NDArray[np.int64]
    parameters: Parameters
    sensed: Sensed
    gyro: Floats
    gravity: Floats
    velocity: Floats
    height: Floats
    joint_position: Floats
    joint_velocity: Floats
    joint_acceleration: Floats
    torque: Floats
    power: Floats
    foot_height: Floats
    foot_position: Floats
    foot_velocity: Floats
    foot_force: Floats
    contact: Flags
    landed: Flags
    air_time: Floats
    action: Floats
    action_before: Floats
    action_earlier: Floats
    command: Floats
    moving: Flags
    astray: Floats
    phase: Floats
    push: Floats
    ground: Floats
    fallen: Flags

    @property
    def foot_phase(self) -> Floats:
        """Phase of each foot, 0 to 1: below `STANCE` it should be on the ground [k, 2]."""
        return np.stack((self.phase, (self.phase + 0.5) % 1.0), axis=1)

    @property
    def striding(self) -> Flags:
        """Whether it has to step: told to move, or carried along, as by a push [k]."""
        return np.asarray(self.moving | (np.hypot(*self.velocity[:, :2].T) > CARRIED))


def down(quaternion: Floats) -> Floats:
    """Downward unit vector in the frames of quaternions (w, x, y, z), [k, 4] to [k, 3]."""
    w, x, y, z = quaternion.T
    return np.stack(
        (2.0 * (w * y - x * z), -2.0 * (y * z + w * x), 2.0 * (x * x + y * y) - 1.0), axis=1
    )


def heading(quaternion: Floats) -> Floats:
    """Cosine and sine of the yaw of quaternions (w, x, y, z), [k, 4] to [k, 2]."""
    w, x, y, z = quaternion.T
    forward = np.stack((1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z)), axis=1)
    return np.asarray(forward / np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9))


def level(vectors: Floats, cosine_sine: Floats) -> Floats:
    """World vectors [k, ..., 2 or 3] in level frames of headings [k, 2]."""
    shape = (len(vectors),) + (1,) * (vectors.ndim - 2)
    cosine, sine = cosine_sine[:, 0].reshape(shape), cosine_sine[:, 1].reshape(shape)
    turned = vectors.copy()
    turned[..., 0] = cosine * vectors[..., 0] + sine * vectors[..., 1]
    turned[..., 1] = cosine * vectors[..., 1] - sine * vectors[..., 0]
    return turned


__all__ = ["CARRIED", "STANCE", "Sensed", "State", "down", "heading", "level"]
