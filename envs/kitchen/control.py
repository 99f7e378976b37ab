"""From the 11-number action to servo targets: a leashed gripper target, inverse kinematics, a base.

An action lasts one step of the environment (`control_hz` a second); servo targets are updated
`SERVO_HZ` times a second. In arm mode a target pose of the gripper, kept in the base frame, moves
by the action's deltas, and mink's differential inverse kinematics follows it on a model of the arm
alone. In base mode the base's target moves with limited speed and acceleration; the arm holds.
"""

from typing import Final

import mink
import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.kitchen import robot

SERVO_HZ: Final[int] = 50
ACTION_SIZE: Final[int] = 11
ACTION_NAMES: Final[tuple[str, ...]] = (
    "gripper_dx", "gripper_dy", "gripper_dz", "gripper_droll", "gripper_dpitch", "gripper_dyaw",
    "opening", "base_dx", "base_dy", "base_dyaw", "mode",
)  # fmt: skip
ARM, BASE, TERMINATE = 0, 1, 2
"""Values of the action's last number."""

GRIPPER_SPEED: Final[float] = 0.6
"""Limit of the gripper target along each axis (m/s)."""
GRIPPER_TURN: Final[float] = 2.5
"""Limit of the gripper target's turn about each axis (rad/s)."""
BASE_SPEED: Final[float] = 1.0
BASE_TURN: Final[float] = 1.4
BASE_ACCELERATION: Final[float] = 2.0
"""Acceleration limit of the base target (m/s²), also for braking."""
BASE_TURN_ACCELERATION: Final[float] = 6.0

LEASH: Final[float] = 0.06
"""The gripper target stays this close to the gripper (m), so a blocked arm does not wind up."""
LEASH_ANGLE: Final[float] = 0.4
BASE_LEASH: Final[float] = 0.03
BASE_LEASH_ANGLE: Final[float] = 0.06

_SHUT: Final[float] = -0.01
"""Servo target of a closed gripper (m): below zero, so that thin objects are squeezed too."""

Vector = NDArray[np.float64]


def action_bounds(control_hz: int) -> tuple[Vector, Vector]:
    """Lowest and highest action, each shape (11,), at a rate of `control_hz` actions a second."""
    speeds = (GRIPPER_SPEED,) * 3 + (GRIPPER_TURN,) * 3
    base = (BASE_SPEED, BASE_SPEED, BASE_TURN)
    high = np.array([*(s / control_hz for s in speeds), 1.0, *(s / control_hz for s in base), 2.0])
    low = -high
    low[[6, 10]] = 0.0
    return low, high


def check_action(action: object, env_id: str) -> Vector:
    """Return an action as a vector, if it is valid.

    Raises:
        ValueError: the shape is not (11,) or a number is not finite.
    """
    try:
        vector = np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f'action is {action!r}, the env "{env_id}" takes an array of shape ({ACTION_SIZE},)'
        ) from None
    if vector.shape != (ACTION_SIZE,):
        raise ValueError(
            f'action has shape {vector.shape}, the env "{env_id}" takes ({ACTION_SIZE},)'
        )
    if not np.isfinite(vector).all():
        names = [n for n, v in zip(ACTION_NAMES, vector, strict=True) if not np.isfinite(v)]
        raise ValueError(f'action is not finite in {", ".join(names)}, the env "{env_id}" needs it')
    return vector


