"""A model-based walker: gait clock, capture points and tilt feedback.

It uses the simulator's true state, and has two ideas. A swing foot lands where the robot would come
to rest, less an offset that sustains the commanded speed: an inverted pendulum's capture point at
touch-down (Kajita et al. 2001; Pratt et al. 2006; offsets after Khadiv et al. 2016), followed in
part, as in Raibert 1986. A stance foot keeps the body upright with the hip, and the capture point
on its course with the little that a soft ankle can do.
Joints are driven by the same motors, through the same actions, as with a learnt policy.

A leg is two angles and a bend: pitched by a with a bend of b, its hip is at a - b, its knee at 2 b.
`robo.walking.reference_search` found the gains in 23 generations, first on the spot, then with
commands; factors on commands were set by hand in between, `centre` and `turning` at the end.

64 copies each on flat ground, only starts random, 10 s, by `python -m
robo.walking.reference_search`:

    command              upright    vx      vy     yaw rate (m/s, rad/s)
    0, 0, 0              100%        0.04   0.00   0.00
    0.2, 0, 0            100%        0.24   0.00   0.00
    0.4, 0, 0             98%        0.36   0.00   0.01
    -0.1, 0, 0           100%       -0.05   0.00   0.00
    0, 0.2, 0            100%        0.05   0.08   0.08
    0, 0, 0.4            100%        0.05   0.10   0.27
    0.3, 0.1, 0.3        100%        0.33   0.07   0.25

Sideways it reaches less than half of the command. Backwards at 0.2 it falls in a third of episodes.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.humanoid.batch import GAIT_HZ
from envs.humanoid.commands import CommandRanges
from envs.humanoid.robots import RobotConfig
from envs.humanoid.state import STANCE, State

Floats = NDArray[np.float64]
Gain = float | Floats
"""One value for all copies, or one each [k, 1]."""

ROBOTS: Final = ("g1-12",)
"""Robots that it can drive. With the same gains a G1 of 29 joints falls within a second."""
COMMANDS: Final = CommandRanges((-0.1, 0.4), (-0.2, 0.2), (-0.4, 0.4), stand=0.0, single=0.6)
"""Commands under which it stays upright, see above. It never stands still."""

_JOINTS: Final = 12
"""Joints of both legs; they come first."""
_SIDES: Final = np.array([1.0, -1.0])
_HIP: Final = 0.119
"""Sideways distance of a sole from the base in the default pose (m)."""
_LEG: Final = 0.65
"""From hip to sole (m)."""
_STEP: Final = 0.5 / GAIT_HZ
"""Duration of a step (s)."""
_GROUNDED: Final = STANCE / GAIT_HZ
"""How long a foot stays on the ground (s)."""


@dataclass(frozen=True)
class ReferenceGains:
    """Angles in rad, lengths in m, feedback in rad per unit of the signal.

    Attributes:
        crouch: bend of a leg.
        lift: bend added at mid-swing.
        frequency: natural frequency of the inverted pendulum (1/s).
        width: lateral distance of the feet.
        centre: centre of mass, ahead of the base.
        place_x: share of the capture point's offset that a landing foot follows, forwards.
        place_y: the same, sideways.
        lean: target pitch of the base.
        give_x: how far a stance foot yields to the motion (1) or follows the clock (0), forwards.
        give_y: the same, sideways.
        pitch: feedback of base pitch to the stance hip.
        pitch_rate: the same of its rate.
        roll: feedback of base roll to the stance hip.
        roll_rate: the same of its rate.
        hang: roll of a stance hip against the weight on its inner side.
        knee: bend of a stance knee against the weight above it.
        hip: pitch of a stance hip.
        ankle_x: feedback of the capture point's error to the stance ankle, forwards.
        ankle_y: the same, sideways.
        toes: pitch of a stance ankle.
        turn_rate: feedback of the yaw rate's error to the stance hip.
        forward: factor on the commanded forward speed.
        sideways: the same, sideways.
        turning: the same of the yaw rate.
        veer: sideways speed added per rad/s of turning.
        skew: turning added per m/s sideways.
    """

    crouch: Gain = 0.209
    lift: Gain = 0.349
    frequency: Gain = 4.12
    width: Gain = 0.248
    centre: Gain = 0.018
    place_x: Gain = 0.834
    place_y: Gain = 0.769
    lean: Gain = 0.0349
    give_x: Gain = 0.591
    give_y: Gain = 0.677
    pitch: Gain = 1.68
    pitch_rate: Gain = 0.272
    roll: Gain = 0.811
    roll_rate: Gain = 0.307
    hang: Gain = 0.333
    knee: Gain = -0.281
    hip: Gain = 0.155
    ankle_x: Gain = 1.57
    ankle_y: Gain = 0.733
    toes: Gain = 0.156
    turn_rate: Gain = 0.0742
    forward: Gain = 2.01
    sideways: Gain = 2.06
    turning: Gain = 0.8
    veer: Gain = -0.495
    skew: Gain = -0.594


class _Clock(NamedTuple):
    """Gait timing of every foot [k, 2].

    Attributes:
        aloft: whether it should be in the air.
        stance: elapsed share of its stance, 0 to 1.
        swing: elapsed share of its swing, 0 to 1.
        moved: share of its swing path that it should have covered.
        load: factor on its feedback: 0 at touch-down and lift-off.
        left: time until touch-down, at most a step (s).
    """

    aloft: NDArray[np.bool_]
    stance: Floats
    swing: Floats
    moved: Floats
    load: Floats
    left: Floats


class _Axis(NamedTuple):
    """Targets of every foot, along one axis of the level frame [k, 2] (m).

    Attributes:
        swing: position relative to the base, if in the air.
        stance: position relative to the base, if on the ground.
        error: deviation of the capture point from its course over this foot.
    """

    swing: Floats
    stance: Floats
    error: Floats


class ReferenceController:
    """Drives copies of a robot, each from its state alone.

    Args:
        robot: One of `ROBOTS`.
        gains: Gains to use.
    """

    def __init__(
        self,
        robot: RobotConfig,
        gains: ReferenceGains = ReferenceGains(),
    ) -> None:
        self._gains = gains
        self._pose, self._scale = np.array(robot.default_pose), np.array(robot.action_scale)

    def act(self, state: State) -> Floats:
        """Actions [k, m] that follow the commands of k copies."""
        g, clock = self._gains, _clock(state.foot_phase)
        vx, vy, turning = (state.command[:, axis, None] for axis in range(3))
        forward = self._along(0, clock, state, g.forward * vx)
        sideways = self._along(1, clock, state, g.sideways * vy + g.veer * turning)
        x, y, z = (state.gravity[:, axis, None] for axis in range(3))
        pitch, roll = np.arctan2(x, -z) - g.lean, np.arctan2(-y, -z)
        rates, yaw_rate = state.gyro[:, :2, None], state.gyro[:, 2:]
        angles = state.joint_position[:, :_JOINTS].reshape(len(pitch), 2, 6)
        hip_pitch, hip_roll, knee = angles[:, :, 0], angles[:, :, 1], angles[:, :, 3]
        bend = g.crouch + g.lift * np.sin(np.pi * clock.swing)

        held = (1.0 - g.give_x) * -forward.stance / _LEG + g.give_x * (hip_pitch + knee / 2.0)
        held += clock.load * (g.pitch * pitch + g.pitch_rate * rates[:, 1] + g.hip)
        leg_pitch = np.where(clock.aloft, -forward.swing / _LEG - pitch, held)

        outwards = _HIP * _SIDES
        held = (1.0 - g.give_y) * (sideways.stance - outwards) / _LEG + g.give_y * hip_roll
        hang = clock.load * g.hang * _SIDES
        held += clock.load * (g.roll * roll + g.roll_rate * rates[:, 0]) + hang
        leg_roll = np.where(clock.aloft, (sideways.swing - outwards) / _LEG - roll, held)

        turned = np.where(clock.aloft, clock.moved - 0.5, 0.5 - clock.stance) * _GROUNDED
        level_pitch, level_roll = -(hip_pitch + knee) - pitch - g.lean, -hip_roll - roll
        joints = (
            leg_pitch - bend,
            leg_roll,
            (g.turning * turning + g.skew * vy) * turned
            + clock.load * g.turn_rate * (yaw_rate - turning),
            2.0 * bend + clock.load * g.knee,
            np.where(clock.aloft, level_pitch, -leg_pitch - bend)
            + clock.load * (g.ankle_x * forward.error + g.toes),
            np.where(clock.aloft, level_roll, hang - leg_roll)
            - clock.load * g.ankle_y * sideways.error,
        )
        targets = np.repeat(self._pose[None], len(pitch), axis=0)
        targets[:, :_JOINTS] = np.stack(joints, axis=2).reshape(len(pitch), _JOINTS)
        return np.asarray((targets - self._pose) / self._scale)

    def _along(self, axis: int, clock: _Clock, state: State, told: Floats) -> _Axis:
        """Foot targets forwards (0) or sideways (1), at a commanded speed [k, 1]."""
        g, feet = self._gains, state.foot_position[:, :, axis]
        speed = state.velocity[:, axis, None] / g.frequency
        centre, place = (0.0, g.place_y) if axis else (g.centre, g.place_x)
        apart = g.width * _SIDES * axis
        middle = centre * (1 - axis) + apart / 2.0
        # From a foot that has just landed to the capture point, in steady walking.
        growth = np.exp(g.frequency * _STEP)
        offset = told * _STEP / (growth - 1.0) - apart / (growth + 1.0)
        # The pendulum stands on the other foot until this one lands.
        left = g.frequency * clock.left
        landing = (centre - feet[:, ::-1]) * np.sinh(left) + speed * np.cosh(left) + centre - offset
        way = told * _GROUNDED
        goal = middle + place * (landing - middle)
        goal = np.clip(goal * _SIDES, 0.07, 0.4) * _SIDES if axis else np.clip(goal, -0.4, 0.4)
        start = middle - way / 2.0
        course = offset * np.exp(g.frequency * _STEP * clock.stance)
        return _Axis(
            swing=start + (goal - start) * clock.moved,
            stance=middle + way * (0.5 - clock.stance),
            error=np.clip(centre - feet + speed - course, -0.2, 0.2),
        )


def _clock(phase: Floats) -> _Clock:
    stance = np.clip(phase / STANCE, 0.0, 1.0)
    swing = np.clip((phase - STANCE) / (1.0 - STANCE), 0.0, 1.0)
    moved = np.clip(swing / 0.8, 0.0, 1.0)
    return _Clock(
        aloft=phase >= STANCE,
        stance=stance,
        swing=swing,
        moved=moved * moved * (3.0 - 2.0 * moved),
        load=np.clip(np.minimum(stance, 1.0 - stance) / 0.15, 0.0, 1.0),
        left=np.minimum((1.0 - phase) / GAIT_HZ, _STEP),
    )


__all__ = ["COMMANDS", "ROBOTS", "Gain", "ReferenceController", "ReferenceGains"]
