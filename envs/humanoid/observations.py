"""The walker's observations: ordered terms with units and scales, as one versioned contract.

"policy" is what a robot senses; "privileged" is what only a simulator knows. An observation is the
concatenation of the terms' values times their scales. Each term also defines its mirror image, so
that symmetry can be trained.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.robots import RobotConfig
from envs.humanoid.state import Floats, State

VERSION: Final = 2
"""Version of the contract below; it changes with the terms, their order or their scales."""

POLICY: Final = "policy"
PRIVILEGED: Final = "privileged"

GROUND_X: Final = (-0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8)
GROUND_Y: Final = (-0.3, 0.0, 0.3)
GROUND: Final = np.array([(x, y) for x in GROUND_X for y in GROUND_Y])
"""Points where the teacher knows the ground's height (level frame of the base, m), [21, 2]."""

STANDING_CLOCK: Final = 0.2
"""Amplitude of the clock while told to stand: a pushed robot then has a phase to step in."""

_LIMIT: Final = 100.0
"""Scaled values are clipped to ± this; only a falling robot gets there."""


@dataclass(frozen=True)
class Term:
    """A part of an observation.

    Attributes:
        name: in the contract.
        unit: before scaling.
        scale: factor on each of its values, or on all.
        noise: amplitude of the sensor noise, before scaling; randomisation multiplies it.
        read: reads it from a state, [k, size].
        mirror: signs of its mirror image; or its kind: "joints" (a signed value per joint),
            "factors" (an unsigned one), "twins" (left foot, right foot) or "ground".
    """

    name: str
    unit: str
    scale: float | tuple[float, ...]
    noise: float
    read: Callable[[State], Floats]
    mirror: tuple[float, ...] | str


def gyro(state: State) -> Floats:
    """Angular velocity in the base frame."""
    return state.sensed.gyro


def gravity(state: State) -> Floats:
    """Direction of gravity in the base frame."""
    return state.sensed.gravity


def command(state: State) -> Floats:
    """Forward and sideways velocity and yaw rate."""
    return state.command


def joint_position(state: State) -> Floats:
    """Joint angles relative to the default pose."""
    return np.asarray(state.sensed.joint_position - np.array(state.robot.default_pose))


def joint_velocity(state: State) -> Floats:
    """Joint velocities."""
    return state.sensed.joint_velocity


def last_action(state: State) -> Floats:
    """The action before this observation."""
    return state.action


def clock(state: State) -> Floats:
    """Sine and cosine of the gait phase, times `STANDING_CLOCK` when the command is to stand."""
    angle = 2.0 * np.pi * state.phase
    size = np.where(state.moving, 1.0, STANDING_CLOCK)
    return np.asarray(np.stack((np.sin(angle), np.cos(angle)), axis=1) * size[:, None])


def velocity(state: State) -> Floats:
    """True velocity of the base, level frame."""
    return state.velocity


def astray(state: State) -> Floats:
    """Exponential mean of the velocity error."""
    return state.astray


def height(state: State) -> Floats:
    """Base height above the ground under the feet, relative to the default pose."""
    return (state.height - state.robot.base_height)[:, None]


def contact(state: State) -> Floats:
    """Whether each foot is on the ground."""
    return state.contact.astype(float)


def foot_height(state: State) -> Floats:
    """Height of each sole above the ground."""
    return state.foot_height


def friction(state: State) -> Floats:
    """Friction between soles and ground."""
    return state.parameters.friction[state.rows, None]


def payload(state: State) -> Floats:
    """Mass on the torso."""
    return state.parameters.payload[state.rows, None]


def payload_place(state: State) -> Floats:
    """Position of the payload relative to its nominal place on the torso."""
    return state.parameters.payload_place[state.rows]


def centre_of_mass(state: State) -> Floats:
    """Shift of the torso's centre of mass."""
    return state.parameters.centre[state.rows]


def motor_strength(state: State) -> Floats:
    """Strength factor of each motor, minus one."""
    return state.parameters.strength[state.rows] - 1.0


def joint_offset(state: State) -> Floats:
    """Offset of each encoder."""
    return state.parameters.joint_offset[state.rows]


def delays(state: State) -> Floats:
    """Delays of actions and of observations."""
    parameters, rows = state.parameters, state.rows
    return np.stack((parameters.action_delay[rows], parameters.observation_delay[rows]), axis=1)


def push(state: State) -> Floats:
    """Velocity that a push added to the base in the last action, level frame."""
    return state.push


def ground(state: State) -> Floats:
    """Ground heights at `GROUND`, relative to the ground under the base."""
    return np.clip(state.ground, -0.5, 0.5)


_POLAR: Final = (1.0, -1.0, 1.0)
_AXIAL: Final = (-1.0, 1.0, -1.0)
_SCALAR: Final = (1.0,)
_JOINTS: Final = "joints"
_TWINS: Final = "twins"
_GROUND: Final = "ground"