class ArmIK:
    """Differential inverse kinematics of the arm in the base frame, within joint limits."""

    def __init__(self) -> None:
        model = robot.arm_model()
        self._configuration = mink.Configuration(model)
        self._gripper = mink.FrameTask(
            robot.GRIPPER_SITE, "site", position_cost=1.0, orientation_cost=0.4, lm_damping=1e-4
        )
        posture = mink.PostureTask(model, cost=6e-3)
        posture.set_target(np.array(robot.HOME_ARM))
        self._tasks = [self._gripper, posture]
        speeds = dict(zip(robot.ARM_JOINTS, robot.VELOCITY_LIMITS, strict=True))
        self._limits = [
            mink.ConfigurationLimit(model, min_distance_from_limits=0.02),
            mink.VelocityLimit(model, speeds),
        ]

    @property
    def joints(self) -> Vector:
        """Commanded joint angles, shape (7,), rad."""
        return self._configuration.q

    def reset(self, joints: Vector) -> None:
        """Start from these joint angles, shape (7,), rad."""
        self._configuration.update(np.asarray(joints, dtype=np.float64))

    def pose(self) -> mink.SE3:
        """Pose of the gripper at the commanded joints, base frame."""
        return self._configuration.get_transform_frame_to_world(robot.GRIPPER_SITE, "site")

    def step(self, target: mink.SE3, dt: float) -> Vector:
        """Move the commanded joints towards a gripper pose (base frame) for `dt` seconds.

        Returns:
            Joint velocities, shape (7,), rad/s.
        """
        self._gripper.set_target(target)
        try:
            velocity = mink.solve_ik(
                self._configuration, self._tasks, dt, solver="daqp", limits=self._limits
            )
        except mink.NoSolutionFound:
            velocity = np.zeros(len(robot.ARM_JOINTS))
        self._configuration.integrate_inplace(velocity, dt)
        return velocity


