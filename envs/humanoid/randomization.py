"""Domain randomisation of the walker: one table of named terms, redrawn for every episode.

A term is a plain function that draws, changes model fields or parameters of the copies that begin
an episode, and returns what it drew, one row per copy. Draws depend only on seed, copy, episode and
term. A curriculum factor per copy leads from the nominal robot (0) to the full ranges (1). The
ranges lie within those of the published recipes for such robots (MuJoCo Playground, mjlab,
Unitree's RL gym, holosoma); those of link size, time step and delays are ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.humanoid.domain import Distribution, Draw, Fields, Nominal, Parameters, Parts, Term
from envs.humanoid.robots import RobotConfig
from envs.humanoid.streams import Streams
from envs.terms import check_terms

Floats = NDArray[np.float64]

_CONSTANTS: Final = {
    *("body_mass", "body_inertia", "body_ipos", "body_iquat", "body_pos", "body_quat"),
    *("dof_armature", "jnt_pos", "jnt_axis", "qpos0"),
}
"""Fields from which MuJoCo derives others, which are then recomputed."""

_PAYLOAD_RADIUS: Final = 0.1
"""Radius of the ball whose inertia a payload has (m)."""


def friction(draw: Draw) -> Floats:
    """Sliding friction between soles and ground."""
    drawn = draw.values(1)
    draw.fields["geom_friction"][:, draw.parts.soles, 0] = drawn
    draw.parameters.friction[draw.rows] = drawn[:, 0]
    return drawn


def link_mass(draw: Draw) -> Floats:
    """Mass of each link, and its inertia in proportion."""
    bodies = draw.parts.bodies
    drawn = draw.values(len(bodies))
    draw.fields["body_mass"][:, bodies] *= drawn
    draw.fields["body_inertia"][:, bodies] *= drawn[:, :, None]
    return drawn


def link_size(draw: Draw) -> Floats:
    """Lengths of all links together; masses stay, inertias grow with the square."""
    drawn, bodies = draw.values(1), draw.parts.bodies
    draw.fields["body_pos"][:, draw.parts.links] *= drawn[:, :, None]
    draw.fields["body_ipos"][:, bodies] *= drawn[:, :, None]
    draw.fields["body_inertia"][:, bodies] *= drawn[:, :, None] ** 2
    draw.parameters.size[draw.rows] = drawn[:, 0]
    return drawn


def payload(draw: Draw) -> Floats:
    """Mass of a ball on the torso."""
    drawn = draw.values(1)
    draw.fields["body_mass"][:, draw.parts.payload] = drawn[:, 0]
    draw.fields["body_inertia"][:, draw.parts.payload] = 0.4 * _PAYLOAD_RADIUS**2 * drawn
    draw.parameters.payload[draw.rows] = drawn[:, 0]
    return drawn


def payload_place(draw: Draw) -> Floats:
    """Offset of the payload on the torso, along each axis."""
    drawn = draw.values(3)
    draw.fields["body_pos"][:, draw.parts.payload] += drawn
    draw.parameters.payload_place[draw.rows] = drawn
    return drawn


def centre_of_mass(draw: Draw) -> Floats:
    """Shift of the torso's centre of mass, along each axis."""
    drawn = draw.values(3)
    draw.fields["body_ipos"][:, draw.parts.torso] += drawn
    draw.parameters.centre[draw.rows] = drawn
    return drawn


def motor_strength(draw: Draw) -> Floats:
    """Factor on each motor's torque and torque limit."""
    drawn = draw.values(len(draw.parts.dofs))
    draw.fields["actuator_gainprm"][:, :, 0] *= drawn
    draw.fields["actuator_biasprm"][:, :, 1:3] *= drawn[:, :, None]
    draw.fields["actuator_forcerange"][:] *= drawn[:, :, None]
    draw.parameters.strength[draw.rows] = drawn
    return drawn


def gains(draw: Draw) -> Floats:
    """Factors on stiffness, then damping, of each joint's PD loop."""
    joints = len(draw.parts.dofs)
    drawn = draw.values(2 * joints)
    draw.fields["actuator_gainprm"][:, :, 0] *= drawn[:, :joints]
    draw.fields["actuator_biasprm"][:, :, 1] *= drawn[:, :joints]
    draw.fields["actuator_biasprm"][:, :, 2] *= drawn[:, joints:]
    return drawn


def armature(draw: Draw) -> Floats:
    """Rotor inertia of each motor."""
    drawn = draw.values(len(draw.parts.dofs))
    draw.fields["dof_armature"][:, draw.parts.dofs] *= drawn
    return drawn


def joint_friction(draw: Draw) -> Floats:
    """Dry friction of each joint."""
    drawn = draw.values(len(draw.parts.dofs))
    draw.fields["dof_frictionloss"][:, draw.parts.dofs] *= drawn
    return drawn


