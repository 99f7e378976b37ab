"""The walker's rewards: one table of named terms, each a plain function with a weight.

A term takes a state of k copies and returns [k]. A reward is the sum of weights times terms times
the duration of an action, so weights do not depend on the control rate. Terms that are penalties
are scaled by the penalty curriculum. The set follows those of the published recipes (Unitree's RL
gym, MuJoCo Playground, mjlab, holosoma); weights for tracking and for the gait are high, because
standing still is a local optimum otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from envs.humanoid.robots import RobotConfig
from envs.humanoid.state import STANCE, Flags, Floats, State

SWING_HEIGHT: Final = 0.09
"""Height of a sole in the middle of its swing (m)."""
SWING_BEND: Final = 0.3
"""Bend of hip and ankle in the middle of a swing; the knee bends twice as much (rad)."""
FEET_APART: Final = 0.12
"""Lateral distance of the feet below which they get in each other's way (m)."""

ASKED: Final = 1.1
"""Rewarded velocity as a share of the command. Within a step the base sways, more so the faster it
goes, and instantaneous rewards punish that: a robot that is rewarded for exactly the command ends
up a tenth below it, in all axes."""

SIDEWAYS: Final = 1.5
"""Weight of the sideways error in `error`: a side step costs balance and is given up first."""


@dataclass(frozen=True)
class Term:
    """A line of the table.

    Attributes:
        name: in logs.
        weight: per second.
        value: computes it for k copies.
        penalty: whether the penalty curriculum scales it.
    """

    name: str
    weight: float
    value: Callable[[State], Floats]
    penalty: bool = False


def track_forward(state: State) -> Floats:
    """exp(-e²/0.2) of the error of the forward velocity (m/s)."""
    return np.asarray(np.exp(-((state.velocity[:, 0] - ASKED * state.command[:, 0]) ** 2) / 0.2))


def track_sideways(state: State) -> Floats:
    """exp(-e²/0.1) of the error of the sideways velocity (m/s)."""
    return np.asarray(np.exp(-((state.velocity[:, 1] - ASKED * state.command[:, 1]) ** 2) / 0.1))


def track_turning(state: State) -> Floats:
    """exp(-e²/0.15) of the error of the yaw rate (rad/s)."""
    return np.asarray(np.exp(-((state.gyro[:, 2] - ASKED * state.command[:, 2]) ** 2) / 0.15))


def error(state: State) -> Floats:
    """|ex| + 1.5 |ey| + |e yaw| / 2 of mean errors, at most 1.75: pulls where the kernels are flat.

    On instantaneous errors, which sway by more than the mean error, it would hardly pull at all.
    """
    off = state.astray - (ASKED - 1.0) * state.command
    return _miss(off[:, :2], off[:, 2])


def error_on_the_spot(state: State) -> Floats:
    """The `error` of a robot that does not move."""
    return _miss(ASKED * state.command[:, :2], ASKED * state.command[:, 2])


def alive(state: State) -> Floats:
    """One."""
    return np.ones(len(state.rows))


def fallen(state: State) -> Floats:
    """One where the robot has fallen, which ends its episode."""
    return state.fallen.astype(float)


def gait(state: State) -> Floats:
    """One where the contacts of both feet match the clock.

    Counted per foot, standing would earn more than half of it.
    """
    expected = (state.foot_phase < STANCE) | ~state.striding[:, None]
    return np.asarray((state.contact == expected).all(axis=1).astype(float))


def swing_height(state: State) -> Floats:
    """Squared error of the swinging feet's heights from a half sine (dm²)."""
    progress = (state.foot_phase - STANCE) / (1.0 - STANCE)
    swinging = (progress > 0.0) & state.striding[:, None]
    wanted = SWING_HEIGHT * np.sin(np.pi * np.clip(progress, 0.0, 1.0))
    miss = (state.foot_height - wanted) * 10.0
    return np.asarray((np.minimum(miss**2, 4.0) * swinging).sum(axis=1))