TERMS: Final[dict[str, tuple[Term, ...]]] = {
    POLICY: (
        Term("gyro", "rad/s", 0.25, 0.2, gyro, _AXIAL),
        Term("gravity", "", 1.0, 0.05, gravity, _POLAR),
        Term("command", "m/s, m/s, rad/s", (2.0, 2.0, 1.0), 0.0, command, (1.0, -1.0, -1.0)),
        Term("joint position", "rad", 1.0, 0.01, joint_position, _JOINTS),
        Term("joint velocity", "rad/s", 0.05, 0.75, joint_velocity, _JOINTS),
        Term("last action", "", 1.0, 0.0, last_action, _JOINTS),
        Term("clock", "", 1.0, 0.0, clock, (-1.0, -1.0)),
    ),
    PRIVILEGED: (
        Term("velocity", "m/s", 2.0, 0.0, velocity, _POLAR),
        Term("astray", "m/s, m/s, rad/s", 2.0, 0.0, astray, (1.0, -1.0, -1.0)),
        Term("height", "m", 5.0, 0.0, height, _SCALAR),
        Term("contact", "", 1.0, 0.0, contact, _TWINS),
        Term("foot height", "m", 5.0, 0.0, foot_height, _TWINS),
        Term("friction", "", 1.0, 0.0, friction, _SCALAR),
        Term("payload", "kg", 0.2, 0.0, payload, _SCALAR),
        Term("payload place", "m", 10.0, 0.0, payload_place, _POLAR),
        Term("centre of mass", "m", 20.0, 0.0, centre_of_mass, _POLAR),
        Term("motor strength", "", 10.0, 0.0, motor_strength, "factors"),
        Term("joint offset", "rad", 20.0, 0.0, joint_offset, _JOINTS),
        Term("delays", "s", 50.0, 0.0, delays, (1.0, 1.0)),
        Term("push", "m/s", 1.0, 0.0, push, (1.0, -1.0)),
        Term("ground", "m", 5.0, 0.0, ground, _GROUND),
    ),
}
"""Both observations: their terms in order."""


def observe(state: State) -> dict[str, NDArray[np.float32]]:
    """Both observations of a state, [k, p] and [k, q]."""
    observation = {}
    for name, terms in TERMS.items():
        parts = [term.read(state) * np.asarray(term.scale) for term in terms]
        values = np.clip(np.concatenate(parts, axis=1), -_LIMIT, _LIMIT)
        observation[name] = values.astype(np.float32)
    return observation


def sizes(robot: RobotConfig, name: str = POLICY) -> dict[str, int]:
    """How many numbers each term of an observation has."""
    return {term.name: len(_mirror(term, robot)[0]) for term in TERMS[name]}


def size(robot: RobotConfig, name: str = POLICY) -> int:
    """How many numbers an observation has."""
    return sum(sizes(robot, name).values())


def noise(robot: RobotConfig) -> Floats:
    """Amplitudes of the noise on gyro, gravity, joint positions, joint velocities [6 + 2 m]."""
    sensed = ("gyro", "gravity", "joint position", "joint velocity")
    amplitudes = {term.name: term.noise for term in TERMS[POLICY]}
    counts = sizes(robot)
    return np.concatenate([np.full(counts[name], amplitudes[name]) for name in sensed])


def mirror(robot: RobotConfig, name: str = POLICY) -> tuple[NDArray[np.int64], Floats]:
    """Order and signs: the mirror image of an observation is `observation[:, order] * signs`."""
    order: list[int] = []
    signs: list[float] = []
    for term in TERMS[name]:
        places, factors = _mirror(term, robot)
        order += [len(signs) + place for place in places]
        signs += factors
    return np.array(order), np.array(signs)


def contract(robot: RobotConfig) -> dict[str, Any]:
    """What a policy's user must know about its observation, as plain values."""
    counts = sizes(robot)
    terms = [
        {
            "name": term.name,
            "size": counts[term.name],
            "unit": term.unit,
            "scale": list(np.broadcast_to(term.scale, counts[term.name]).astype(float)),
        }
        for term in TERMS[POLICY]
    ]
    return {"version": VERSION, "size": size(robot), "clip": _LIMIT, "terms": terms}


def _mirror(term: Term, robot: RobotConfig) -> tuple[list[int], list[float]]:
    """Order and signs of one term's mirror image."""
    if not isinstance(term.mirror, str):
        return list(range(len(term.mirror))), list(term.mirror)
    if term.mirror == _TWINS:
        return [1, 0], [1.0, 1.0]
    if term.mirror == _GROUND:
        across = len(GROUND_Y)
        order = [
            along * across + (across - 1 - side)
            for along in range(len(GROUND_X))
            for side in range(across)
        ]
        return order, [1.0] * len(order)
    if term.mirror == _JOINTS:
        return list(robot.mirror_joints), list(robot.mirror_signs)
    return list(robot.mirror_joints), [1.0] * len(robot.joints)


__all__ = [
    "GROUND",
    "GROUND_X",
    "GROUND_Y",
    "POLICY",
    "PRIVILEGED",
    "STANDING_CLOCK",
    "TERMS",
    "VERSION",
    "Term",
    "contract",
    "mirror",
    "noise",
    "observe",
    "size",
    "sizes",
]