def joint_offset(draw: Draw) -> Floats:
    """Measured minus true angle of each joint; targets are off by as much."""
    drawn = draw.values(len(draw.parts.dofs))
    draw.parameters.joint_offset[draw.rows] = drawn
    return drawn


def action_delay(draw: Draw) -> Floats:
    """Time until a new target reaches the motors, rounded to physics steps."""
    drawn = draw.values(1)
    draw.parameters.action_delay[draw.rows] = drawn[:, 0]
    return drawn


def observation_delay(draw: Draw) -> Floats:
    """Age of what is sensed, rounded to physics steps."""
    drawn = draw.values(1)
    draw.parameters.observation_delay[draw.rows] = drawn[:, 0]
    return drawn


def observation_noise(draw: Draw) -> Floats:
    """Factor on the uniform sensor noise, whose amplitudes are in the table of observations."""
    drawn = draw.values(1)
    draw.parameters.noise[draw.rows] = drawn[:, 0]
    return drawn


def pushes(draw: Draw) -> Floats:
    """Change of the base's horizontal velocity, any direction, every 5 to 10 s."""
    drawn = draw.values(1)
    draw.parameters.push_speed[draw.rows] = drawn[:, 0]
    return drawn


def terrain(draw: Draw) -> Floats:
    """How steep, high or rough the ground is, where it is not flat."""
    drawn = draw.values(1)
    draw.parameters.terrain_level[draw.rows] = drawn[:, 0]
    return drawn


def time_step(draw: Draw) -> Floats:
    """Physics time step; an action lasts longer or shorter in proportion."""
    drawn = draw.values(1)
    draw.parameters.time_step[draw.rows] *= drawn[:, 0]
    return drawn


def start(draw: Draw) -> Floats:
    """Joint offsets (rad), then the base's velocity (m/s and rad/s, three times the draw)."""
    joints = len(draw.parts.dofs)
    drawn = draw.values(joints + 6)
    draw.parameters.start_pose[draw.rows] = drawn[:, :joints]
    draw.parameters.start_velocity[draw.rows] = 3.0 * drawn[:, joints:]
    return drawn


_UNIFORM: Final = "uniform"
_TERMS: Final = (
    Term("friction", "soles on ground", Distribution(_UNIFORM, 0.3, 1.25, 0.6), friction),
    Term("link mass", "each link", Distribution(_UNIFORM, 0.9, 1.1, 1.0), link_mass),
    Term("link size", "all lengths", Distribution(_UNIFORM, 0.97, 1.03, 1.0), link_size),
    Term("payload", "on the torso", Distribution(_UNIFORM, 0.0, 5.0, 0.0, "kg"), payload),
    Term(
        "payload place",
        "each axis, torso frame",
        Distribution(_UNIFORM, -0.1, 0.1, 0.0, "m"),
        payload_place,
    ),
    Term(
        "centre of mass",
        "torso, each axis",
        Distribution(_UNIFORM, -0.04, 0.04, 0.0, "m"),
        centre_of_mass,
    ),
    Term("motor strength", "each motor", Distribution(_UNIFORM, 0.9, 1.1, 1.0), motor_strength),
    Term("gains", "kp, kd of each joint", Distribution(_UNIFORM, 0.9, 1.1, 1.0), gains),
    Term("armature", "each motor", Distribution(_UNIFORM, 0.9, 1.1, 1.0), armature),
    Term(
        "joint friction", "each joint", Distribution("log-uniform", 0.5, 2.0, 1.0), joint_friction
    ),
    Term(
        "joint offset",
        "each encoder",
        Distribution(_UNIFORM, -0.03, 0.03, 0.0, "rad"),
        joint_offset,
    ),
    Term("action delay", "targets", Distribution(_UNIFORM, 0.0, 0.02, 0.0, "s"), action_delay),
    Term(
        "observation delay",
        "all that is sensed",
        Distribution(_UNIFORM, 0.0, 0.015, 0.0, "s"),
        observation_delay,
    ),
    Term(
        "observation noise",
        "of the table's amplitudes",
        Distribution(_UNIFORM, 0.0, 1.0, 0.0),
        observation_noise,
    ),
    Term(
        "pushes",
        "base velocity, every 5 to 10 s",
        Distribution(_UNIFORM, 0.1, 1.2, 0.0, "m/s"),
        pushes,
    ),
    Term("terrain", "level of uneven ground", Distribution(_UNIFORM, 0.0, 1.0, 0.0), terrain),
    Term("time step", "physics", Distribution(_UNIFORM, 0.95, 1.05, 1.0), time_step),
    Term("start", "joints, base velocity", Distribution(_UNIFORM, -0.1, 0.1, 0.0, "rad"), start),
)

