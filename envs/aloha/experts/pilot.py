"""Motions of two hands that the experts' scripts are built from; each yields actions."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from math import ceil, cos, pi, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray

from envs.aloha.experts.kinematics import ArmKinematics, Matrix, Vector
from envs.aloha.model import SIDES
from envs.aloha.state import AlohaState

CONTROL_HZ: Final = 50

SPEED: Final = 0.22
"""Mean speed of a hand along its path (m/s); it peaks at 1.9 times this halfway."""

TURN_SPEED: Final = 1.5
"""Mean speed of a turn (rad/s)."""

SHORTEST: Final = 0.4
"""Minimum duration of a motion when none is given (s)."""

BENT: Final = 0.8
"""Wrist angle of a hand that points down (rad)."""

LEVEL: Final = 0.4
"""A hand pitched down by less than this (rad) has its wrist bent upwards."""

Action = NDArray[np.float32]
Motion = Generator[Action, AlohaState, None]

FACING: Final = {"left": 0.0, "right": pi}
"""Yaw of each arm (world frame, rad): they face each other along x."""


class GiveUpError(Exception):
    """A task cannot go on; the message says why in a few words."""


@dataclass(frozen=True)
class Hand:
    """Target of a hand.

    Attributes:
        position: of the point between the fingertips (world frame, m).
        pitch: how far the fingers point down from level (rad).
        roll: about the direction in which the fingers point (rad); at 0 they close along y.
        opening: of the gripper, 0 closed to 1 open.
    """

    position: tuple[float, float, float]
    pitch: float
    roll: float = 0.0
    opening: float = 1.0

    def rotation(self, side: str) -> Matrix:
        """Rotation matrix, shape (3, 3), world frame."""
        yaw = FACING[side]
        turns = (
            np.array([[cos(yaw), -sin(yaw), 0], [sin(yaw), cos(yaw), 0], [0, 0, 1]]),
            np.array(
                [
                    [cos(self.pitch), 0, sin(self.pitch)],
                    [0, 1, 0],
                    [-sin(self.pitch), 0, cos(self.pitch)],
                ]
            ),
            np.array(
                [
                    [1, 0, 0],
                    [0, cos(self.roll), -sin(self.roll)],
                    [0, sin(self.roll), cos(self.roll)],
                ]
            ),
        )
        return np.asarray(turns[0] @ turns[1] @ turns[2])

    def at(self, position: Vector) -> "Hand":
        """The same at another position."""
        x, y, z = position
        return replace(self, position=(float(x), float(y), float(z)))

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Hand":
        """The same, shifted along the world axes (m)."""
        return self.at(np.array(self.position) + np.array([x, y, z]))

    def opened(self, opening: float) -> "Hand":
        """The same with another opening."""
        return replace(self, opening=opening)

    def tilted(self, angle: float) -> "Hand":
        """The same, pitched further down (rad)."""
        return replace(self, pitch=self.pitch + angle)

    def numbers(self) -> Vector:
        """Position, pitch, roll and opening, shape (6,)."""
        return np.array([*self.position, self.pitch, self.roll, self.opening])


class Pilot:
    """Moves the two hands.

    Args:
        state: initial true state.
        pace: factor on all speeds.

    Attributes:
        state: the last state received.
        hands: last target of each hand, by side.
    """

    def __init__(self, state: AlohaState, pace: float = 1.0) -> None:
        self.state = state
        self.pace = pace
        self.hands: dict[str, Hand] = {}
        self._arms = {side: ArmKinematics(side) for side in SIDES}
        self._joints = {side: state.joints[side] for side in SIDES}
        for side, arm in self._arms.items():
            arm.reset(state.joints[side])
            position, rotation = arm.tool_pose(state.joints[side])
            pitch = float(np.arcsin(-np.clip(rotation[2, 0], -1.0, 1.0)))
            self.hands[side] = Hand((0, 0, 0), pitch, 0.0, state.openings[side]).at(position)

    def move(
        self,
        left: Hand | None = None,
        right: Hand | None = None,
        *,
        seconds: float | None = None,
        speed: float = SPEED,
        swing: Sequence[str] = (),
    ) -> Motion:
        """Move both hands to their targets in the same time (minimum jerk, Flash and Hogan 1985).

        A hand moves in a straight line, or swings: its joints are then interpolated instead.

        Args:
            left: target of the left hand; None: it stays.
            right: the same for the right hand.
            seconds: duration; None: from distance and turn.
            speed: mean speed of the hand with the longer path (m/s).
            swing: sides that swing.
        """
        starts = {side: hand.numbers() for side, hand in self.hands.items()}
        ends = {
            "left": (left or self.hands["left"]).numbers(),
            "right": (right or self.hands["right"]).numbers(),
        }
        if seconds is None:
            seconds = max(_seconds(starts[side], ends[side], speed) for side in SIDES)
        steps = max(1, ceil(seconds * CONTROL_HZ / self.pace))
        before = dict(self._joints)
        goals = {
            side: self._joints_at(side, Hand(tuple(ends[side][:3]), *ends[side][3:]))
            for side in swing
        }
        for step in range(1, steps + 1):
            s = step / steps
            share = s**3 * (10 - 15 * s + 6 * s * s)
            for side in SIDES:
                x, y, z, *rest = starts[side] + share * (ends[side] - starts[side])
                self.hands[side] = Hand((x, y, z), *rest)
                if side in goals:
                    self._joints[side] = before[side] + share * (goals[side] - before[side])
                    self._arms[side].reset(self._joints[side])
                else:
                    hand = self.hands[side]
                    self._joints[side] = self._arms[side].solve(
                        np.array(hand.position), hand.rotation(side)
                    )
            yield from self.hold(1)

    def hold(self, steps: int) -> Motion:
        """Hold the current targets."""
        for _ in range(steps):
            self.state = yield self.action()

    def grip(self, left: float | None = None, right: float | None = None) -> Motion:
        """Move grippers to openings and wait for the fingers, which take a sixth of a second."""
        hands = self.hands
        wanted_left = None if left is None else hands["left"].opened(left)
        wanted_right = None if right is None else hands["right"].opened(right)
        yield from self.move(wanted_left, wanted_right, seconds=0.3)
        yield from self.hold(12)

    def action(self) -> Action:
        """The action for the current targets, shape (14,)."""
        numbers: list[float] = []
        for side in SIDES:
            numbers += [*self._joints[side], self.hands[side].opening]
        return np.array(numbers, dtype=np.float32)

    def _joints_at(self, side: str, hand: Hand) -> Vector:
        wrist = BENT if hand.pitch > LEVEL else -BENT / 2
        return self._arms[side].joints_at(np.array(hand.position), hand.rotation(side), wrist)


def _seconds(start: Vector, end: Vector, speed: float) -> float:
    way = float(np.linalg.norm(end[:3] - start[:3]))
    turn = float(np.abs(end[3:5] - start[3:5]).max())
    return max(SHORTEST, way / speed, turn / TURN_SPEED)