def stepping(state: State) -> Floats:
    """exp(-e²/0.25) of the knees' error from stepping in time with the clock (rad).

    A swinging leg bends along a half sine. After the reference motion of humanoid-gym (Gu et al.
    2024): without it, standing is found long before stepping. Hips and ankles are free to stride.
    """
    bend = stepping_bend(state.robot, state.foot_phase, state.striding)
    wanted = np.array(state.robot.default_pose) + bend
    knees = np.array(["knee" in joint.lower() for joint in state.robot.joints])
    miss = (state.joint_position - wanted) ** 2 * knees
    return np.asarray(np.exp(-miss.sum(axis=1) / 0.25))


def stepping_bend(robot: RobotConfig, foot_phase: Floats, moving: Flags) -> Floats:
    """Joint offsets from the default pose when stepping on the spot (rad), [k, m].

    Args:
        robot: the robot.
        foot_phase: of each foot, as `State.foot_phase` [k, 2].
        moving: false where it stands [k].
    """
    progress = np.clip((foot_phase - STANCE) / (1.0 - STANCE), 0.0, 1.0)
    lift = np.sin(np.pi * progress) * moving[:, None]
    left, right = _swing_bend(robot.joints)
    return np.asarray(lift[:, :1] * left + lift[:, 1:] * right)


def slip(state: State) -> Floats:
    """Squared horizontal speed of feet on the ground (m²/s²)."""
    speed = (state.foot_velocity[:, :, :2] ** 2).sum(axis=2)
    return np.asarray((np.minimum(speed, 4.0) * state.contact).sum(axis=1))


def orientation(state: State) -> Floats:
    """Squared sine of the base's tilt."""
    return np.asarray((state.gravity[:, :2] ** 2).sum(axis=1))


def height(state: State) -> Floats:
    """Squared error of the base's height (dm²)."""
    return np.asarray(np.minimum(((state.height - state.robot.base_height) * 10.0) ** 2, 4.0))


def bouncing(state: State) -> Floats:
    """Squared vertical velocity of the base (m²/s²)."""
    return np.asarray(np.minimum(state.velocity[:, 2] ** 2, 4.0))


def rocking(state: State) -> Floats:
    """Squared roll and pitch rates of the base (rad²/s²)."""
    return np.asarray(np.minimum((state.gyro[:, :2] ** 2).sum(axis=1), 25.0))


def action_rate(state: State) -> Floats:
    """Squared change of the action."""
    return np.asarray(np.minimum(((state.action - state.action_before) ** 2).sum(axis=1), 100.0))


def action_jerk(state: State) -> Floats:
    """Squared second difference of the action."""
    second = state.action - 2.0 * state.action_before + state.action_earlier
    return np.asarray(np.minimum((second**2).sum(axis=1), 400.0))


def torque(state: State) -> Floats:
    """Squared torques, as shares of the efforts."""
    return np.asarray(((state.torque / np.array(state.robot.effort)) ** 2).sum(axis=1))


def power(state: State) -> Floats:
    """Mechanical power (kW)."""
    return np.asarray(np.minimum(state.power / 1000.0, 5.0))


def joint_acceleration(state: State) -> Floats:
    """Squared joint accelerations ((1000 rad/s²)²)."""
    return np.asarray(np.minimum(((state.joint_acceleration / 1000.0) ** 2).sum(axis=1), 100.0))


def joint_limits(state: State) -> Floats:
    """How far joints are into the outer twentieths of their ranges, or beyond (rad)."""
    low, high = np.array(state.robot.limits).T
    margin = 0.05 * (high - low)
    below = np.maximum(low + margin - state.joint_position, 0.0)
    above = np.maximum(state.joint_position - high + margin, 0.0)
    return np.asarray((below + above).sum(axis=1))


def pose(state: State) -> Floats:
    """Squared distance from the default pose of joints that walking does not need (rad²)."""
    default = np.array(state.robot.default_pose)
    # Not a matrix product: its last bit would depend on the number of copies.
    squares = (state.joint_position - default) ** 2 * _reluctance(state.robot.joints)
    return np.asarray(squares.sum(axis=1))


def stand_still(state: State) -> Floats:
    """Distance of the joints from the default pose when told to stand and able to (rad)."""
    away = np.abs(state.joint_position - np.array(state.robot.default_pose)).sum(axis=1)
    return np.asarray(away * ~state.striding)