TERMS: Final[Mapping[str, Term]] = MappingProxyType({term.name: term for term in _TERMS})
"""Every term by its name."""

SLIPPERY: Final = replace(
    TERMS["friction"], distribution=Distribution("log-uniform", 0.2, 1.25, 0.6)
)
"""Friction as drawn in training: with uniform draws from the table's range a walker learns little
about its slippery end, and falls there (after 13% of 1 m/s pushes below 0.4, and 0.4% above 0.6;
with this, 6% and 1%)."""

ROUGH: Final = replace(
    TERMS["pushes"],
    what="base velocity, every 2 to 6 s, in the end 5 to 10 s",
    distribution=Distribution(_UNIFORM, 0.2, 1.5, 0.0, "m/s"),
)
"""Pushes as drawn in training: two in five of 1 m/s and more, against one in six of the table."""

TRAINING: Final[Mapping[str, Term]] = MappingProxyType(
    dict(TERMS) | {"friction": SLIPPERY, "pushes": ROUGH}
)
"""The terms as drawn in training; measurements use the table."""


def fixed_terms(
    names: Iterable[str], **values: float | None
) -> tuple[tuple[str, ...], dict[str, Term]]:
    """Randomisation in which some terms always draw the same.

    Args:
        names: Enabled terms.
        values: Fixed value by name of a term; None leaves it as it is.

    Returns:
        Names and table for `WalkBatch`, in either simulator.
    """
    terms = dict(TERMS)
    chosen = list(names)
    for name, value in values.items():
        if value is None:
            continue
        distribution = replace(terms[name].distribution, low=value, high=value)
        terms[name] = replace(terms[name], distribution=distribution)
        if name not in chosen:
            chosen.append(name)
    return tuple(chosen), terms


class Randomizer:
    """Randomises the copies of a batch that begin an episode.

    Args:
        robot: the copies' robot.
        models: of each copy, as compiled.
        streams: random streams.
        names: of the terms to draw; others stay nominal.
        terms: terms by name: the table, or a modified one (other ranges).

    Attributes:
        names: in the table's order.
        parameters: of all copies.
        draws: last draw of each term for each copy, [n, any]; NaN before the first.

    Raises:
        ValueError: there is no such term.
    """

    def __init__(
        self,
        robot: RobotConfig,
        models: Sequence[Any],
        streams: Streams,
        names: Iterable[str] = (),
        terms: Mapping[str, Term] = TERMS,
        terrain_level: float = 1.0,
    ) -> None:
        self.names = check_terms(names, terms)
        self._terms = [terms[name] for name in self.names]
        self._models, self.streams = models, streams
        self._parts = Parts.of(models[0], robot)
        self._nominal = Nominal(models[0])
        self._step = float(models[0].opt.timestep)
        # Views are cached: looking up a model's field by name takes microseconds.
        self._views: list[dict[str, NDArray[Any]]] = [{} for _ in models]
        self._scratch = mujoco.MjData(models[0])
        self.parameters = Parameters.nominal(
            len(models),
            len(robot.joints),
            float(self._nominal["geom_friction"][self._parts.soles[0], 0]),
            self._step,
            terrain_level,
        )
        self.draws: dict[str, Floats] = {}

    def draw(self, rows: NDArray[np.int64], episode: NDArray[np.int64], factor: Floats) -> None:
        """Draw new physics for some copies.

        Args:
            rows: indices of k copies.
            episode: number of the episode that each begins, [k].
            factor: 0 (nominal) to 1 (the full ranges), [k].
        """
        fields = Fields(self._nominal, len(rows))
        self.parameters.time_step[rows] = self._step
        for term in self._terms:

            def values(width: int, term: Term = term) -> Floats:
                share = self.streams.uniform(term.name, episode, width, rows)
                return term.distribution.values(share, factor[:, None])

            drawn = term.apply(Draw(values, fields, self.parameters, rows, self._parts))
            if term.name not in self.draws:
                self.draws[term.name] = np.full((len(self._models), drawn.shape[1]), np.nan)
            self.draws[term.name][rows] = drawn
        self._write(rows, fields.read)

    def _write(self, rows: NDArray[np.int64], fields: dict[str, NDArray[Any]]) -> None:
        derived = not _CONSTANTS.isdisjoint(fields)
        for index, copy in enumerate(rows):
            model, views = self._models[copy], self._views[copy]
            for name, values in fields.items():
                if name not in views:
                    views[name] = getattr(model, name)
                views[name][:] = values[index]
            if "time step" in self.names:
                model.opt.timestep = self.parameters.time_step[copy]
            if derived:
                mujoco.mj_setConst(model, self._scratch)


__all__ = [
    "TERMS",
    "TRAINING",
    "Distribution",
    "Draw",
    "Fields",
    "Parameters",
    "Parts",
    "Randomizer",
    "Term",
    "fixed_terms",
]