class Controller:
    """Turns actions into `MjData.ctrl`.

    Call `reset` after setting the state, `command` once per action, then `tick` before each
    1 / `SERVO_HZ` seconds of physics, each step of which uses its row of `ramp`.

    Attributes:
        ramp: servo targets of the coming physics steps, shape (steps, nu): a line from the last
            targets to the new ones, so that the servos do not jerk a held object.
    """

    def __init__(self, model: mujoco.MjModel, control_hz: int) -> None:
        self._ticks = SERVO_HZ // control_hz
        steps = round(1.0 / SERVO_HZ / model.opt.timestep)
        self._fractions = np.arange(1, steps + 1)[:, None] / steps
        self.ramp = np.zeros((steps, model.nu))
        self._target = np.zeros(model.nu)
        self._dt = 1.0 / SERVO_HZ
        self._arm_qpos = _addresses(model, robot.ARM_JOINTS)
        self._base_qpos = _addresses(model, robot.BASE_JOINTS)
        self._arm_ctrl = _actuators(model, robot.ARM_JOINTS)
        self._base_ctrl = _actuators(model, robot.BASE_JOINTS)
        self._grip_ctrl = int(_actuators(model, (robot.GRIPPER_ACTUATOR,))[0])
        self._site = model.site(robot.GRIPPER_SITE).id
        self._base_body = model.body(robot.BASE_BODY).id
        # Servo damping holds a moving joint back; this much lead lets it keep up.
        self._arm_lead = np.array(robot.DAMPING) / np.array(robot.STIFFNESS)
        self._base_lead = np.array(robot.BASE_DAMPING) / np.array(robot.BASE_STIFFNESS)
        self._ik = ArmIK()
        self._low, self._high = action_bounds(control_hz)
        self._control_hz = control_hz
        self._position = np.zeros(3)
        self._rotation = mink.SO3.identity()
        self._base = np.zeros(3)
        self._base_velocity = np.zeros(3)
        self._opening = 1.0
        self._mode = ARM
        self._delta = np.zeros(3)
        self._turn = np.zeros(3)
        self._base_wanted = np.zeros(3)

    def reset(self, data: mujoco.MjData, opening: float) -> None:
        """Take the current pose as the target; `opening` is 0 (closed) to 1 (open)."""
        self._ik.reset(data.qpos[self._arm_qpos])
        pose = self._ik.pose()
        self._position, self._rotation = pose.translation().copy(), pose.rotation()
        self._base = data.qpos[self._base_qpos].copy()
        self._base_velocity[:] = 0.0
        self._opening = opening
        self._mode = TERMINATE
        self._aim(np.zeros(len(robot.ARM_JOINTS)))
        data.ctrl[:] = self._target

    def command(self, action: Vector) -> int:
        """Accept a checked action, shape (11,); values out of range are clipped.

        Returns:
            The mode: ARM, BASE or TERMINATE.
        """
        action = np.clip(action, self._low, self._high)
        self._mode = round(float(action[10]))
        self._opening = float(action[6])
        moving = self._mode == ARM
        self._delta = action[0:3] / self._ticks if moving else np.zeros(3)
        self._turn = action[3:6] / self._ticks if moving else np.zeros(3)
        self._base_wanted = action[7:10] * self._control_hz if self._mode == BASE else np.zeros(3)
        speed = float(np.hypot(self._base_wanted[0], self._base_wanted[1]))
        if speed > BASE_SPEED:
            self._base_wanted[:2] *= BASE_SPEED / speed
        return self._mode

    def tick(self, data: mujoco.MjData) -> None:
        """Update the servo targets; needs current kinematics in `data`."""
        velocity = np.zeros(len(robot.ARM_JOINTS))
        if self._mode == ARM:
            self._move_gripper_target(data)
            target = mink.SE3.from_rotation_and_translation(self._rotation, self._position)
            velocity = self._ik.step(target, self._dt)
        self._move_base_target(data)
        before = self._target.copy()
        self._aim(velocity)
        self.ramp = before + self._fractions * (self._target - before)

    def _move_gripper_target(self, data: mujoco.MjData) -> None:
        self._position = self._position + self._delta
        if self._turn.any():
            self._rotation = mink.SO3.exp(self._turn) @ self._rotation
        base = data.xmat[self._base_body].reshape(3, 3)
        actual = base.T @ (data.site_xpos[self._site] - data.xpos[self._base_body])
        away = self._position - actual
        distance = float(np.linalg.norm(away))
        if distance > LEASH:
            self._position = actual + away * (LEASH / distance)
        rotation = mink.SO3.from_matrix(base.T @ data.site_xmat[self._site].reshape(3, 3))
        turned = (self._rotation @ rotation.inverse()).log()
        angle = float(np.linalg.norm(turned))
        if angle > LEASH_ANGLE:
            self._rotation = mink.SO3.exp(turned * (LEASH_ANGLE / angle)) @ rotation

    def _move_base_target(self, data: mujoco.MjData) -> None:
        yaw = self._base[2]
        cosine, sine = np.cos(yaw), np.sin(yaw)
        x, y, turn = self._base_wanted
        change = (
            np.array([cosine * x - sine * y, sine * x + cosine * y, turn]) - self._base_velocity
        )
        jump, limit = float(np.hypot(change[0], change[1])), BASE_ACCELERATION * self._dt
        if jump > limit:
            change[:2] *= limit / jump
        limit = BASE_TURN_ACCELERATION * self._dt
        change[2] = min(max(change[2], -limit), limit)
        self._base_velocity += change
        self._base += self._base_velocity * self._dt
        away = self._base - data.qpos[self._base_qpos]
        distance = float(np.hypot(away[0], away[1]))
        if distance > BASE_LEASH:
            self._base[:2] -= away[:2] * (1.0 - BASE_LEASH / distance)
        if abs(away[2]) > BASE_LEASH_ANGLE:
            self._base[2] -= away[2] - np.copysign(BASE_LEASH_ANGLE, away[2])

    def _aim(self, velocity: Vector) -> None:
        target = self._target
        target[self._arm_ctrl] = self._ik.joints + self._arm_lead * velocity
        target[self._base_ctrl] = self._base + self._base_lead * self._base_velocity
        target[self._grip_ctrl] = _SHUT + self._opening * (robot.MAX_OPENING - _SHUT)


def _addresses(model: mujoco.MjModel, joints: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([model.joint(name).qposadr[0] for name in joints])


def _actuators(model: mujoco.MjModel, names: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([model.actuator(name).id for name in names])