def feet_apart(state: State) -> Floats:
    """How much closer laterally the feet are than `FEET_APART` (m)."""
    distance = state.foot_position[:, 0, 1] - state.foot_position[:, 1, 1]
    return np.asarray(np.maximum(FEET_APART - distance, 0.0))


def hard_landing(state: State) -> Floats:
    """Force on the feet above 1.5 times 350 N, as a share of 350 N."""
    return np.asarray(np.minimum(np.maximum(state.foot_force / 350.0 - 1.5, 0.0).sum(axis=1), 4.0))


def _miss(velocity: Floats, turning: Floats) -> Floats:
    """See `error`; takes errors of velocities [k, 2] and yaw rates [k]."""
    ahead, aside = np.abs(velocity).T
    return np.asarray(np.minimum(ahead + SIDEWAYS * aside + 0.5 * np.abs(turning), 1.75))


@cache
def _swing_bend(joints: tuple[str, ...]) -> Floats:
    """Bend of the joints in the middle of a swing (rad), [2, m]: of the left leg, of the right."""
    shares = {"hip_pitch": -1.0, "knee": 2.0, "ankle_pitch": -1.0}
    bend = np.zeros((2, len(joints)))
    for index, joint in enumerate(name.lower() for name in joints):
        side = 1 if joint.startswith("right") else 0
        bend[side, index] = SWING_BEND * sum(v for part, v in shares.items() if part in joint)
    return bend


@cache
def _reluctance(joints: tuple[str, ...]) -> Floats:
    """Weight of each joint in `pose`: legs pitch freely, arms may swing."""
    weights = []
    for name in (joint.lower() for joint in joints):
        if "hip_roll" in name or "hip_yaw" in name or "waist" in name:
            weights.append(1.0)
        elif "shoulder_roll" in name or "shoulder_yaw" in name or "wrist" in name:
            weights.append(0.5)
        else:
            weights.append(0.1 if "shoulder_pitch" in name or "elbow" in name else 0.0)
    return np.array(weights)


TERMS: Final = (
    Term("track forward", 3.0, track_forward),
    Term("track sideways", 3.0, track_sideways),
    Term("track turning", 2.0, track_turning),
    Term("error", -4.0, error),
    Term("alive", 0.3, alive),
    Term("fallen", -100.0, fallen),
    Term("gait", 3.5, gait),
    Term("stepping", 2.0, stepping),
    Term("swing height", -1.0, swing_height),
    Term("slip", -0.2, slip),
    Term("orientation", -2.0, orientation),
    Term("height", -0.3, height),
    Term("bouncing", -0.5, bouncing, penalty=True),
    Term("rocking", -0.05, rocking, penalty=True),
    Term("action rate", -0.03, action_rate, penalty=True),
    Term("action jerk", -0.01, action_jerk, penalty=True),
    Term("torque", -0.1, torque, penalty=True),
    Term("power", -0.2, power, penalty=True),
    Term("joint acceleration", -0.1, joint_acceleration, penalty=True),
    Term("joint limits", -5.0, joint_limits),
    Term("pose", -0.7, pose),
    Term("stand still", -0.2, stand_still, penalty=True),
    Term("feet apart", -10.0, feet_apart),
    Term("hard landing", -0.2, hard_landing, penalty=True),
)
"""Every term, in the order of the sums in `info`."""


def names() -> tuple[str, ...]:
    """Names of the terms, in order."""
    return tuple(term.name for term in TERMS)


def terms_of(state: State, penalties: float, duration: float) -> Floats:
    """Every term times its weight and the duration of an action, [k, terms].

    Args:
        state: of k copies.
        penalties: factor of the penalty curriculum.
        duration: of an action (s).
    """
    values = np.stack([term.value(state) for term in TERMS], axis=1)
    factors = [term.weight * (penalties if term.penalty else 1.0) for term in TERMS]
    return np.asarray(values * (np.array(factors) * duration))


__all__ = [
    "ASKED",
    "FEET_APART",
    "SWING_BEND",
    "SWING_HEIGHT",
    "TERMS",
    "Term",
    "error",
    "error_on_the_spot",
    "names",
    "stepping_bend",
    "terms_of",
]
